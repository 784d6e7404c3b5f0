"""The queue as `queue list` shows it: who trains, who waits, and for what."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heimdall_console.formatting import plain
from heimdall_console.machine import MachineView
from heimdall_console.queue import QueueEntry, read_queue
from heimdall_console.queue_turns import decide
from heimdall_console.settings import load_settings
from training_core.contract.config_file import load_config
from training_core.contract.errors import HeimdallError
from training_core.contract.run_dir import RunDir


@dataclass(frozen=True)
class QueueRow:
    """One run of the queue, or one that holds a place past it."""

    run_id: str
    name: str
    place: int | None
    """Among those that wait, counted from 1; None for a run that trains."""
    accelerator: str
    devices: int
    waits_for: str
    """What it waits for, or what it holds."""
    entry: QueueEntry | None = None
    """None where the run was started past the queue."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        entry = self.entry
        return {
            "id": self.run_id,
            "name": self.name,
            "place": self.place,
            "state": "training" if self.place is None else "waiting",
            "accelerator": self.accelerator,
            "devices": self.devices,
            "after": entry.after if entry else "",
            "gpus": list(entry.gpus) if entry else [],
            "added": entry and entry.added,
            "begun": entry and entry.begun,
            "waits_for": self.waits_for,
        }

    def cells(self) -> list[str]:
        """One cell a column, for a table."""
        asks = f"{self.devices} × {self.accelerator}" if self.accelerator else ""
        place = "trains" if self.place is None else str(self.place)
        return [place, self.run_id, plain(self.name), asks, plain(self.waits_for)]


def queue_rows(home: Path) -> list[QueueRow]:
    """What trains, in the queue or past it, then what waits in its order.

    Raises:
        ConfigError: The settings are wrong.
    """
    view, entries = MachineView(home), read_queue(home)
    machine = view.look(entries, load_settings().queue.cpu_runs)

    def row(entry: QueueEntry, place: int | None, waits_for: str) -> QueueRow:
        gpus = ", ".join(str(index) for index in entry.gpus)
        held = f"on GPU {gpus}" if gpus else ""
        return QueueRow(
            entry.run_id,
            _name(view.run(entry.run_id)),
            place,
            entry.accelerator,
            entry.devices,
            waits_for or held,
            entry,
        )

    waiting = [e for e in entries if e.is_waiting and view.is_unborn(view.run(e.run_id))]
    turns = decide(waiting, machine, view.has_ended)
    rows = [row(entry, None, "") for entry in machine.training]
    told = {entry.run_id for entry in (*machine.training, *waiting)}
    rows += [_past_the_queue(run) for run in view.living() if run.id not in told]
    rows += [
        row(turn.entry, place, turn.waits_for or "nothing, it is about to begin")
        for place, turn in enumerate(turns, start=1)
    ]
    return rows


def _past_the_queue(run: RunDir) -> QueueRow:
    accelerator, devices = "", 0
    with contextlib.suppress(HeimdallError):
        trainer = load_config(run.config_path).trainer
        accelerator, devices = trainer.accelerator, trainer.devices
    return QueueRow(run.id, _name(run), None, accelerator, devices, "past the queue")


def _name(run: RunDir) -> str:
    try:
        return run.read_info().name
    except HeimdallError:
        return ""
