"""Live: a run is watched, asked for things, compared, and read when it has ended."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from heimdall_console.app import HeimdallApp
from heimdall_console.charts.chart_header import Header
from heimdall_console.preferences import Preferences, preferences_path
from heimdall_console.screens.dialogs.choice_picker import ChoicePicker
from heimdall_console.screens.dialogs.error_page import ErrorPage
from heimdall_console.screens.dialogs.extend_run import ExtendRun
from heimdall_console.screens.dialogs.grid_picker import GridPicker
from heimdall_console.screens.dialogs.stop_run import StopRun
from heimdall_console.screens.dialogs.text_page import TextPage
from heimdall_console.screens.dialogs.text_question import TextQuestion
from heimdall_console.screens.live import LiveScreen
from heimdall_console.widgets.chart import Chart
from heimdall_console.widgets.charts_line import ChartsLine
from heimdall_console.widgets.key_hints import KeyHints
from heimdall_console.widgets.metric_chart import MetricChart
from tests.console.programs import FakeRun
from tests.console.recorded_home import held_lock
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogWriter
from training_core.contract.run_status import RunStatus, run_status

MakeRun = Callable[..., FakeRun]
GOLDEN = Path(__file__).parent.parent / "data" / "golden_run"
DEADLINE_S = 30.0


async def until(pilot: Pilot[str], is_true: Callable[[], object], what: str) -> None:
    for _ in range(int(DEADLINE_S / 0.02)):
        if is_true():
            return
        await pilot.pause(0.02)
    pytest.fail(f"never happened: {what}")


def live(app: HeimdallApp) -> LiveScreen:
    screen = app.screen_stack[0]
    assert isinstance(screen, LiveScreen)
    return screen


def text_of(screen: LiveScreen, selector: str) -> str:
    picture = screen.query_one(selector, Chart).picture
    return "\n".join(picture.lines()) if picture is not None else ""


def hints(screen: LiveScreen) -> str:
    return str(screen.query_one(KeyHints).render()).strip()


def golden_run(home: Path, run_id: str = "20260314-101500-aaaaaa", name: str = "") -> RunDir:
    run = RunDir(home / "runs" / run_id)
    shutil.copytree(GOLDEN, run.path)
    if name:
        text = run.info_path.read_text()
        own = run.read_info()
        run.info_path.write_text(text.replace(own.name, name).replace(own.id, run_id))
    return run


async def test_a_living_run_is_watched_and_obeys(isolated_home: Path, fake_run: MakeRun) -> None:
    fake = fake_run(epochs=500, step_s=0.01).start()
    run = fake.run
    app = HeimdallApp(isolated_home, run_ids=(run.id,))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        screen = live(app)
        await until(pilot, lambda: "running" in text_of(screen, "#live-header"), "it runs")
        await until(pilot, lambda: screen.grid.charts, "charts")
        assert "morning" in text_of(screen, "#live-header")
        assert "train/loss" in screen.grid.shown_names
        assert "GPU memory" in text_of(screen, "#gpu-memory")
        assert "87 %" in text_of(screen, "#hardware-words")

        def step() -> int:
            return screen.current.history.progress.step if screen.current else 0

        before = step()
        await until(pilot, lambda: step() > before, "new steps are shown by themselves")
        await pilot.press("p")
        await until(pilot, lambda: "paused" in text_of(screen, "#live-header"), "it is held")
        await pilot.press("p")
        await until(pilot, lambda: "running" in text_of(screen, "#live-header"), "it goes on")
        await pilot.press("c")
        await until(pilot, lambda: "checkpoint: done" in text_of(screen, "#live-log"), "told")
        assert list(run.checkpoints.glob("*.ckpt"))
        await pilot.press("v")
        await until(pilot, lambda: "validate: done" in text_of(screen, "#live-log"), "validated")
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, TextQuestion), "a question")
        app.screen.query_one(Input).value = "much"
        await pilot.press("enter")
        assert isinstance(app.screen, TextQuestion), "what is no number is not sent"
        app.screen.query_one(Input).value = "3e-4"
        await pilot.press("enter")
        await until(
            pilot, lambda: "set learning rate 0.0003: done" in text_of(screen, "#live-log"), "set"
        )
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ExtendRun), "a question")
        app.screen.query_one(Input).value = "+20"
        await pilot.press("tab", "enter")
        wanted = "extend epochs 520 hold: done"
        await until(pilot, lambda: wanted in text_of(screen, "#live-log"), "extended")
        assert not screen.check_action("resume", ())
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, StopRun), "a question")
        await pilot.press("k", "escape")
        assert run_status(run) is RunStatus.RUNNING, "escape lets it run on"
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, StopRun), "a question")
        await pilot.press("n")
        await until(pilot, lambda: "stopped" in text_of(screen, "#live-header"), "it stops")
        assert screen.check_action("resume", ())
        assert not screen.check_action("pause", ())
        screen.action_stop()
        await until(pilot, lambda: isinstance(app.screen, StopRun), "a question")
        await pilot.press("e")
        said = "Stop epoch: done — The run has ended: stopped"
        await until(pilot, lambda: said in [n.message for n in app._notifications], "no error")


async def test_the_view_is_changed_by_keys_and_remembered(
    isolated_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = golden_run(isolated_home)
    app = HeimdallApp(isolated_home, run_ids=(run.id,), preferences=Preferences(preferences_path()))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = live(app)
        await until(pilot, lambda: "finished" in text_of(screen, "#live-header"), "it is read")
        await until(pilot, lambda: len(screen.grid.charts) == 4, "a page of charts")
        assert "best val/loss 6.000 at epoch 4" in text_of(screen, "#live-header")
        first = screen.grid.charts[0]
        await until(pilot, lambda: first.has_focus and first.curves, "the first one is drawn")
        await pilot.press("x")
        assert first.view.x_unit == "epoch"
        assert first.curves[0].x.tolist() == [1, 1.9, 2, 3, 4]
        await pilot.press("m", "m")
        await until(pilot, lambda: len(first.curves) == 2, "smoothed, with the raw one behind")
        assert [curve.kind for curve in first.curves] == ["line", "raw"]
        await pilot.press("M", "M")
        await until(pilot, lambda: len(first.curves) == 1, "as it was")
        await pilot.press("m", "L")
        assert first.view.log_y
        await pilot.press("right_square_bracket")
        assert screen.grid.page == 1
        await pilot.press("left_square_bracket")
        second = screen.grid.shown_names[1]
        screen.grid.focus_metric(second)
        await pilot.press("space")
        assert screen.grid.shown_names[0] == second
        assert screen.grid.focused_name == second, "the focus goes with it"
        await pilot.press("z")
        # The cursor is one for all charts and the log.
        await pilot.press("left", "left", "left")
        chart = screen.grid.charts[2]
        assert chart.view.cursor_x is not None
        assert screen.query_one("#gpu-memory", MetricChart).view.cursor_x == chart.view.cursor_x
        assert screen.log_pane.pointed_line is not None
        assert hints(screen).startswith("esc drop cursor"), "how it goes away"
        await pilot.press("escape")
        await until(pilot, lambda: chart.view.cursor_x is None, "it has gone")
        assert screen.log_pane.is_following
        assert "drop cursor" not in hints(screen)
        screen.log_pane.focus()
        await pilot.press("home")
        await pilot.press("j", "j", "j", "j")
        pointed = screen.log_pane.pointed_line
        assert pointed is not None
        assert pointed.kind == "validation"
        assert chart.view.cursor_x == 1.0, "the end of the first epoch"
        await pilot.press("enter")
        assert isinstance(app.screen, TextPage)
        await pilot.press("escape")
        await pilot.press("slash", *"NaN", "enter")
        assert "NaN" in (screen.log_pane.pointed_line or pointed).text
        await pilot.press("n", "N")
        assert "2 of 2" in text_of(screen, "#live-log") or "of" in text_of(screen, "#live-log")
        await pilot.press("w")
        assert "alert" in text_of(screen, "#live-log")
        assert "validation" not in text_of(screen, "#live-log")
        await pilot.press("w", "w", "w", "a")
        await pilot.press("escape", "escape", "escape")
        await until(pilot, lambda: chart.view.cursor_x is None, "no cursor")
        await pilot.press("plus", "plus", "greater_than_sign", "less_than_sign")
        await until(pilot, lambda: chart.view.x_range is not None, "zoomed")
        await pilot.press("0")
        await until(pilot, lambda: chart.view.x_range is None, "the whole range")
        chart.focus()
        await pilot.press("slash", *"train | median", "enter")
        assert set(screen.grid.shown_names) == {"train/loss", "val/median_m", "test/median_m"}
        await pilot.press("escape")
        await pilot.press("t", "right", "down", "enter")
        assert not isinstance(app.screen, GridPicker)
        await pilot.press("f")
        await pilot.pause()
        assert len(screen.grid.shown_names) == 1
        assert not screen.query_one("#live-log-part").display
        await pilot.press("escape")
        await pilot.press("h")
        assert not screen.shows_hardware
        (run.output_path).write_text("printed by the worker\n")
        await pilot.press("o")
        await until(pilot, lambda: "printed by" in text_of(screen, "#live-log"), "output")
        await pilot.press("o", "d", "y", "y")
        await pilot.press("ctrl+e")
        await until(pilot, lambda: list(tmp_path.glob("heimdall-*.csv")), "a file")
        written = next(tmp_path.glob("heimdall-*.csv")).read_text().splitlines()
        assert written[0] == "run_id,run,metric,step,epoch,time_s,value,smoothed"
        assert len(written) > 2
    app = HeimdallApp(isolated_home, run_ids=(run.id,), preferences=Preferences(preferences_path()))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = live(app)
        await until(pilot, lambda: screen.grid.charts, "charts")
        assert screen.choices.x_unit == "epoch"
        assert screen.smoothing == 0.5
        assert screen.choices.pins == [second]
        assert screen.choices.log_metrics == {"val/loss"}
        assert screen.grid_shape == (3, 3)
        assert screen.hardware_wish == "off"


async def test_runs_over_one_another_and_the_best_earlier_one_behind(isolated_home: Path) -> None:
    earlier = golden_run(isolated_home, "20260313-101500-bbbbbb", "earlier")
    later = golden_run(isolated_home, "20260315-101500-cccccc", "later")
    log = later.log_path.read_text().splitlines()
    # Its worker died without a word.
    later.log_path.write_text("\n".join(line for line in log[:30]) + "\n")
    (later.path / "output.log").write_text("Segmentation fault\n")
    app = HeimdallApp(isolated_home, run_ids=(later.id,))
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = live(app)
        await until(pilot, lambda: "crashed" in text_of(screen, "#live-header"), "it is seen")
        await until(pilot, lambda: screen.ghost is not None, "the run behind")
        await until(pilot, lambda: len(screen.grid.charts[0].curves) == 2, "its curve")
        assert screen.grid.charts[0].curves[1].kind == "ghost"
        assert "behind: earlier " in str(screen.query_one("#live-charts-line", ChartsLine).render())
        await pilot.press("x", "x", "x")
        assert screen.choices.x_unit == "clock"
        said = screen.query_one("#live-charts-line", ChartsLine)
        assert "behind: earlier from its start" in str(said.render()), "it ran on another day"
        assert screen.grid.charts[0].curves[1].name == "earlier from its start"
        await pilot.press("x", "b")
        assert len(screen.grid.charts[0].curves) == 1
        await pilot.press("b")
        await pilot.press("T")
        await until(pilot, lambda: isinstance(app.screen, ErrorPage), "why")
        page = app.screen
        assert isinstance(page, ErrorPage)
        assert "Segmentation fault" in str(page.error)
        await pilot.press("escape")
        # What it writes next is shown by itself.
        with RunLogWriter(later.log_path) as writer:
            writer.append("metrics", step=400, epoch=3, values={"train/loss": 7.5})
            writer.append("message", level="error", text="[b]late\x1b[2J words")
        await until(pilot, lambda: "[b]late\\x1b[2J words" in text_of(screen, "#live-log"), "it")
        assert screen.current is not None
        assert screen.current.history.progress.latest["train/loss"] == 7.5
        await pilot.press("B")
        await until(pilot, lambda: isinstance(app.screen, ChoicePicker), "small or large")
        await pilot.press(*"max", "enter")
        await until(pilot, lambda: screen.grid.charts[0].view.best == (1, 15.5356), "the best")
        assert app.preferences.get("runs", "directions", {}) == {"train/loss": "max"}
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, ChoicePicker), "a list of runs")
        await pilot.press(*"earlier", "enter")
        await until(pilot, lambda: len(screen.views) == 2, "both")

        def names() -> list[str]:
            shown = [c for c in screen.grid.charts if screen.grid.name_of(c) == "train/loss"]
            return [curve.name for chart in shown for curve in chart.curves]

        await until(pilot, lambda: names() == ["later", "earlier"], "both curves")
        assert "earlier" in text_of(screen, "#live-header")
        await pilot.press("full_stop")
        assert screen.current_id == earlier.id
        await until(pilot, lambda: "finished" in text_of(screen, "#live-log"), "its log")
        await pilot.press("comma")
        assert screen.current_id == later.id
        # The chart that has the focus may go away, and nothing be drawn after that.
        screen.set_focus(None)
        await until(pilot, lambda: screen.focused in screen.grid.charts, "a chart has the focus")
        app.exit()


async def test_an_arrow_is_that_of_the_value_beside_it(isolated_home: Path) -> None:
    run = golden_run(isolated_home)
    log = run.log_path.read_text().splitlines()
    run.log_path.write_text("\n".join(log[:30]) + "\n")
    app = HeimdallApp(isolated_home, run_ids=(run.id,))
    with held_lock(run), RunLogWriter(run.log_path) as writer:
        async with app.run_test(size=(120, 40)) as pilot:
            screen = live(app)
            await until(pilot, lambda: screen.grid.charts, "charts")
            for step, value in enumerate((14.01, 14.35, 13.8, 14.2), start=400):
                writer.append("metrics", step=step, epoch=3, values={"val/loss": value})

                def header(said: str = f"{value:.2f}") -> Header | None:
                    shown = [chart.header for chart in screen.grid.charts]
                    return next((h for h in shown if h.value.startswith(said)), None)

                await until(pilot, header, "the value")
                found = header()
                assert found is not None
                arrow = {14.35: "▲ 0.34", 13.8: "▼ 0.55", 14.2: "▲ 0.40"}.get(value, found.trend)
                assert found.trend == arrow


async def test_a_home_without_runs_says_so(isolated_home: Path) -> None:
    app = HeimdallApp(isolated_home)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3")
        await until(
            pilot, lambda: app.runs is not None and isinstance(app.screen, LiveScreen), "it"
        )
        await pilot.pause()
        assert app.screen.query_one("#live-empty").display
