"""Which checkpoints may go by a rule, and removing them."""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from training_core.contract.checkpoint_use import needed_checkpoints, read_by_jobs
from training_core.contract.checkpoints import (
    CheckpointSidecar,
    best_checkpoints,
    checkpoint_folder,
    own_checkpoints,
    sidecar_path,
)
from training_core.contract.config_file import load_config
from training_core.contract.errors import HeimdallError, UsageError
from training_core.contract.lock import is_locked
from training_core.contract.run_dir import RunDir


@dataclass(frozen=True)
class Rule:
    """What stays."""

    keep_best: int = 1
    """Best by the monitored metric."""
    keep_last: int = 1
    """Most recent ones."""
    older_than_s: float = 0.0
    """Younger ones stay as well, seconds."""


@dataclass(frozen=True)
class Prunable:
    """One checkpoint that may go."""

    run: RunDir
    path: Path
    sidecar: CheckpointSidecar


def plan_pruning(runs: Iterable[RunDir], rule: Rule, home: Path) -> list[Prunable]:
    """Checkpoints that a rule lets go, oldest first within a run.

    Never the only one of a run, nor one that another run is about to start from or a job reads;
    of a run that is being trained the best and the last one stay whatever the rule says.
    """
    needed = needed_checkpoints(home)
    now = time.time()
    planned = [found for run in runs for found in _plan_run(run, rule, needed, now)]
    read = read_by_jobs(home, [item.path for item in planned])
    return [item for item in planned if item.path not in read]


def prune(planned: Iterable[Prunable]) -> int:
    """Remove checkpoints, each before its sidecar; returns the bytes freed.

    Raises:
        HeimdallError: A file cannot be removed.
    """
    freed = 0
    for item in planned:
        try:
            freed += item.path.stat().st_size if item.path.exists() else 0
            # The other way round, a checkpoint would be left that nobody counts any more.
            item.path.unlink(missing_ok=True)
            sidecar_path(item.path).unlink(missing_ok=True)
        except OSError as error:
            raise HeimdallError(
                f"{item.path} was not removed",
                why=error.strerror or str(error),
                unharmed="What the rule keeps is as it was",
                action="Make the folder writable and prune again",
            ) from error
    return freed


def _plan_run(run: RunDir, rule: Rule, needed: set[Path], now: float) -> list[Prunable]:
    try:
        configured = load_config(run.config_path).checkpoint.directory
    except HeimdallError:
        return []
    own = own_checkpoints(run, configured)
    if len(own) < 2:
        return []
    # A worker may die at any moment and is then resumed from its last checkpoint.
    least = 1 if is_locked(run.lock_path) else 0
    best = best_checkpoints(own)[: max(rule.keep_best, least)]
    last = own[len(own) - max(rule.keep_last, least) :] if max(rule.keep_last, least) else []
    kept = {sidecar.file for sidecar in (*best, *last)} or {own[-1].file}
    folder = checkpoint_folder(run, configured)
    return [
        Prunable(run, folder / sidecar.file, sidecar)
        for sidecar in own
        if sidecar.file not in kept
        and now - sidecar.created >= rule.older_than_s
        and (folder / sidecar.file).resolve() not in needed
    ]


def parse_age(text: str) -> float:
    """Seconds of an age such as `30d`, `12h` or `45min`.

    Raises:
        UsageError: It is none.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(d|h|min|s)\s*", text)
    if found is None:
        raise UsageError(
            f"{text!r} is not an age",
            unharmed="Nothing was changed",
            action="Write a number with d, h, min or s, such as 30d",
        )
    return float(found[1]) * {"d": 86400.0, "h": 3600.0, "min": 60.0, "s": 1.0}[found[2]]
