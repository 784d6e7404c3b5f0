from collections.abc import Iterator
from pathlib import Path

import pytest

from heimdall_console.sweeping.progress import remaining_s
from heimdall_console.sweeping.space import Dimension
from heimdall_console.sweeping.study import TrialStudy, open_study, sample, without_password
from training_core.contract.errors import HeimdallError, UsageError

RATE = Dimension("optimizer.learning_rate", ("optimizer.learning_rate",), 1e-4, 1e-2, log=True)
CHANNELS = Dimension(
    "data.channels", ("data.channels",), choices=(["rssi_dbm"], ["rssi_dbm", "toa_m"], "x")
)
SPACE = (RATE, CHANNELS)


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'study.db'}"


@pytest.fixture
def study(database: str) -> Iterator[TrialStudy]:
    opened = open_study(database, "rates", "min", "here", startup=2, warmup_epochs=1, seed=1)
    opened.join("a-sweep", SPACE)
    yield opened
    opened.close()


def record(study: TrialStudy, *values: float) -> None:
    """A trial that came through with these values, one an epoch."""
    trial = study.begin()
    sample(trial, SPACE)
    for epoch, value in enumerate(values):
        trial.report(value, epoch)
    study.end(trial, "complete", min(values))


def test_a_trial_worse_than_the_median_is_pruned_and_a_better_one_is_not(
    study: TrialStudy,
) -> None:
    record(study, 9.0, 5.0, 1.0)
    trial = study.begin()
    trial.report(100.0, 1)
    assert not trial.should_prune()  # one trial alone is no measure
    study.end(trial, "failed")
    record(study, 9.0, 7.0, 3.0)
    first, second = study.begin(), study.begin()
    first.report(100.0, 0)
    assert not first.should_prune()  # it warms up
    first.report(6.1, 1)  # the median of 5 and 7 is 6
    second.report(5.9, 1)
    assert (first.should_prune(), second.should_prune()) == (True, False)


def test_what_is_known_is_there_when_the_study_is_opened_again(
    study: TrialStudy, database: str
) -> None:
    record(study, 4.0)
    record(study, 3.0)
    running = study.begin()
    values = sample(running, SPACE)
    study.close()
    again = open_study(database, "rates", "min", "here")
    (adopted,) = again.ours()
    assert adopted.number == 2
    assert sample(adopted, SPACE) == values
    assert again.counts() == {"running": 1, "complete": 2, "pruned": 0, "failed": 0}
    best = again.best()
    assert best is not None
    assert (best.number, best.value) == (1, 3.0)
    again.end(adopted, "complete", 2.0)
    again.end(adopted, "failed")  # told twice, counted once
    assert again.counts() == {"running": 0, "complete": 3, "pruned": 0, "failed": 0}
    again.close()


def test_trials_of_another_machine_are_left_to_it(study: TrialStudy, database: str) -> None:
    trial = study.begin()
    there = open_study(database, "rates", "min", "another")
    assert there.ours() == []
    there.join("its-own-sweep", SPACE)
    assert there.sweep_id == "a-sweep"
    assert [found.number for found in study.ours()] == [trial.number]
    there.close()


def test_a_trial_whose_process_died_before_its_first_word_is_taken_up(
    study: TrialStudy, database: str
) -> None:
    study._study.ask()  # what `begin` does before the owner is written
    assert study.ours() == []
    study.claim()
    assert len(study.ours()) == 1


def test_a_seed_draws_the_same_however_often_the_study_is_opened_again(tmp_path: Path) -> None:
    def rates(name: str, seed: int, calls: int, killed_after: int = 0) -> list[float]:
        def opened() -> TrialStudy:
            return open_study(f"sqlite:///{tmp_path}/{name}.db", "rates", "min", "h", seed=seed)

        study, drawn = opened(), []
        for call in range(calls):
            if call == killed_after:
                study.close()
                study = opened()
            trial = study.begin()
            drawn.append(sample(trial, (RATE,))[RATE.key])
            study.end(trial, "complete", 1.0)
        study.close()
        return drawn

    first, second = rates("a", 7, 3), rates("b", 7, 3, killed_after=2)
    assert first == second
    assert len(set(first)) == 3
    assert rates("c", 8, 1) != first[:1]


def test_a_list_comes_back_as_a_list(study: TrialStudy) -> None:
    seen = [sample(study.begin(), SPACE)["data.channels"] for _ in range(20)]
    assert {str(value) for value in seen} == {"['rssi_dbm']", "['rssi_dbm', 'toa_m']", "x"}


def test_another_space_or_direction_is_refused(study: TrialStudy, database: str) -> None:
    with pytest.raises(UsageError, match="data\\.channels"):
        study.join("a-sweep", (RATE,))
    with pytest.raises(UsageError, match="other direction"):
        open_study(database, "rates", "max", "here")


def test_a_database_that_is_not_there_is_told_without_its_password() -> None:
    url = "postgresql://ada:s3cret@127.0.0.1:1/sweeps"
    with pytest.raises(HeimdallError) as told:
        open_study(url, "rates", "min", "here")
    assert "s3cret" not in str(told.value)
    assert "postgresql://ada@127.0.0.1:1/sweeps" in str(told.value)
    assert without_password("sqlite:///a@b.db") == "sqlite:///a@b.db"


def test_the_time_left_follows_from_the_trials_that_ended() -> None:
    assert remaining_s([], [None], 3, 1) is None
    assert remaining_s([10.0, 20.0, 90.0], [], 4, 2) == 40.0
    assert remaining_s([20.0], [5.0], 2, 1) == 45.0
    assert remaining_s([], [5.0], 0, 1) == 5.0
