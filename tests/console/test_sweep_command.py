"""`sweep` as a person types it, with workers that train nothing."""

import signal
import subprocess
from pathlib import Path

import pexpect
import pytest

from heimdall_console.gpu_occupancy import Gpu
from heimdall_console.sweeping.places import Places
from tests.console.programs import TIMEOUT_S, heimdall, wait_until
from tests.console.sweeps import FakeSweep, has_validated, states, told
from training_core.contract.config import Config
from training_core.contract.config_file import load_config
from training_core.contract.run_status import RunStatus, run_status

ENDLESS = {"epochs": 100_000}


def test_a_sweep_makes_its_trials_and_writes_the_best(isolated_home: Path) -> None:
    sweep = FakeSweep(isolated_home, {})
    records = sweep.to_end("--trials", "3", "--workers", "2")
    runs = sweep.runs()
    assert [run.read_info().name for run in runs] == ["rates-000", "rates-001", "rates-002"]
    assert {run.read_info().sweep for run in runs} == {"rates"}
    assert sweep.trials() == ["COMPLETE"] * 3
    summary = records[-1]
    assert summary["trials"] == {"running": 0, "complete": 3, "pruned": 0, "failed": 0}
    assert summary["best_value"] == 4.0  # the last of 5, 4.5 and 4
    best = load_config(sweep.directory.best_path)
    tried = {run.id: load_config(run.config_path) for run in runs}
    rate = tried[summary["best_run"]].optimizer.learning_rate
    assert best.optimizer.learning_rate == rate == summary["best_params"]["optimizer.learning_rate"]
    assert len({config.optimizer.learning_rate for config in tried.values()}) == 3
    # Trials export and register nothing; the best configuration, run once more, does.
    assert {config.export.enabled for config in tried.values()} == {False}
    assert best.export.enabled


def test_more_trials_are_added_to_those_that_are_there(isolated_home: Path) -> None:
    sweep = FakeSweep(isolated_home, {})
    sweep.to_end("--trials", "1")
    sweep.to_end("--trials", "1")
    assert len(sweep.runs()) == 1
    sweep.to_end("--trials", "2")
    assert len(sweep.runs()) == 2
    assert sweep.trials() == ["COMPLETE"] * 2


def test_ctrl_c_stops_the_runs_and_the_same_command_goes_on_with_them(
    isolated_home: Path,
) -> None:
    sweep = FakeSweep(isolated_home, ENDLESS)
    process = sweep.begin("--trials", "2", "--workers", "2")
    wait_until(lambda: [states(r)[-1:] for r in sweep.runs()] == [["running"]] * 2, "both train")
    process.send_signal(signal.SIGINT)
    summary = told(process, code=4)[-1]
    assert (summary["status"], summary["trials"]["running"]) == ("stopped", 2)
    runs = sweep.runs()
    assert [run_status(run) for run in runs] == [RunStatus.STOPPED] * 2
    sweep.plan = {}
    sweep.to_end("--trials", "2", "--workers", "2")
    assert sweep.runs() == runs
    assert sweep.trials() == ["COMPLETE"] * 2
    again = ["starting", "running", "stopped", "starting", "running", "finished"]
    assert [states(run) for run in runs] == [again] * 2


def test_a_second_ctrl_c_leaves_the_runs_to_stop_by_themselves(isolated_home: Path) -> None:
    sweep = FakeSweep(isolated_home, ENDLESS | {"ignores_commands": True})
    process = sweep.begin("--trials", "1")
    wait_until(lambda: [states(r)[-1:] for r in sweep.runs()] == [["running"]], "it trains")
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert any("Ctrl+C again" in line for line in iter(process.stdout.readline, ""))
    process.send_signal(signal.SIGINT)
    told(process, code=130)
    (run,) = sweep.runs()
    assert run_status(run) is RunStatus.RUNNING
    heimdall("runs", "kill", run.id, "--yes")


def test_a_run_that_somebody_stops_is_over_for_the_sweep_too(isolated_home: Path) -> None:
    sweep = FakeSweep(isolated_home, ENDLESS)
    process = sweep.begin("--trials", "1")
    wait_until(lambda: any(map(has_validated, sweep.runs())), "it has validated")
    assert heimdall("runs", "stop", "@last").returncode == 0
    records = told(process, code=1)
    assert records[-2]["reason"] == "Somebody stopped its run"
    assert sweep.trials() == ["PRUNED"]


def test_three_failures_in_a_row_end_it_with_their_reason(isolated_home: Path) -> None:
    error = {"exit_code": 1, "what": "The device is on fire"}
    sweep = FakeSweep(isolated_home, {"error": error})
    summary = sweep.to_end("--trials", "9", code=1)[-1]
    assert (summary["status"], summary["reason"]) == ("failed", "The device is on fire")
    assert sweep.trials() == ["FAIL"] * 3


