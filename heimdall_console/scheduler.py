"""The one process of a home that gives waiting runs their turn.

`python -m heimdall_console.scheduler HOME`; whatever queues a run starts it, and it ends when
nothing waits. All that it knows is on the disk: killed at any moment, its successor goes on.
A worker that was started twice is no harm: the second one is refused by the run's lock and log.
"""

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Final

from heimdall_console.launcher import Worker, start_run
from heimdall_console.machine import MachineView
from heimdall_console.queue import (
    QueueEntry,
    queue_lock,
    read_queue,
    remove_entry,
    scheduler_lock_path,
    waiting,
    write_entry,
)
from heimdall_console.queue_turns import decide
from heimdall_console.settings import Settings, load_settings
from training_core.contract.ending import write_end
from training_core.contract.errors import ExitCode, HeimdallError, UsageError
from training_core.contract.home import ensure_folder, queue_folder
from training_core.contract.lock import WorkerLock, is_locked
from training_core.contract.run_dir import RunDir
from training_core.contract.run_status import RunStatus

_POLL_S: Final = 0.4


class Scheduler:
    """Looks at the queue; `turn` does what can be done now."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._view = MachineView(home)
        self._settings = Settings()
        self._workers: dict[str, Worker] = {}

    def turn(self) -> None:
        """Settle what has begun, then begin what may.

        Raises:
            HeimdallError: The home is not writable.
        """
        self._read_settings()
        for entry in read_queue(self._home):
            # One run whose directory refuses must not hold up the others.
            with contextlib.suppress(HeimdallError, OSError):
                self._settle(entry)
        entries = read_queue(self._home)
        waiting_now = [entry for entry in entries if entry.is_waiting]
        if not waiting_now:
            return
        machine = self._view.look(entries, self._settings.queue.cpu_runs)
        for turn in decide(waiting_now, machine, self._view.has_ended):
            if turn.begins:
                self._begin(turn.entry, turn.gpus)

    def has_work(self) -> bool:
        """Whether something waits, or was given its turn and has not been born."""
        return any(
            entry.is_waiting or self._view.is_unborn(self._view.run(entry.run_id))
            for entry in read_queue(self._home)
        )

    def _read_settings(self) -> None:
        # A file that is being edited may be wrong for a moment: the last good one counts.
        with contextlib.suppress(HeimdallError):
            self._settings = load_settings()

    def _settle(self, entry: QueueEntry) -> None:
        run = self._view.run(entry.run_id)
        if is_locked(run.lock_path):
            return
        if not self._view.is_unborn(run):
            # It has ended, was killed while it waited, or is gone.
            self._forget(entry)
        elif not entry.is_waiting:
            worker = self._workers.get(entry.run_id)
            if worker is None:
                # The scheduler before this one died between its turn and its worker's first word.
                self._start(entry)
            elif worker.has_left and not is_locked(run.lock_path) and self._view.is_unborn(run):
                self._bury(run, "The worker ended before it began; see its output")

    def _forget(self, entry: QueueEntry) -> None:
        with queue_lock(self._home):
            current = [e for e in read_queue(self._home) if e.run_id == entry.run_id]
            # It may have been queued again meanwhile, to be resumed.
            if current == [entry] and not self._view.is_unborn(self._view.run(entry.run_id)):
                remove_entry(self._home, entry.run_id)
        self._workers.pop(entry.run_id, None)

    def _begin(self, entry: QueueEntry, gpus: tuple[int, ...]) -> None:
        with queue_lock(self._home):
            if entry not in waiting(self._home):
                # It was moved or cancelled meanwhile.
                return
            begun = entry.model_copy(update={"begun": time.time(), "gpus": gpus})
            write_entry(self._home, begun)
        self._start(begun)

    def _start(self, entry: QueueEntry) -> None:
        run = self._view.run(entry.run_id)
        environment = {}
        if entry.gpus:
            # CUDA's own order puts the fastest first; ours is the driver's.
            visible = ",".join(str(index) for index in entry.gpus)
            environment = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": visible}
        folder = Path(entry.working_folder)
        try:
            worker = start_run(run, environment, folder if folder.is_dir() else self._home)
        except HeimdallError as error:
            self._bury(run, str(error))
        else:
            self._workers[entry.run_id] = worker
            print(f"{run.id} begins as process {worker.pid}", flush=True)

    def _bury(self, run: RunDir, reason: str) -> None:
        print(f"{run.id}: {reason}", flush=True)
        write_end(run, RunStatus.FAILED, reason, ExitCode.FAILED)


def main(home: Path) -> int:
    """Work until nothing waits; the return value is the exit code."""
    os.environ["HEIMDALL_HOME"] = str(home)
    ensure_folder(queue_folder(home))
    try:
        lock = WorkerLock(scheduler_lock_path(home))
    except UsageError:
        # Another one lives.
        return 0
    scheduler, said = Scheduler(home), ""
    while True:
        try:
            scheduler.turn()
            with queue_lock(home):
                # Who queues a run holds the same lock, and looks for a scheduler afterwards.
                if not scheduler.has_work():
                    lock.release()
                    return 0
        except (HeimdallError, OSError) as error:
            # What lasts, such as a full disk, is said once.
            if str(error) != said:
                said = str(error)
                print(said, file=sys.stderr, flush=True)
        time.sleep(_POLL_S)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
