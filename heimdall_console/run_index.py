"""The runs on this disk, one summary each."""

import math
from dataclasses import dataclass
from pathlib import Path

from training_core.contract.checkpoints import best_checkpoints, own_checkpoints
from training_core.contract.errors import HeimdallError
from training_core.contract.home import runs_folder
from training_core.contract.run_dir import RunDir, RunInfo
from training_core.contract.run_status import RunStatus, run_status


@dataclass(frozen=True)
class RunSummary:
    """One row of `runs list`."""

    info: RunInfo
    path: Path
    status: RunStatus
    monitor: str
    """Metric that ranks its checkpoints; empty without any."""
    best: float | None
    """Its best value."""
    metrics: dict[str, float]
    """All metrics of the best checkpoint."""


def list_runs(home: Path) -> list[RunSummary]:
    """Every run of a home, the newest first; damaged directories are left out."""
    folder = runs_folder(home)
    paths = sorted(folder.iterdir(), reverse=True) if folder.is_dir() else []
    return [run for path in paths if (run := _summary(RunDir(path))) is not None]


def _summary(run: RunDir) -> RunSummary | None:
    if run.id.startswith("."):
        return None
    try:
        info = run.read_info()
    except HeimdallError:
        return None
    from heimdall_console.checkpoint_reference import checkpoint_directory

    ranked = best_checkpoints(own_checkpoints(run, checkpoint_directory(run)))
    best = ranked[0] if ranked else None
    value = best.metrics.get(best.monitor, math.nan) if best else math.nan
    return RunSummary(
        info=info,
        path=run.path,
        status=run_status(run),
        monitor=best.monitor if best else "",
        best=value if math.isfinite(value) else None,
        metrics=dict(best.metrics) if best else {},
    )
