"""The checkpoints of one run as a screen shows them, read together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from heimdall_console.checkpoint_archive import CheckpointDetails
from heimdall_console.checkpoint_reference import checkpoint_directory
from heimdall_console.checkpoint_rows import BEST, LAST, CheckpointRow, checkpoint_rows
from heimdall_console.checkpoint_text import (
    Pair,
    detail_pairs,
    fact_pairs,
    metric_pairs,
    proof_pairs,
    shape_text,
)
from heimdall_console.checkpoint_trash import Pruned, list_trash
from heimdall_console.formatting import age, counted, plain, size
from heimdall_console.job_rows import JobRow
from training_core.contract.checkpoints import checkpoint_folder
from training_core.contract.errors import HeimdallError
from training_core.contract.run_dir import find_run

SORT_IDS: Final = ("step", "value", "size", "saved", "checkpoint")
"""Columns that a table is sorted by, in turn."""


@dataclass(frozen=True)
class CheckpointList:
    """What there is."""

    run_id: str
    rows: tuple[CheckpointRow, ...]
    trash: tuple[Pruned, ...]

    @property
    def size_bytes(self) -> int:
        """Of all checkpoints."""
        return sum(row.sidecar.size_bytes for row in self.rows)

    @property
    def monitor(self) -> str:
        """Metric that ranks them; empty without any."""
        return next((row.sidecar.monitor for row in self.rows if row.sidecar.monitor), "")

    def total_text(self) -> str:
        """How many, how large, what is in the trash."""
        said = f"{counted(len(self.rows), 'checkpoint')}, {size(self.size_bytes)}"
        if self.trash:
            files = sum(len(pruned.files) for pruned in self.trash)
            held = size(sum(pruned.size_bytes for pruned in self.trash))
            said += f"   trash: {files}, {held}"
        return said


def read_list(home: Path, run_id: str, jobs: Sequence[JobRow] | None) -> CheckpointList:
    """Read everything about the checkpoints of a run.

    Raises:
        UsageError: There is no such run.
    """
    run = find_run(home, run_id)
    return CheckpointList(run.id, tuple(checkpoint_rows(run, home, jobs)), tuple(list_trash(run)))


def folder_stamp(home: Path, run_id: str) -> int:
    """What changes when a run saves or removes a checkpoint; 0 without a folder.

    Raises:
        UsageError: There is no such run.
    """
    run = find_run(home, run_id)
    try:
        return checkpoint_folder(run, checkpoint_directory(run)).stat().st_mtime_ns
    except OSError:
        return 0


def sorted_rows(
    rows: Sequence[CheckpointRow], column: str, *, is_descending: bool
) -> list[CheckpointRow]:
    """The checkpoints by a column; those without a value of it come last."""

    def key(row: CheckpointRow) -> float | str:
        sidecar = row.sidecar
        if column == "checkpoint":
            return row.name
        return {"size": sidecar.size_bytes, "saved": sidecar.created}.get(column, sidecar.step)

    if column == "value":
        ranked = sorted((r for r in rows if r.rank is not None), key=lambda r: r.rank or 0)
        others = [row for row in rows if row.rank is None]
        return [*(reversed(ranked) if is_descending else ranked), *others]
    return sorted(rows, key=key, reverse=is_descending)


def sections(
    row: CheckpointRow,
    details: CheckpointDetails | HeimdallError | None,
    now: float,
    *,
    with_tensors: bool,
) -> list[tuple[str, list[Pair]]]:
    """All that is known of a checkpoint, for a pane.

    Args:
        row: The checkpoint.
        details: What lies inside, why it cannot be looked into, or None while it is read.
        now: Seconds since 1970.
        with_tensors: Whether every tensor is named.
    """
    found = [("", fact_pairs(row, now))]
    if isinstance(details, CheckpointDetails):
        found.append(("inside, without loading it", detail_pairs(details)))
        if with_tensors:
            found.append(("tensors", tensor_pairs(details)))
    elif details is not None:
        found.append(("inside", [("error", f"{details.what}. {details.why}")]))
    if row.sidecar.metrics:
        found.append(("metrics at the save", metric_pairs(row)))
    for export in row.exports:
        title = f"proof of {plain(export.folder.name)}, {age(now - export.created)}"
        found.append((title, [*proof_pairs(export.proof), ("sha256", export.sha256)]))
    return found


def tensor_pairs(details: CheckpointDetails) -> list[Pair]:
    """Every tensor on a line of its own: shape, type, size, name."""
    return [
        (shape_text(t.shape), f"{plain(t.dtype)}  {size(t.size_bytes)}  {plain(t.name)}")
        for t in details.tensors
    ]


def prune_text(rows: Sequence[CheckpointRow]) -> str:
    """What is about to be pruned, for a question."""
    lines = [f"{row.name}   {size(row.sidecar.size_bytes)}" for row in rows[:8]]
    if len(rows) > 8:
        lines.append(f"and {len(rows) - 8} more")
    freed = size(sum(row.sidecar.size_bytes for row in rows))
    kept = [row for row in rows if "kept" in row.marks]
    note = f"\nSaved on request: {len(kept)} of them." if kept else ""
    return (
        plain("\n".join(lines), keep_lines=True)
        + f"\n\n{freed} will be free once the trash is emptied.{note}\n"
        "u brings them back until then."
    )


def best_or_last(rows: Sequence[CheckpointRow]) -> CheckpointRow | None:
    """The checkpoint that a person most likely wants."""
    for mark in (BEST, LAST):
        for row in rows:
            if mark in row.marks:
                return row
    return None
