"""Live while a run whose training is over is evaluated and exported."""

from textual.widgets import OptionList, Static

from heimdall_console.app import HeimdallApp
from heimdall_console.screens.dialogs.stop_run import StopRun
from heimdall_console.screens.live import LiveScreen
from tests.console.recorded_home import RecordedHome
from tests.console.test_live_screen import text_of, until
from training_core.contract.run_log import RunLogWriter

WHY = "early stopping: val/loss has not fallen for 10 epochs (best 13.4 at epoch 22)"


async def test_the_header_tells_the_results_and_stopping_has_no_epoch_to_wait_for(
    recorded_home: RecordedHome,
) -> None:
    run = recorded_home.run("running")
    app = HeimdallApp(recorded_home.path, run_ids=(run.id,))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = app.screen
        assert isinstance(screen, LiveScreen)
        await until(pilot, lambda: "ETA" in text_of(screen, "#live-header"), "it trains")
        summary = {"step": 704, "epoch": 32, "epochs": 200, "total_steps": 4400}
        with RunLogWriter(run.log_path) as log:
            log.append("state", status="running", reason=WHY, summary=summary)
            log.append("task", name="radio map", done=120, total=300)
        said = "evaluating: radio map 120/300"
        await until(pilot, lambda: said in text_of(screen, "#live-header"), "it is evaluated")
        header = text_of(screen, "#live-header")
        assert "40 %" in header
        assert "ETA" not in header
        assert "steps/s" not in header
        await until(pilot, lambda: WHY in text_of(screen, "#live-log"), "why is said")

        await until(
            pilot, lambda: any(run.is_making_results for run in app.runs or ()), "the list knows"
        )
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, StopRun), "a question")
        ways = app.screen.query_one(OptionList)
        assert [way.id for way in ways.options] == ["now", "kill"]
        await pilot.press("e")
        assert isinstance(app.screen, StopRun), "there is no epoch to wait for"
        said = " ".join(str(part.render()) for part in app.screen.query(Static))
        assert "The training is over" in said
        await pilot.press("n")
        await until(pilot, lambda: any(run.commands.glob("*.json")), "it is asked")
