"""The study of a sweep: what was tried and what came of it, kept by Optuna in a database."""

import contextlib
import logging
import random
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from heimdall_console.sweeping.space import Dimension
from training_core.contract.errors import HeimdallError, UsageError

if TYPE_CHECKING:
    from optuna import Study
    from optuna.samplers import BaseSampler
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial, Trial

Outcome = Literal["complete", "pruned", "failed"]

OWNER: Final = "heimdall.owner"
RUN: Final = "heimdall.run"
REASON: Final = "heimdall.reason"
PRUNED_AT: Final = "heimdall.pruned_at"
INTERRUPTED: Final = "heimdall.interrupted"
_SWEEP: Final = "heimdall.sweep"
_SPACE: Final = "heimdall.space"


@dataclass(frozen=True)
class Best:
    """The best trial that came through."""

    number: int
    value: float
    run_id: str
    params: Mapping[str, Any]
    """Dotted key → what the study stores of the value."""


class TrialStudy:
    """One study in its database; several machines may hold it at once.

    Args:
        study: Optuna's.
        storage: Where it lives.
        owner: Whose trials are ours: this sweep's directory on this machine.
        new_sampler: What chooses the values of the next trial, by the number of those before it.
    """

    def __init__(
        self,
        study: "Study",
        storage: "RDBStorage",
        owner: str,
        new_sampler: "Callable[[int], BaseSampler]",
    ) -> None:
        self._study = study
        self._storage = storage
        self._owner = owner
        self._new_sampler = new_sampler

    @property
    def sweep_id(self) -> str:
        """The id that whoever made the study gave to its sweep."""
        return str(self._study.user_attrs.get(_SWEEP, ""))

    def close(self) -> None:
        """Let the database go."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def join(self, sweep_id: str, dimensions: Sequence[Dimension]) -> None:
        """Say in a new study what is tried in it, and see in an old one that it is the same.

        Raises:
            UsageError: The study is one of another space.
        """
        space = {dimension.key: dimension.text() for dimension in dimensions}
        known = self._study.user_attrs
        if _SPACE in known and known[_SPACE] != space:
            keys = known[_SPACE].keys() | space.keys()
            differing = sorted(k for k in keys if known[_SPACE].get(k) != space.get(k))
            raise UsageError(
                f"The study {self._study.study_name} tries another space",
                why=f"These keys differ: {', '.join(differing)}",
                unharmed="Nothing was started",
                action="Name the same space, or another sweep with --name",
            )
        for key, value in ((_SPACE, space), (_SWEEP, sweep_id)):
            if key not in known:
                self._study.set_user_attr(key, value)

    def begin(self) -> "Trial":
        """A new trial of ours; `sample` gives its values."""
        # A new one each time: a sweep that was killed draws what it would have drawn.
        self._study.sampler = self._new_sampler(len(self._study.get_trials(deepcopy=False)))
        trial = self._study.ask()
        trial.set_user_attr(OWNER, self._owner)
        return trial

    def ours(self) -> list["Trial"]:
        """Trials of ours that have begun and not ended, in the order of their numbers."""
        from optuna.trial import Trial, TrialState

        running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        mine = [trial for trial in running if trial.user_attrs.get(OWNER) == self._owner]
        return [Trial(self._study, trial._trial_id) for trial in mine]

    def claim(self) -> None:
        """Take the trials that a process of ours began and was killed before it could say so.

        Only for who is alone with the study: another machine's may be about to say it.
        """
        from optuna.trial import TrialState

        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if OWNER not in trial.user_attrs:
                self._storage.set_trial_user_attr(trial._trial_id, OWNER, self._owner)

    def end(
        self, trial: "Trial", outcome: Outcome, value: float | None = None, reason: str = ""
    ) -> None:
        """Say what came of a trial; one that has ended stays as it is."""
        from optuna.trial import TrialState

        states = {
            "complete": TrialState.COMPLETE,
            "pruned": TrialState.PRUNED,
            "failed": TrialState.FAIL,
        }
        if reason:
            trial.set_user_attr(REASON, reason)
        with _quiet():
            self._study.tell(
                trial.number,
                value if outcome == "complete" else None,
                state=states[outcome],
                skip_if_finished=True,
            )

    def counts(self) -> dict[str, int]:
        """How many trials run, are complete, were pruned and failed, on every machine."""
        names = {"RUNNING": "running", "COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
        counted = dict.fromkeys(names.values(), 0)
        for trial in self._study.get_trials(deepcopy=False):
            if trial.state.name in names:
                counted[names[trial.state.name]] += 1
        return counted

    def best(self) -> Best | None:
        """The best complete trial; None before there is one."""
        from optuna.study import StudyDirection
        from optuna.trial import TrialState

        complete = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        ranked = [(trial.value, trial) for trial in complete if trial.value is not None]
        if not ranked:
            return None
        is_max = self._study.direction is StudyDirection.MAXIMIZE
        # Of equal ones the first: it does not change while others come.
        value, trial = min(ranked, key=lambda pair: -pair[0] if is_max else pair[0])
        run_id = str(trial.user_attrs.get(RUN, ""))
        return Best(trial.number, float(value), run_id, trial.params)

    def durations_s(self) -> list[float]:
        """How long the trials took that are complete or were pruned, seconds."""
        from optuna.trial import TrialState

        ended = self._study.get_trials(
            deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)
        )
        return [trial.duration.total_seconds() for trial in ended if trial.duration is not None]

    def frozen(self, trial: "Trial") -> "FrozenTrial":
        """What the database holds of a trial."""
        return self._storage.get_trial(trial._trial_id)


def open_study(
    url: str,
    name: str,
    mode: Literal["min", "max"],
    owner: str,
    *,
    startup: int = 5,
    warmup_epochs: int = 0,
    workers: int = 1,
    seed: int | None = None,
) -> TrialStudy:
    """The study of a name; it is made where there is none.

    Args:
        url: Database, as SQLAlchemy spells it.
        name: Of the study.
        mode: Whether a small or a large value is good.
        owner: See `TrialStudy`.
        startup: Trials that are drawn at random, and that have to end before one is pruned.
        warmup_epochs: Epochs after which a trial can be pruned.
        workers: Trials at once; what runs is taken for bad by who chooses beside it.
        seed: Of the choice of values; another one each time when None, as where others choose
            in the same study.

    Raises:
        HeimdallError: The database cannot be reached, or its driver is not installed.
        UsageError: The study of that name wants the other direction.
    """
    shown = without_password(url)
    try:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        with _quiet():
            storage = optuna.storages.RDBStorage(url)
            study = optuna.create_study(
                storage=storage,
                study_name=name,
                direction={"min": "minimize", "max": "maximize"}[mode],
                load_if_exists=True,
                pruner=optuna.pruners.MedianPruner(
                    n_startup_trials=startup, n_warmup_steps=warmup_epochs
                ),
            )
    except Exception as error:
        # Databases and their drivers each raise trees of their own through SQLAlchemy.
        told = str(error).strip().splitlines() or [type(error).__name__]
        raise HeimdallError(
            f"The study could not be opened in {shown}",
            why=told[0].replace(url, shown),
            unharmed="Nothing was started",
            action="Check the address (docs/sweep.md), that the server runs and that the Python "
            "driver of that database is installed",
        ) from None
    wanted = {"min": "MINIMIZE", "max": "MAXIMIZE"}[mode]
    if study.direction.name != wanted:
        raise UsageError(
            f"The study {name} in {shown} looks for values of the other direction",
            unharmed="Nothing was started",
            action="Choose another --name, or checkpoint.mode as it was",
        )

    def new_sampler(trials: int) -> "BaseSampler":
        drawn = None if seed is None else random.Random(f"{seed}:{trials}").getrandbits(32)
        with _quiet():
            return optuna.samplers.TPESampler(
                n_startup_trials=startup, constant_liar=workers > 1, seed=drawn
            )

    return TrialStudy(study, storage, owner, new_sampler)


def sample(trial: "Trial", dimensions: Sequence[Dimension]) -> dict[str, Any]:
    """The values of a trial by dotted key; a value that it has already stays."""
    return decoded({d.key: _suggest(trial, d) for d in dimensions}, dimensions)


def decoded(stored: Mapping[str, Any], dimensions: Sequence[Dimension]) -> dict[str, Any]:
    """Values as they stand in a configuration, from what a study stores of them."""
    labels = {dimension.key: dimension.labels for dimension in dimensions if dimension.choices}
    return {key: labels[key][v] if key in labels else v for key, v in stored.items()}


def _suggest(trial: "Trial", dimension: Dimension) -> Any:
    if dimension.choices:
        return trial.suggest_categorical(dimension.key, list(dimension.labels))
    high = dimension.high
    if dimension.step:
        # Optuna warns where the last step would end elsewhere.
        high = dimension.low + dimension.step_count * dimension.step
    if dimension.is_whole:
        step = 1 if dimension.step is None else int(dimension.step)
        return trial.suggest_int(
            dimension.key, int(dimension.low), int(high), step=step, log=dimension.log
        )
    return trial.suggest_float(
        dimension.key, float(dimension.low), float(high), step=dimension.step, log=dimension.log
    )


def without_password(url: str) -> str:
    """An address that may be shown and stored."""
    head, separator, rest = url.partition("://")
    person, at, place = rest.rpartition("@")
    if not at:
        return url
    return f"{head}{separator}{person.partition(':')[0]}@{place}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep back the warnings of features that Optuna may still change: the release is pinned."""
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield
