"""Everything that is known of one run, from its own files."""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heimdall_console.publishing_state import PublishingState, read_publishing
from heimdall_console.run_progress import RunProgress
from training_core.contract.checkpoints import (
    CheckpointSidecar,
    best_checkpoints,
    checkpoint_folder,
    own_checkpoints,
)
from training_core.contract.config import Config
from training_core.contract.config_file import load_config
from training_core.contract.config_template import flat_values
from training_core.contract.datasets import read_summary
from training_core.contract.errors import HeimdallError
from training_core.contract.home import home_path
from training_core.contract.lock import is_locked, read_holder
from training_core.contract.run_dir import RunDir, RunInfo
from training_core.contract.run_log import RunLogReader
from training_core.contract.run_status import RunStatus, status_with_lock

# Where the data lie is shown as the dataset.
_SHOWN_ELSEWHERE = frozenset({"data.dataset", "run.experiment"})


@dataclass(frozen=True)
class SavedCheckpoint:
    """One checkpoint of the run."""

    path: Path
    sidecar: CheckpointSidecar
    is_best: bool
    is_last: bool


@dataclass(frozen=True)
class QueuePlace:
    """Where a run stands that waits."""

    place: int
    """Counted from 1."""
    waiting: int
    """How many wait."""
    after: str = ""
    """Run whose end it waits for."""


@dataclass(frozen=True)
class RunFacts:
    """One run as its files say."""

    run: RunDir
    info: RunInfo
    status: RunStatus
    progress: RunProgress
    worker: tuple[int, str] | None
    """Process and machine of the living worker."""
    dataset: str
    """As its configuration names it."""
    dataset_note: str
    """Empty where the dataset is the one that it began with."""
    changed: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    """Dotted key → default and value here, where they differ."""
    config_problem: str = ""
    """Why the configuration could not be read."""
    checkpoints: tuple[SavedCheckpoint, ...] = ()
    publishing: PublishingState | None = None
    """None where the run is not published."""
    queue: QueuePlace | None = None
    broken_lines: int = 0
    """Damaged lines of the log."""
    newer_records: int = 0
    """Records of a newer program, of which only a part is understood."""

    @property
    def reason(self) -> str:
        """Why the run is in this state; empty where nobody said."""
        if self.status is RunStatus.CRASHED:
            return "the worker is gone and wrote no end"
        return self.progress.reason

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        progress = self.progress
        return {
            "id": self.run.id,
            "path": str(self.run.path),
            "status": self.status.value,
            "reason": self.reason,
            "info": self.info.as_fields(),
            "worker": self.worker and {"pid": self.worker[0], "host": self.worker[1]},
            "started": progress.started,
            "ended": progress.ended if self.status.has_ended else None,
            "exit_code": progress.exit_code,
            "error": progress.error,
            "step": progress.step,
            "total_steps": progress.total_steps,
            "epoch": progress.epoch,
            "epochs": progress.epochs,
            "steps_per_s": progress.steps_per_s,
            "remaining_s": progress.remaining_s,
            "best": progress.best,
            "best_epoch": progress.best_epoch,
            "latest": progress.latest,
            "test": progress.test,
            "dataset": self.dataset,
            "dataset_note": self.dataset_note,
            "changed": {key: list(pair) for key, pair in self.changed.items()},
            "checkpoints": [
                {
                    "path": str(saved.path),
                    "is_best": saved.is_best,
                    "is_last": saved.is_last,
                    **saved.sidecar.model_dump(),
                }
                for saved in self.checkpoints
            ],
            "artifacts": progress.artifacts,
            "alerts": list(progress.alerts.values()),
            "hardware": progress.hardware,
            "publishing": self.publishing and self.publishing.as_dict(),
            "queue": self.queue and vars(self.queue),
            "broken_lines": self.broken_lines,
            "newer_records": self.newer_records,
        }


def collect_facts(run: RunDir) -> RunFacts:
    """Read everything of one run; damaged parts are left out and named.

    Raises:
        HeimdallError: The directory is not a run.
    """
    info = run.read_info()
    config, problem = Config(), ""
    try:
        config = load_config(run.config_path)
    except HeimdallError as error:
        problem = str(error)
    progress = RunProgress.of(config)
    reader = RunLogReader(run.log_path)

    def read_state() -> str | None:
        progress.take_new(reader)
        return progress.status or None

    status = status_with_lock(run, read_state)
    holder = read_holder(run.lock_path) if is_locked(run.lock_path) else None
    is_published = config.tracking.enabled and run.has_publisher
    return RunFacts(
        run=run,
        info=info,
        status=status,
        progress=progress,
        worker=(holder.pid, holder.host) if holder else None,
        dataset=config.data.dataset or config.data.class_path,
        dataset_note=_dataset_note(config, info),
        changed=_changed(config),
        config_problem=problem,
        checkpoints=_checkpoints(run, config),
        publishing=read_publishing(run) if is_published else None,
        queue=_queue_place(run) if status is RunStatus.QUEUED else None,
        broken_lines=reader.broken,
        newer_records=reader.newer,
    )


def _changed(config: Config) -> dict[str, tuple[Any, Any]]:
    defaults = flat_values(Config())
    return {
        key: (defaults.get(key), value)
        for key, value in flat_values(config).items()
        if value != defaults.get(key) and key not in _SHOWN_ELSEWHERE
    }


def _dataset_note(config: Config, info: RunInfo) -> str:
    if not config.data.dataset or not info.dataset_fingerprint:
        return ""
    try:
        summary = read_summary(Path(config.data.dataset))
    except HeimdallError:
        return "it is no longer there"
    if summary is None or summary.fingerprint == info.dataset_fingerprint:
        return ""
    return "it has changed since"


def _checkpoints(run: RunDir, config: Config) -> tuple[SavedCheckpoint, ...]:
    own = own_checkpoints(run, config.checkpoint.directory)
    folder = checkpoint_folder(run, config.checkpoint.directory)
    ranked = best_checkpoints(own)
    return tuple(
        SavedCheckpoint(
            folder / sidecar.file,
            sidecar,
            is_best=bool(ranked) and sidecar is ranked[0],
            is_last=sidecar is own[-1],
        )
        for sidecar in own
    )


def _queue_place(run: RunDir) -> QueuePlace | None:
    from heimdall_console.queue import waiting

    entries = waiting(home_path())
    with contextlib.suppress(StopIteration):
        place, entry = next((i, e) for i, e in enumerate(entries, 1) if e.run_id == run.id)
        return QueuePlace(place, len(entries), entry.after)
    return None
