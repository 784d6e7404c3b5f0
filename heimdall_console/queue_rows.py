"""The queue as `queue list` shows it: who trains, who waits, and for what."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heimdall_console.formatting import plain
from heimdall_console.machine import MachineView
from heimdall_console.queue import QueueEntry, read_queue
from heimdall_console.queue_turns import decide
from heimdall_console.settings import load_settings
from training_core.contract.errors import HeimdallError


@dataclass(frozen=True)
class QueueRow:
    """One run of the queue."""

    entry: QueueEntry
    name: str
    place: int | None
    """Among those that wait, counted from 1; None for a run that trains."""
    waits_for: str

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        entry = self.entry
        return {
            "id": entry.run_id,
            "name": self.name,
            "place": self.place,
            "state": "training" if self.place is None else "waiting",
            "accelerator": entry.accelerator,
            "devices": entry.devices,
            "after": entry.after,
            "gpus": list(entry.gpus),
            "added": entry.added,
            "begun": entry.begun,
            "waits_for": self.waits_for,
        }

    def cells(self) -> list[str]:
        """One cell a column, for a table."""
        entry = self.entry
        asks = f"{entry.devices} × {entry.accelerator}"
        place = "trains" if self.place is None else str(self.place)
        return [place, entry.run_id, plain(self.name), asks, plain(self.waits_for)]


def queue_rows(home: Path) -> list[QueueRow]:
    """What trains, then what waits in its order.

    Raises:
        ConfigError: The settings are wrong.
    """
    view, entries = MachineView(home), read_queue(home)
    machine = view.look(entries, load_settings().queue.cpu_runs)

    def name(entry: QueueEntry) -> str:
        try:
            return view.run(entry.run_id).read_info().name
        except HeimdallError:
            return ""

    def row(entry: QueueEntry, place: int | None, waits_for: str) -> QueueRow:
        gpus = ", ".join(str(index) for index in entry.gpus)
        held = f"on GPU {gpus}" if gpus else ""
        return QueueRow(entry, name(entry), place, waits_for or held)

    waiting = [e for e in entries if e.is_waiting and view.is_unborn(view.run(e.run_id))]
    turns = decide(waiting, machine, view.has_ended)
    rows = [row(entry, None, "") for entry in machine.training]
    rows += [
        row(turn.entry, place, turn.waits_for or "nothing, it is about to begin")
        for place, turn in enumerate(turns, start=1)
    ]
    return rows
