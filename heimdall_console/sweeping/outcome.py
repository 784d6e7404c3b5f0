"""What a run that has ended means for its trial."""

import math
from dataclasses import dataclass

from heimdall_console.sweeping.study import Outcome
from heimdall_console.sweeping.trial_run import TrialRun
from training_core.contract.errors import ExitCode
from training_core.contract.run_status import RunStatus


@dataclass(frozen=True)
class Verdict:
    """What the study is told of a trial."""

    outcome: Outcome
    value: float | None = None
    reason: str = ""


def verdict(trial: TrialRun, *, is_pruned: bool, is_interrupted: bool) -> Verdict | None:
    """What became of a trial whose run has ended; None where the run is to go on later.

    Args:
        trial: It and its run.
        is_pruned: Whether its run was asked to stop because others were better.
        is_interrupted: Whether its run was asked to stop together with the sweep.
    """
    status, reason = trial.status, trial.progress.reason
    if status is RunStatus.FINISHED:
        if trial.value is not None and math.isfinite(trial.value):
            return Verdict("complete", trial.value)
        return Verdict("failed", reason=f"No validation told {trial.progress.monitor}")
    if trial.progress.exit_code == ExitCode.DIVERGED:
        # The study should look elsewhere, which a failure would not tell it.
        return Verdict("pruned", reason=reason or "The loss diverged")
    if status is RunStatus.STOPPED:
        if is_pruned:
            return Verdict("pruned", reason="Worse than the median of the others at this epoch")
        if is_interrupted:
            return None
        outcome: Outcome = "pruned" if trial.has_reported else "failed"
        return Verdict(outcome, reason="Somebody stopped its run")
    if status is RunStatus.CRASHED:
        return Verdict("failed", reason="Its worker died without a word")
    return Verdict("failed", reason=reason or f"Its run was {status.value}")
