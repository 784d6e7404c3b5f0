"""How far a sweep is: counts, the best trial, and the time that is left."""

import statistics
from dataclasses import dataclass

from heimdall_console.sweeping.search import Search
from heimdall_console.sweeping.study import Best, decoded
from heimdall_console.sweeping.sweep_making import Sweep
from heimdall_console.sweeping.trial_run import TrialRun
from training_core.contract.sweep_dir import SweepSummary


@dataclass(frozen=True)
class SweepView:
    """What a display shows."""

    name: str
    monitor: str
    planned: int
    """Trials in all."""
    counts: dict[str, int]
    """running, complete, pruned, failed → how many."""
    best: Best | None
    running: tuple[TrialRun, ...]
    remaining_s: float | None
    """None while nobody can know."""

    @property
    def ended(self) -> int:
        """Trials that have ended, however."""
        return sum(self.counts.values()) - self.counts["running"]


def look_at(search: Search, workers: int) -> SweepView:
    """A sweep as it is now."""
    study = search.sweep.study
    counts = study.counts()
    return SweepView(
        search.sweep.info.name,
        search.sweep.config.checkpoint.monitor,
        search.limits.trials,
        counts,
        study.best(),
        tuple(search.running),
        remaining_s(
            study.durations_s(),
            [trial.progress.remaining_s for trial in search.running],
            search.remaining_trials(counts),
            workers,
        ),
    )


def remaining_s(
    past_s: list[float], running_s: list[float | None], to_begin: int, workers: int
) -> float | None:
    """Seconds until all trials have ended, as the ended ones suggest.

    Args:
        past_s: How long trials took that have ended.
        running_s: What each of those that run still takes, where it knows.
        to_begin: Trials that have not begun.
        workers: Runs at once.
    """
    usual_s = statistics.median(past_s) if past_s else None
    if usual_s is None and (to_begin or None in running_s):
        return None
    known_s = [(usual_s or 0.0) / 2 if left_s is None else left_s for left_s in running_s]
    return (sum(known_s) + to_begin * (usual_s or 0.0)) / max(1, min(workers, to_begin or workers))


def summary_of(sweep: Sweep, status: str, reason: str = "") -> SweepSummary:
    """The sweep as its directory tells it."""
    best = sweep.study.best()
    checkpoint = sweep.config.checkpoint
    told = SweepSummary(
        reason=reason,
        trials=sweep.study.counts(),
        monitor=checkpoint.monitor,
        mode=checkpoint.mode,
        space={dimension.key: dimension.text() for dimension in sweep.dimensions},
    )
    changes: dict[str, object] = {"status": status}
    if best is not None:
        changes |= {
            "best_value": best.value,
            "best_trial": best.number,
            "best_run": best.run_id,
            "best_params": decoded(best.params, sweep.dimensions),
        }
    return told.model_copy(update=changes)
