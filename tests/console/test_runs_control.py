"""Asking living runs for something: what is answered, and with which exit code."""

import functools
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from heimdall_console.queue import waiting
from tests.console.programs import FakeRun, heimdall, wait_until
from training_core.contract.run_log import RunLogReader
from training_core.contract.run_status import RunStatus, run_status

MakeRun = Callable[..., FakeRun]
LONG = {"epochs": 500, "step_s": 0.01}


def test_pause_holds_the_training_until_resume(fake_run: MakeRun) -> None:
    run = fake_run(**LONG).start()
    answer = heimdall("runs", "pause", run.run.id[:-3])
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == f"{run.run.id}  pause: done\n"
    assert run_status(run.run) is RunStatus.PAUSED
    steps = run.kinds().count("metrics")
    answer = heimdall("runs", "resume", "@last", "--json")
    assert answer.returncode == 0
    told = json.loads(answer.stdout)
    assert (told["run_id"], told["name"], told["outcome"]) == (run.run.id, "resume", "done")
    wait_until(lambda: run.kinds().count("metrics") > steps, "it trains again")


@pytest.mark.parametrize(("flags", "outcome"), [([], "done"), (["--after-epoch"], "accepted")])
def test_stop_ends_a_run_with_a_checkpoint(
    flags: list[str], outcome: str, fake_run: MakeRun
) -> None:
    run = fake_run(**LONG).start()
    answer = heimdall("runs", "stop", "@last", *flags, "--json")
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["outcome"] == outcome
    assert run.wait() == 4
    assert run_status(run.run) is RunStatus.STOPPED
    assert list(run.run.checkpoints.glob("*.ckpt"))


def test_a_checkpoint_is_saved_on_request(fake_run: MakeRun) -> None:
    run = fake_run(epochs=500, step_s=0.2).start()
    assert heimdall("runs", "checkpoint", "@last").returncode == 0
    assert [p.name for p in run.run.checkpoints.glob("*.ckpt")]


def test_values_are_set_and_more_epochs_count_from_the_plan(fake_run: MakeRun) -> None:
    run = fake_run(**LONG).start()
    for expected in (520, 540):
        answer = heimdall("runs", "set", "@last", "epochs=+20", "lr=3e-4", "--hold", "--json")
        assert answer.returncode == 0, answer.stderr
        extended, rate = json.loads(answer.stdout)
        assert extended["arguments"] == {"epochs": expected, "schedule": "hold"}
        assert rate["arguments"] == {"value": 3e-4}
        wait_until(functools.partial(is_planned, run, expected), "the plan is known")


def is_planned(run: FakeRun, epochs: int) -> bool:
    tasks = [r for r in RunLogReader(run.run.log_path).read_new() if r["kind"] == "task"]
    return bool(tasks) and tasks[-1]["epochs"] == epochs


@pytest.mark.parametrize(
    "assignment", ["epochs=many", "epochs=0", "learning_rate=-1", "lr=nan", "depth=3", "epochs"]
)
def test_what_cannot_be_set_is_refused_here(assignment: str, fake_run: MakeRun) -> None:
    run = fake_run(**LONG).start()
    answer = heimdall("runs", "set", "@last", "lr=1e-4", assignment)
    assert answer.returncode == 2
    assert assignment in answer.stderr
    assert "Traceback" not in answer.stderr
    # All or nothing: what was right beside it was not sent either.
    assert "command" not in run.kinds()
    assert not list(run.run.commands.iterdir())


def test_a_refusal_is_told_with_its_reason(fake_run: MakeRun) -> None:
    fake_run(**LONG, refuses=["validate"]).start()
    answer = heimdall("runs", "validate", "@last")
    assert answer.returncode == 1
    assert "validate: refused — It is not possible here" in answer.stdout


def test_silence_is_told(fake_run: MakeRun) -> None:
    fake_run(**LONG, ignores_commands=True).start()
    answer = heimdall("runs", "pause", "@last", "--wait", "0.3")
    assert answer.returncode == 1
    assert "No answer within 0.3 s" in answer.stdout
    assert heimdall("runs", "pause", "@last", "--wait", "0").returncode == 0


def test_a_starting_worker_takes_the_command_later(fake_run: MakeRun) -> None:
    run = fake_run(**LONG, loading_s=600.0)
    run.start_only()
    wait_until(lambda: run_status(run.run) is RunStatus.STARTING, "it starts")
    answer = heimdall("runs", "stop", "@last", "--wait", "0.3")
    assert answer.returncode == 1
    assert "still starting" in answer.stdout
    assert len(list(run.run.commands.iterdir())) == 1


@pytest.mark.parametrize("command", ["pause", "resume", "checkpoint", "stop", "kill"])
def test_a_run_that_has_ended_says_how_to_go_on(command: str, fake_run: MakeRun) -> None:
    run = fake_run(epochs=1).start()
    run.wait()
    before = run.run.log_path.read_bytes()
    answer = heimdall("runs", command, run.run.id)
    assert answer.returncode == 2
    assert f"heimdall-console run --resume {run.run.id}" in answer.stderr
    assert run.run.log_path.read_bytes() == before
    assert not list(run.run.commands.iterdir())


def test_a_worker_that_dies_before_its_answer_is_noticed(fake_run: MakeRun) -> None:
    fake_run(crash_at=60, step_s=0.05, ignores_commands=True).start()
    answer = heimdall("runs", "pause", "@last", "--wait", "60")
    assert answer.returncode == 1
    assert "The worker has died" in answer.stdout


def test_kill_asks_and_needs_yes_without_a_terminal(fake_run: MakeRun) -> None:
    run = fake_run(**LONG).start()
    answer = heimdall("runs", "kill", "@last")
    assert answer.returncode == 2
    assert "--yes" in answer.stderr
    assert run_status(run.run) is RunStatus.RUNNING
    assert heimdall("runs", "kill", "@last", "--yes").returncode == 0
    run.wait()
    assert run_status(run.run) is RunStatus.KILLED


def test_stopping_a_run_that_waits_takes_it_out_of_the_queue(
    fake_run: MakeRun, isolated_home: Path
) -> None:
    living, run = fake_run(**LONG).start(), fake_run()
    assert heimdall("queue", "add", run.run.id, "--after", living.run.id).returncode == 0
    page = json.loads(heimdall("runs", "show", run.run.id, "--json").stdout)
    assert (page["status"], page["queue"]["place"], page["queue"]["waiting"]) == ("queued", 1, 1)
    assert f"after {living.run.id}" in heimdall("runs", "show", run.run.id).stdout
    assert heimdall("runs", "pause", run.run.id).returncode == 2
    assert heimdall("runs", "rm", run.run.id, "--yes").returncode == 2
    assert heimdall("runs", "stop", run.run.id).returncode == 0
    assert waiting(isolated_home) == []
    assert run_status(run.run) is RunStatus.KILLED
    assert heimdall("runs", "rm", run.run.id, "--yes").returncode == 0
