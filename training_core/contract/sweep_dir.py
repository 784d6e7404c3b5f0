"""The directory of a sweep: its names, what was asked for, and how far it is."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from training_core.contract.errors import HeimdallError, UsageError
from training_core.contract.files import read_regular, write_atomic
from training_core.contract.run_dir import is_run_id


class SweepInfo(BaseModel):
    """`sweep.json`: what is known of a sweep before its first trial; written once."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    """The same on every machine that shares the study; MLflow finds the sweep by it."""
    name: str
    """Name of the directory, and of the study."""
    experiment: str
    """Experiment of its runs."""
    created: float
    """Seconds since 1970, UTC."""
    storage: str = ""
    """Where the study lives, without a password; empty means `study.db` beside this file."""
    config_file: str = ""
    """File that the configuration came from."""
    working_folder: str = ""
    """Where it was begun: its workers look there for modules of one's own."""


class SweepSummary(BaseModel):
    """`summary.json`: how far a sweep is; written whole after every trial."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    status: Literal["running", "finished", "stopped", "failed"] = "running"
    """finished: nothing is left to try; stopped: a person asked; failed: no trial came through."""
    reason: str = ""
    """Why it has ended so, for a person."""
    trials: dict[str, int] = {}
    """running, complete, pruned, failed → how many, on every machine."""
    monitor: str = ""
    """Metric that trials are compared by."""
    mode: str = "min"
    """Whether a small or a large value of it is good."""
    best_value: float | None = None
    """The best one; None before a trial is complete."""
    best_trial: int | None = None
    """Number of the trial that reached it."""
    best_run: str = ""
    """Run of that trial."""
    best_params: dict[str, Any] = {}
    """Dotted key → value of that trial."""
    space: dict[str, str] = {}
    """Dotted key → what was tried of it, in words."""
    updated: float = 0.0
    """Seconds since 1970, UTC."""


@dataclass(frozen=True)
class SweepDir:
    """Names inside the directory of one sweep."""

    path: Path

    @property
    def name(self) -> str:
        """The sweep's name is the name of its directory."""
        return self.path.name

    @property
    def info_path(self) -> Path:
        """`sweep.json`."""
        return self.path / "sweep.json"

    @property
    def config_path(self) -> Path:
        """The configuration that every trial changes."""
        return self.path / "config.toml"

    @property
    def space_path(self) -> Path:
        """What is tried."""
        return self.path / "space.toml"

    @property
    def study_path(self) -> Path:
        """The study, where no other storage was named."""
        return self.path / "study.db"

    @property
    def best_path(self) -> Path:
        """The configuration of the best trial."""
        return self.path / "best.toml"

    @property
    def summary_path(self) -> Path:
        """How far it is."""
        return self.path / "summary.json"

    @property
    def lock_path(self) -> Path:
        """Held by the process that gives out trials."""
        return self.path / "sweep.lock"

    @property
    def tracking_lock_path(self) -> Path:
        """Held while the run of the sweep in MLflow is looked for or made."""
        return self.path / "tracking.lock"

    @property
    def publishing_path(self) -> Path:
        """What the process that publishes the sweep printed."""
        return self.path / "publishing.log"

    def read_info(self) -> SweepInfo:
        """Read `sweep.json`.

        Raises:
            HeimdallError: It is missing or damaged.
        """
        try:
            return SweepInfo.model_validate_json(read_regular(self.info_path))
        except (OSError, ValidationError) as error:
            raise HeimdallError(
                f"{self.path} is not a sweep",
                why="Its sweep.json is missing or damaged",
                unharmed="Nothing was started and its runs are as they were",
                action="Choose another --name",
            ) from error

    def read_summary(self) -> SweepSummary:
        """How far it is; as at its begin where that is not written yet or damaged."""
        try:
            return SweepSummary.model_validate_json(read_regular(self.summary_path))
        except (OSError, ValidationError):
            return SweepSummary()

    def write_summary(self, summary: SweepSummary) -> None:
        """Replace `summary.json`.

        Raises:
            OSError: The disk is full or not writable.
        """
        told = summary.model_copy(update={"updated": time.time()})
        write_atomic(self.summary_path, told.model_dump_json(indent=2).encode())


def sweeps_folder(home: Path) -> Path:
    """Where sweeps live."""
    return home / "sweeps"


def sweep_dir(home: Path, name: str) -> SweepDir:
    """The directory of a sweep, whether it is there or not.

    Raises:
        UsageError: It can be no sweep's name.
    """
    if not is_run_id(name):
        raise UsageError(
            f"{name!r} cannot be the name of a sweep",
            why="It is the name of a folder, too",
            unharmed="Nothing was started",
            action="Use letters, digits, hyphens, underscores and dots, at most 100",
        )
    return SweepDir(sweeps_folder(home) / name)
