"""A sweep in MLflow: one run, and those of its trials below it."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from tests.publishing.runs import (
    START_S,
    embedded,
    finished_run,
    history,
    make_run,
    publish,
    run_of,
)
from training_core.contract.run_dir import RunDir, RunInfo
from training_core.contract.sweep_dir import SweepDir, SweepInfo, SweepSummary, sweep_dir
from training_core.publishing.mlflow_store import MlflowStore
from training_core.publishing.sweep_publication import mlflow_parent, publish_sweep, sweep_run

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

SUMMARY = SweepSummary(
    status="running",
    trials={"running": 1, "complete": 2, "pruned": 1, "failed": 0},
    monitor="val/loss",
    best_value=1.5,
    best_trial=1,
    best_run="20260924-120000-aaaaaa",
    best_params={"optimizer.learning_rate": 0.003},
    space={"optimizer.learning_rate": "0.0001 … 0.01 (log)"},
)


def make_sweep(home: Path) -> SweepDir:
    directory = sweep_dir(home, "rates")
    directory.path.mkdir(parents=True)
    info = SweepInfo(
        id="20260924-110000-abcdef",
        name="rates",
        experiment="heimdall-localization",
        created=START_S,
    )
    directory.info_path.write_text(info.model_dump_json())
    directory.config_path.write_text("[trainer]\nepochs = 3\n")
    directory.space_path.write_text("# what is tried\n")
    directory.best_path.write_text("# the best\n")
    directory.write_summary(SUMMARY)
    return directory


def trial_of(run: RunDir) -> RunDir:
    """The same run as a trial of the sweep."""
    text = run.info_path.read_text().replace('"sweep": ""', '"sweep": "rates"')
    run.info_path.write_text(text)
    return run


def client(home: Path) -> "MlflowClient":
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=embedded(home))


def sweeps_in(home: Path) -> list[str]:
    found = client(home).search_runs(
        [e.experiment_id for e in client(home).search_experiments()],
        filter_string="tags.`heimdall.sweep_id` = '20260924-110000-abcdef'",
    )
    return [run.info.run_id for run in found]


def test_trials_stand_below_the_run_of_their_sweep(home: Path) -> None:
    directory = make_sweep(home)
    trials = [publish(trial_of(finished_run(home))) for _ in range(2)]
    (parent,) = sweeps_in(home)
    for state in trials:
        tags = run_of(embedded(home), state.mlflow_run_id).data.tags
        assert tags["mlflow.parentRunId"] == parent
        assert tags["heimdall.sweep"] == "rates"
    assert run_of(embedded(home), parent).info.run_name == directory.name


def test_publishers_that_come_together_make_one_run(home: Path) -> None:
    directory = make_sweep(home)
    made: list[str] = []

    def make() -> None:
        store = MlflowStore.connect("", home)
        made.append(sweep_run(store, directory, directory.read_info()))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    assert sweeps_in(home) == [made[0]]


def test_how_far_it_is_is_published_as_often_as_one_likes(home: Path) -> None:
    directory, store = make_sweep(home), MlflowStore.connect("", home)
    publish_sweep(store, directory)
    publish_sweep(store, directory)
    (parent,) = sweeps_in(home)
    found = run_of(embedded(home), parent)
    assert found.info.status == "RUNNING"
    assert found.data.params["optimizer.learning_rate"] == "0.0001 … 0.01 (log)"
    assert found.data.tags["heimdall.best.optimizer.learning_rate"] == "0.003"
    assert found.data.tags["heimdall.trials.pruned"] == "1"
    summary = directory.read_summary()
    point = (3, 1.5, round(summary.updated * 1000))
    assert history(embedded(home), parent, "val/loss") == [point]
    names = {artifact.path for artifact in client(home).list_artifacts(parent)}
    assert names == {"best.toml", "config.toml", "space.toml"}


def test_its_end_is_published_by_a_process_of_its_own(home: Path) -> None:
    directory = make_sweep(home)
    directory.write_summary(SUMMARY.model_copy(update={"status": "stopped"}))
    module = "training_core.publishing.sweep_publication"
    done = subprocess.run(
        [sys.executable, "-m", module, str(directory.path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    (parent,) = sweeps_in(home)
    assert run_of(embedded(home), parent).info.status == "KILLED"


def test_a_trial_whose_sweep_was_removed_is_published_all_the_same(home: Path) -> None:
    run = trial_of(make_run(home))
    info: RunInfo = run.read_info()
    assert info.sweep == "rates"
    assert mlflow_parent(MlflowStore.connect("", home), info, home) == ""