@pytest.mark.parametrize(
    "plan", [{"crash_at": 5}, {"dies_at_birth": True}], ids=lambda p: next(iter(p))
)
def test_a_run_that_died_is_told_as_failed(isolated_home: Path, plan: dict[str, object]) -> None:
    sweep = FakeSweep(isolated_home, plan)
    sweep.to_end("--trials", "1", code=1)
    assert sweep.trials() == ["FAIL"]


def test_no_trial_begins_when_the_time_is_over(isolated_home: Path) -> None:
    sweep = FakeSweep(isolated_home, {})
    sweep.to_end("--trials", "1")
    summary = sweep.to_end("--trials", "9", "--timeout", "0")[-1]
    assert (summary["status"], summary["reason"]) == ("finished", "The time is over")
    assert len(sweep.runs()) == 1


def test_two_machines_share_a_study_and_its_trials(
    isolated_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = ["--storage", f"sqlite:///{tmp_path / 'shared.db'}", "--trials", "3"]
    here = FakeSweep(isolated_home, {})
    here.to_end(*storage[:2], "--trials", "2")
    other_home = isolated_home.with_name("another-home")
    monkeypatch.setenv("HEIMDALL_HOME", str(other_home))
    there = FakeSweep(other_home, {})
    summary = there.to_end(*storage)[-1]
    assert (len(here.runs()), len(there.runs())) == (2, 1)
    assert summary["trials"]["complete"] == 3
    ids = {sweep.directory.read_info().id for sweep in (here, there)}
    assert len(ids) == 1
    assert not there.directory.study_path.exists()


def test_what_cannot_be_obeyed_starts_nothing(isolated_home: Path) -> None:
    sweep = FakeSweep(isolated_home, {})
    Path("space.toml").write_text('["optimizer.lerning_rate"]\nlow = 1\nhigh = 2\n')
    process = sweep.begin()
    _, complaint = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 2
    assert "space.toml:1" in complaint
    assert "did you mean learning_rate?" in complaint
    assert not sweep.directory.path.exists()
    for arguments in (["--name", "a/b"], ["--name", "new"], []):
        answer = heimdall("sweep", *arguments)
        assert answer.returncode == 2, answer.stderr
    assert sweep.runs() == []


def test_a_sweep_goes_on_with_what_it_was_begun_with_only(isolated_home: Path) -> None:
    sweep = FakeSweep(isolated_home, {})
    sweep.to_end("--trials", "1")
    changed = ["--set", "trainer.epochs=4"]
    answer = subprocess.run(sweep.command(*changed), capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert "trainer.epochs" in answer.stderr
    Path("space.toml").write_text('["optimizer.beta1"]\nlow = 0.5\nhigh = 0.9\n')
    answer = subprocess.run(sweep.command(), capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert "space differs" in answer.stderr


def test_a_sweep_is_conducted_by_one_process_at_a_time(isolated_home: Path) -> None:
    sweep = FakeSweep(isolated_home, ENDLESS)
    process = sweep.begin("--trials", "1")
    wait_until(lambda: [states(r)[-1:] for r in sweep.runs()] == [["running"]], "it trains")
    answer = subprocess.run(sweep.command(), capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert "at work already" in answer.stderr
    process.send_signal(signal.SIGINT)
    told(process, code=4)
    assert len(sweep.runs()) == 1


def test_people_read_what_was_found_and_what_to_type_next(isolated_home: Path) -> None:
    sweep = FakeSweep(isolated_home, {})
    command = [word for word in sweep.command("--trials", "2") if word != "--json"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert "trial 0 begins as" in answer.stdout
    assert "2 of 2 trials" in answer.stdout
    assert f"heimdall-console run --config {sweep.directory.best_path}" in answer.stdout


def test_a_terminal_shows_what_runs_until_ctrl_c(isolated_home: Path) -> None:
    sweep = FakeSweep(isolated_home, ENDLESS)
    command = [word for word in sweep.command("--trials", "1") if word != "--json"]
    terminal = pexpect.spawn(
        command[0], command[1:], dimensions=(24, 100), encoding="utf-8", timeout=TIMEOUT_S
    )
    terminal.expect("0 of 1 trials")
    terminal.expect(r"running +\d+/100000")
    terminal.expect(r"optimizer\.learning_rate 0\.\d+")
    terminal.sendintr()
    terminal.expect("stopping the runs with a checkpoint")
    terminal.expect("1 to go on with")
    terminal.expect("heimdall-console sweep --name rates --trials 1")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 4


def test_runs_side_by_side_get_gpus_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    places = Places(4, Config(), [Gpu(0, False), Gpu(2, False)])
    given = [places.take(f"run-{i}")["CUDA_VISIBLE_DEVICES"] for i in range(3)]
    assert given == ["0", "2", "0"]
    places.give_back("run-1")
    assert places.take("run-3")["CUDA_VISIBLE_DEVICES"] == "2"
    assert int(places.take("run-4")["OMP_NUM_THREADS"]) >= 1
    alone = Places(1, Config(), [Gpu(0, False), Gpu(2, False)])
    assert alone.take("run") == {}
