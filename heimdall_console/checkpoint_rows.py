"""The checkpoints of a run, one row each, with all that keeps them from being pruned."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from heimdall_console.checkpoint_reference import checkpoint_directory
from heimdall_console.job_rows import JobRow, list_jobs
from heimdall_console.local_exports import LocalExport, exports_of, registered_models
from training_core.contract.checkpoint_use import READ_BY_JOBS, needed_checkpoints
from training_core.contract.checkpoints import (
    CheckpointSidecar,
    best_checkpoints,
    checkpoint_folder,
    chosen_checkpoint,
    own_checkpoints,
)
from training_core.contract.errors import CheckpointError
from training_core.contract.run_dir import RunDir

BEST: Final = "best"
LAST: Final = "last"
EXPORTED: Final = "exported"
REGISTERED: Final = "registered"
IN_USE: Final = "in use"
KEPT: Final = "kept"
_PROTECTING: Final = (BEST, LAST, EXPORTED, REGISTERED, IN_USE)
_ON_REQUEST: Final = "request"


@dataclass(frozen=True)
class CheckpointRow:
    """One checkpoint and what is known of it."""

    path: Path
    sidecar: CheckpointSidecar
    marks: tuple[str, ...]
    """Of best, last, exported, registered, in use and kept."""
    exports: tuple[LocalExport, ...] = ()
    """Made from it, the oldest first."""
    registered: tuple[str, ...] = ()
    """Versions made of those, as `name v3 (as @alias)`."""
    rank: int | None = None
    """Its place by the monitored metric, from 1; None without a finite value."""

    @property
    def name(self) -> str:
        """Its file without the ending."""
        return self.sidecar.file.removesuffix(".ckpt")

    @property
    def value(self) -> float | None:
        """The monitored metric at the save."""
        return self.sidecar.metrics.get(self.sidecar.monitor)

    @property
    def protection(self) -> str:
        """Why it may not be pruned; empty where it may."""
        return ", ".join(mark for mark in self.marks if mark in _PROTECTING)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "path": str(self.path),
            **self.sidecar.model_dump(),
            "rank": self.rank,
            "marks": list(self.marks),
            "exports": [str(export.folder) for export in self.exports],
            "registered": list(self.registered),
        }


def checkpoint_rows(
    run: RunDir, home: Path, jobs: Sequence[JobRow] | None = None
) -> list[CheckpointRow]:
    """Every checkpoint of a run, the oldest first.

    Args:
        run: The run.
        home: Where other runs and jobs are that may need them.
        jobs: The jobs of the home; looked up when None.
    """
    jobs = list_jobs(home) if jobs is None else jobs
    directory = checkpoint_directory(run)
    folder = checkpoint_folder(run, directory)
    own = own_checkpoints(run, directory)
    ranked = [sidecar.file for sidecar in best_checkpoints(own)]
    best, last = chosen_checkpoint(own), chosen_checkpoint(own, "last")
    exports = exports_of(run, jobs)
    registered = registered_models(run, jobs)
    needed = needed_checkpoints(home) | _read_by_jobs(jobs)
    rows = []
    for sidecar in own:
        made = tuple(e for e in exports if e.checkpoint_sha256 == sidecar.sha256)
        versions = dict.fromkeys(registered.by_checkpoint.get(sidecar.sha256, ()))
        for export in made:
            versions |= dict.fromkeys(registered.by_model.get(export.sha256, ()))
        is_needed = (folder / sidecar.file).resolve() in needed
        marks = {
            BEST: best is not None and sidecar.file == best.file,
            LAST: last is not None and sidecar.file == last.file,
            EXPORTED: bool(made),
            REGISTERED: bool(versions),
            IN_USE: is_needed,
            KEPT: sidecar.reason == _ON_REQUEST or (sidecar.is_exported and not made),
        }
        rows.append(
            CheckpointRow(
                path=folder / sidecar.file,
                sidecar=sidecar,
                marks=tuple(mark for mark, is_set in marks.items() if is_set),
                exports=made,
                registered=tuple(versions),
                rank=ranked.index(sidecar.file) + 1 if sidecar.file in ranked else None,
            )
        )
    return rows


def find_checkpoints(rows: Sequence[CheckpointRow], names: Iterable[str]) -> list[CheckpointRow]:
    """The checkpoints that are named by file, path, unique start, or `step=1234`.

    Raises:
        CheckpointError: A name fits none, or several.
    """
    found: dict[Path, CheckpointRow] = {}
    for name in names:
        wanted = Path(name).name
        fitting = [r for r in rows if wanted in (r.sidecar.file, r.name, f"step={r.sidecar.step}")]
        fitting = fitting or [r for r in rows if wanted and r.name.startswith(wanted)]
        if len(fitting) != 1:
            raise CheckpointError(
                f"{name} fits several checkpoints" if fitting else f"There is no checkpoint {name}",
                why=", ".join(row.name for row in (fitting or rows)[:8]) + " are there"
                if rows
                else "The run has none",
                unharmed="Nothing was changed",
                action="Name one by its file, or as step=N",
            )
        found[fitting[0].path] = fitting[0]
    return list(found.values())


def _read_by_jobs(jobs: Iterable[JobRow]) -> set[Path]:
    """Checkpoints that living jobs read."""
    found = set()
    for job in jobs:
        if not job.status.has_ended:
            for key in READ_BY_JOBS:
                given = str(job.arguments.get(key) or "")
                if given.endswith(".ckpt"):
                    found.add(Path(given).resolve())
    return found
