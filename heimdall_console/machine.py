"""What this machine has for runs now: GPUs, places on the CPU, and who holds them."""

import contextlib
import os
from dataclasses import replace
from pathlib import Path

from heimdall_console.gpu_occupancy import GpuOccupancy
from heimdall_console.queue import QueueEntry
from heimdall_console.queue_turns import Machine, device_kind
from training_core.contract.config_file import load_config
from training_core.contract.errors import HeimdallError
from training_core.contract.home import runs_folder
from training_core.contract.lock import is_locked
from training_core.contract.run_dir import RunDir
from training_core.contract.run_status import RunStatus, recorded_state


class MachineView:
    """Looks at the machine again and again; of the logs only what has grown is read."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._occupancy = GpuOccupancy()
        self._states: dict[str, tuple[int, str | None]] = {}
        self._free_locks: dict[str, int] = {}
        self._others: list[RunDir] = []

    def look(self, entries: list[QueueEntry], cpu_places: int) -> Machine:
        """What there is and what is taken.

        Args:
            entries: The whole queue.
            cpu_places: Runs that may train on the CPU at once.
        """
        gpus = self._occupancy.look()
        training = [e for e in entries if not e.is_waiting and self.holds_devices(e)]
        machine = Machine(gpus, cpu_places, training, cpu_others=0)
        kinds = {device_kind(e.accelerator, gpus) for e in entries if e.is_waiting}
        room = cpu_places - machine.cpu_held
        known = {entry.run_id for entry in entries}
        others = [run for run in self._others if run.id not in known and is_locked(run.lock_path)]
        # Every run of the home is looked at only where one of them could be in the way.
        if "cpu" in kinds and len(others) < room:
            living = [run for run in self.living() if run.id not in known]
            others = [run for run in living if device_kind(_accelerator(run), gpus) == "cpu"]
        self._others = others
        return replace(machine, cpu_others=len(others))

    def holds_devices(self, entry: QueueEntry) -> bool:
        """Whether a run that had its turn has not ended; it may still be about to begin."""
        run = self.run(entry.run_id)
        return is_locked(run.lock_path) or self.is_unborn(run)

    def is_unborn(self, run: RunDir) -> bool:
        """Whether a run is queued and no worker has begun it."""
        return run.path.is_dir() and self.state(run) in (None, RunStatus.QUEUED)

    def has_ended(self, run_id: str) -> bool:
        """Whether a run has ended, however, or is gone."""
        run = self.run(run_id)
        return not is_locked(run.lock_path) and not self.is_unborn(run)

    def state(self, run: RunDir) -> str | None:
        """Its last state record."""
        try:
            size = run.log_path.stat().st_size
        except OSError:
            return None
        known = self._states.get(run.id)
        if known is None or known[0] != size:
            known = self._states[run.id] = (size, recorded_state(run))
        return known[1]

    def run(self, run_id: str) -> RunDir:
        """The directory of a run of this home."""
        return RunDir(runs_folder(self._home) / run_id)

    def living(self) -> list[RunDir]:
        """Every run of this home whose worker lives, the oldest first."""
        living = []
        folder = str(runs_folder(self._home))
        try:
            names = [name for name in os.listdir(folder) if not name.startswith(".")]
        except FileNotFoundError:
            return []
        for name in sorted(names):
            # Thousands of runs, a few times a second: no path objects here.
            lock = f"{folder}/{name}/worker.lock"
            with contextlib.suppress(OSError):
                # Who takes a lock writes into its file: one that was free and is as it was is free.
                changed_ns = os.stat(lock).st_mtime_ns
                if self._free_locks.get(name) == changed_ns:
                    continue
                if is_locked(Path(lock)):
                    living.append(self.run(name))
                else:
                    self._free_locks[name] = changed_ns
        return living


def _accelerator(run: RunDir) -> str:
    try:
        return load_config(run.config_path).trainer.accelerator
    except HeimdallError:
        return "auto"
