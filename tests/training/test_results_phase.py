"""A run between its training and its end: why the training is over, and what may still be asked."""

import pytest
import torch

from heimdall_console.following.summary import summary_lines
from heimdall_console.publishing_state import PublishingState
from heimdall_console.run_facts import collect_facts
from heimdall_console.run_index import list_runs
from heimdall_console.run_page import page_lines
from heimdall_console.run_progress import RunProgress
from heimdall_console.terminal import Terminal
from tests.training.conftest import MakeRun, records
from tests.training.test_commands import eventually, outcomes
from tests.training.test_worker import last_state, worker
from training_core.contract.checkpoints import CheckpointSidecar
from training_core.contract.commands import StopCommand, send_command
from training_core.contract.config import Config
from training_core.contract.ending import kill_worker
from training_core.contract.home import home_path
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogReader
from training_core.contract.run_status import is_making_results
from training_core.training.judges import early_stopping_reason, validation_judges

# After the first validation nothing is an improvement.
STOPS_EARLY = ["trainer.epochs=8", "early_stopping.patience=2", "early_stopping.min_delta=1e6"]
WHY = "early stopping: val/loss has not fallen by 1e+06 for 2 epochs (best "


def is_judged(run: RunDir) -> bool:
    return any(is_making_results(record) for record in records(run, "state"))


@pytest.mark.slow
def test_after_the_training_its_end_is_refused_and_what_ended_it_is_said(
    make_run: MakeRun,
) -> None:
    run = make_run(*STOPS_EARLY)
    process = worker(run)
    try:
        eventually(lambda: is_judged(run), run)
        asked = send_command(run, StopCommand(when="epoch"))
        assert process.wait(timeout=100) == 0, run.output_path.read_text()
    finally:
        kill_worker(run, "the test is over")
        process.wait()

    assert outcomes(run, asked) == ["refused"]
    (answer,) = [r for r in records(run, "command") if r["id"] == asked]
    assert answer["reason"].startswith("The training is over; it is being evaluated")
    judged = next(r for r in records(run, "state") if is_making_results(r))
    end = last_state(run)
    assert end["status"] == "finished"
    assert judged["reason"] == end["reason"]
    assert end["reason"].startswith(WHY)
    assert any("test/median_m" in r["values"] for r in records(run, "metrics")), "it was evaluated"

    progress = RunProgress()
    progress.take_new(RunLogReader(run.log_path))
    assert (progress.epoch_number, progress.epochs) == (3, 8)
    (summary,) = list_runs(home_path())
    assert summary.share_done == progress.share_done == 3 / 8
    assert summary.reason == end["reason"]
    terminal = Terminal(width=200)
    page = " ".join(page_lines(collect_facts(run), terminal))
    assert f"because   {end['reason']}" in page
    assert "epoch 3/8" in page
    last_words = summary_lines(run, run.read_info(), progress, PublishingState(), terminal, "")
    assert end["reason"] in " ".join(last_words)


@pytest.mark.slow
def test_who_wants_the_end_now_gets_it_without_the_rest_of_the_results(make_run: MakeRun) -> None:
    run = make_run(*STOPS_EARLY)
    process = worker(run)
    try:
        eventually(lambda: is_judged(run), run)
        asked = send_command(run, StopCommand(when="now"))
        assert process.wait(timeout=100) == 4, run.output_path.read_text()
    finally:
        kill_worker(run, "the test is over")
        process.wait()
    assert outcomes(run, asked) == ["done"]
    assert last_state(run)["status"] == "stopped"
    assert "as asked" in last_state(run)["reason"]


def test_the_reason_of_early_stopping_says_for_how_long_and_where_the_best_is() -> None:
    config = Config()
    judges = validation_judges(config, has_own_schedule=True)
    best = CheckpointSidecar(
        file="a.ckpt", step=1, epoch=21, metrics={"val/loss": 13.4}, monitor="val/loss",
        size_bytes=1, sha256="0", created=0.0,
    )  # fmt: skip

    def reason(epochs: int) -> str:
        return early_stopping_reason(judges, epochs=epochs, validate_every_n_epochs=1, best=best)

    stopper = judges[-1]
    stopper.load_state_dict(
        {"wait_count": 10, "stopped_epoch": 31, "best_score": torch.tensor(13.4), "patience": 10}
    )
    told = "early stopping: val/loss has not fallen for 10 epochs (best 13.4 at epoch 22)"
    assert reason(200) == told
    assert reason(32) == "", "its last epoch was planned to be the last"
    assert early_stopping_reason([], epochs=9, validate_every_n_epochs=1, best=best) == ""
    stopper.load_state_dict(
        {"wait_count": 9, "stopped_epoch": 0, "best_score": torch.tensor(13.4), "patience": 10}
    )
    assert reason(200) == ""
