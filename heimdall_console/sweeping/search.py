"""Giving out trials until enough were made: what runs, what is pruned, what is told.

Everything that is known stands in the study and in the runs: killed at any moment, the next
process goes on. The order of writing is what makes it so: a trial names its run before the run
is made, and says why a run is stopped before it is.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from heimdall_console.launcher import start_run
from heimdall_console.starting.request import Request
from heimdall_console.starting.resuming import prepare_resume
from heimdall_console.starting.run_making import make_run
from heimdall_console.sweeping.outcome import Verdict, verdict
from heimdall_console.sweeping.places import Places
from heimdall_console.sweeping.study import INTERRUPTED, PRUNED_AT, RUN, sample
from heimdall_console.sweeping.sweep_making import Sweep
from heimdall_console.sweeping.trial_run import TrialRun
from training_core.contract.config_file import load_config
from training_core.contract.errors import ConfigError
from training_core.contract.home import runs_folder
from training_core.contract.lock import is_locked
from training_core.contract.run_dir import RunDir, new_id
from training_core.contract.run_status import RunStatus, run_status

if TYPE_CHECKING:
    from optuna.trial import Trial

_FAILURES_IN_A_ROW: Final = 3


@dataclass(frozen=True)
class Limits:
    """How much is tried."""

    trials: int
    """In all, those of earlier calls and of other machines included."""
    timeout_s: float | None = None
    """After this time no trial begins; None has no limit."""


class Watcher(Protocol):
    """Somebody who is told what happens."""

    def begun(self, trial: TrialRun, *, is_adopted: bool) -> None:
        """A trial runs; an adopted one did so before us."""

    def ended(self, number: int, run_id: str, params: Mapping[str, Any], found: Verdict) -> None:
        """The study was told what came of a trial."""


@dataclass
class Search:
    """Trials of one sweep on this machine; `turn` does what can be done now."""

    sweep: Sweep
    limits: Limits
    places: Places
    watcher: Watcher
    running: list[TrialRun] = field(default_factory=list)
    is_stopping: bool = False
    """Whether no trial begins any more."""
    failure: str = ""
    """Why the sweep cannot go on: too many runs failed one after the other."""
    _waiting: list["Trial"] = field(default_factory=list)
    """Trials that have begun and whose run has not, or is to go on."""
    _failed_in_a_row: int = 0
    _began: float = field(default_factory=time.monotonic)

    def adopt(self) -> None:
        """Take up what an earlier process left: living runs, ended ones, and what has no run."""
        for trial in self.sweep.study.ours():
            run = self._run_of(trial)
            if run is None or self._is_to_begin(trial, run):
                self._waiting.append(trial)
            else:
                self._follow(trial, run, is_adopted=True)

    def turn(self) -> bool:
        """Look at what runs, tell what has ended, begin what may; False when all is done."""
        for trial in list(self.running):
            is_told = trial.look()
            if self.is_stopping or PRUNED_AT in trial.trial.user_attrs:
                # Again, where its worker did not live yet or we were killed before asking.
                trial.ask_to_stop()
            elif is_told:
                self._prune_where_hopeless(trial)
            self._note_going_on(trial)
            if trial.status.has_ended:
                self._settle(trial)
        while self._may_begin():
            self._begin()
        return bool(self.running) or self._wants_more()

    def stop(self) -> None:
        """Ask every run to stop with a checkpoint, from which the sweep goes on later."""
        self.is_stopping = True
        for trial in self.running:
            trial.trial.set_user_attr(INTERRUPTED, True)
            trial.ask_to_stop()

    def remaining_trials(self, counts: Mapping[str, int]) -> int:
        """How many may still begin."""
        waiting = len(self._waiting)
        return max(0, self.limits.trials - sum(counts.values())) + waiting

    def _wants_more(self) -> bool:
        if self.is_stopping or self.failure:
            return False
        if self._waiting:
            return True
        if self._is_late():
            return False
        return self.remaining_trials(self.sweep.study.counts()) > 0

    def _is_late(self) -> bool:
        limit_s = self.limits.timeout_s
        return limit_s is not None and time.monotonic() - self._began >= limit_s

    def _may_begin(self) -> bool:
        return self.places.has_room(len(self.running)) and self._wants_more()

    def _run_of(self, trial: "Trial") -> RunDir | None:
        """The run that a trial names; None where it was not made or was removed."""
        run_id = str(trial.user_attrs.get(RUN, ""))
        run = RunDir(runs_folder(self.sweep.home) / run_id)
        return run if run_id and run.info_path.is_file() else None

    def _is_to_begin(self, trial: "Trial", run: RunDir) -> bool:
        if is_locked(run.lock_path):
            return False
        status = run_status(run)
        was_interrupted = trial.user_attrs.get(INTERRUPTED) and PRUNED_AT not in trial.user_attrs
        return status is RunStatus.QUEUED or (status is RunStatus.STOPPED and bool(was_interrupted))

    def _begin(self) -> None:
        trial = self._waiting.pop(0) if self._waiting else self.sweep.study.begin()
        params = sample(trial, self.sweep.dimensions)
        run = self._run_of(trial)
        if run is None:
            try:
                config = self.sweep.trial_config(params)
            except ConfigError as error:
                problem = error.problems[0]
                self._tell(trial, "", params, Verdict("pruned", reason=str(problem)))
                return
            run_id = new_id(time.time())
            trial.set_user_attr(RUN, run_id)
            info = self.sweep.info
            run = make_run(
                config,
                None,
                self.sweep.home,
                name=f"{info.name}-{trial.number:03d}",
                layout=self.sweep.text,
                sweep=info.name,
                run_id=run_id,
            )
        elif run_status(run) is RunStatus.STOPPED and not is_locked(run.lock_path):
            prepare_resume(Request(None, [], {}, None, "", False), run.id, self.sweep.home)
        self._follow(trial, run, is_adopted=is_locked(run.lock_path))

    def _follow(self, trial: "Trial", run: RunDir, *, is_adopted: bool) -> None:
        reported = frozenset(self.sweep.study.frozen(trial).intermediate_values)
        params = sample(trial, self.sweep.dimensions)
        worker = None
        if not is_adopted:
            environment = self.places.take(run.id)
            folder = self.places.folder(self.sweep.info)
            worker = start_run(run, environment, folder)
        followed = TrialRun(
            trial, run, load_config(run.config_path), params, reported=reported, worker=worker
        )
        self.running.append(followed)
        self.watcher.begun(followed, is_adopted=is_adopted)

    def _prune_where_hopeless(self, trial: TrialRun) -> None:
        if trial.status.has_ended or not trial.trial.should_prune():
            return
        trial.trial.set_user_attr(PRUNED_AT, trial.progress.epoch)
        trial.ask_to_stop()

    def _note_going_on(self, trial: TrialRun) -> None:
        """Forget that a run was interrupted once it is seen at work again."""
        is_at_work = trial.is_started_here and trial.status is RunStatus.RUNNING
        if is_at_work and not self.is_stopping and trial.trial.user_attrs.get(INTERRUPTED):
            trial.trial.set_user_attr(INTERRUPTED, False)

    def _settle(self, trial: TrialRun) -> None:
        attributes = trial.trial.user_attrs
        found = verdict(
            trial,
            is_pruned=PRUNED_AT in attributes,
            is_interrupted=bool(attributes.get(INTERRUPTED)),
        )
        self.running.remove(trial)
        self.places.give_back(trial.run.id)
        if found is not None:
            self._tell(trial.trial, trial.run.id, trial.params, found)
        else:
            self._waiting.append(trial.trial)

    def _tell(self, trial: "Trial", run_id: str, params: Mapping[str, Any], found: Verdict) -> None:
        self.sweep.study.end(trial, found.outcome, found.value, found.reason)
        self._failed_in_a_row = self._failed_in_a_row + 1 if found.outcome == "failed" else 0
        if self._failed_in_a_row >= _FAILURES_IN_A_ROW:
            self.failure = self.failure or found.reason
        self.sweep.write_best()
        self.watcher.ended(trial.number, run_id, params, found)
