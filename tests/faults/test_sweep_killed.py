"""A sweep whose process is killed at any moment: every trial has one run and is counted once."""

import os
import random
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from tests.console.sweeps import FakeSweep, states
from training_core.contract.config_file import load_config

IS_FULL = os.environ.get("HEIMDALL_FULL_FAULTS") == "1"
ROUNDS = 10 if IS_FULL else 1
TRIALS = 8
KILLS = 6

pytestmark = pytest.mark.timeout(400)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_every_trial_has_one_run_and_one_result(seed: int, isolated_home: Path) -> None:
    chance = random.Random(seed)
    sweep = FakeSweep(isolated_home, {"step_s": 0.005})
    arguments = ["--trials", str(TRIALS), "--workers", "3"]
    for kill in range(KILLS):
        process = sweep.begin(*arguments)
        # Until it is made, has begun a trial, has told one; on a busy machine later.
        time.sleep(chance.uniform(0.5, 2.0 + kill))
        process.kill()
        _, complaint = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), complaint
    sweep.to_end(*arguments)
    assert sweep.trials() == ["COMPLETE"] * TRIALS
    runs = sweep.runs()
    with sqlite3.connect(sweep.directory.study_path) as database:
        asked = "SELECT value_json FROM trial_user_attributes WHERE key = 'heimdall.run'"
        named = [value.strip('"') for (value,) in database.execute(asked)]
        values = [value for (value,) in database.execute("SELECT value FROM trial_values")]
    database.close()
    assert sorted(named) == [run.id for run in runs]
    assert [states(run) for run in runs] == [["starting", "running", "finished"]] * TRIALS
    assert values == [4.0] * TRIALS
    best = load_config(sweep.directory.best_path).optimizer.learning_rate
    assert best in [load_config(run.config_path).optimizer.learning_rate for run in runs]
