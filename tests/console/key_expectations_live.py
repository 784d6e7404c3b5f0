"""What the keys of the screen Live do."""

from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from textual.widgets import Input

from heimdall_console.live_charts import SMOOTHINGS
from heimdall_console.run_places import X_UNITS
from heimdall_console.screens.dialogs.choice_picker import ChoicePicker
from heimdall_console.screens.dialogs.error_page import ErrorPage
from heimdall_console.screens.dialogs.extend_run import ExtendRun
from heimdall_console.screens.dialogs.grid_picker import GridPicker
from heimdall_console.screens.dialogs.stop_run import StopRun
from heimdall_console.screens.dialogs.text_page import TextPage
from heimdall_console.screens.dialogs.text_question import TextQuestion
from heimdall_console.screens.live import LiveScreen
from heimdall_console.widgets.chart import Chart
from heimdall_console.widgets.log_pane import LogPane
from heimdall_console.widgets.metric_chart import MetricChart
from tests.console.key_expectations import Expectation, Session, expects


def live(s: Session) -> LiveScreen:
    return s.at(LiveScreen)


def chart(s: Session) -> MetricChart:
    return live(s).grid.charts[0]


def log(s: Session) -> LogPane:
    return live(s).log_pane


# The log.


def points(begin: str, line: int) -> Expectation:
    """A key of the log that points at another line; lines are counted as in a list."""

    async def expectation(s: Session, key: str) -> None:
        pane = log(s)
        pane.action_follow()
        if begin == "first":
            pane.action_point_at_first()
        elif begin == "last":
            pane.action_point(1)
        await s.press(key)
        assert pane.pointed_line is pane._shown[line]

    return expectation


expects("LogPane.next line")(points("first", 1))
expects("LogPane.line before")(points("last", -2))
expects("LogPane.first line")(points("last", 0))


@expects("LogPane.follow the end")
async def _(s: Session, key: str) -> None:
    log(s).action_point_at_first()
    assert not log(s).is_following
    await s.press(key)
    assert log(s).is_following


@expects("LogPane.page down")
async def _(s: Session, key: str) -> None:
    log(s).action_point_at_first()
    await s.press(key)
    assert log(s)._pointed == log(s).size.height - 2 > 1


@expects("LogPane.page up")
async def _(s: Session, key: str) -> None:
    log(s).action_point_at_first()
    log(s).action_point(log(s).size.height)
    await s.press(key)
    assert log(s)._pointed == 2


def finds(direction: int) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        pane = log(s)
        pane.search("validation")
        matches = pane._matches()
        assert len(matches) > 2
        pane._point(matches[1])
        await s.press(key)
        assert pane._pointed == matches[1 + direction]
        pane.search("")

    return expectation


expects("LogPane.next match")(finds(1))
expects("LogPane.match before")(finds(-1))


@expects("LogPane.show the whole line")
async def _(s: Session, key: str) -> None:
    log(s).action_point_at_first()
    line = log(s).pointed_line
    assert line is not None
    await s.press(key)
    page = await s.gives(TextPage)
    assert line.text in page._text


# The run.


@expects("live.pause")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.asks(name="pause")


@expects("live.checkpoint")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.asks(name="checkpoint")


@expects("live.validate")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.asks(name="validate")


@expects("live.stop")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.gives(StopRun)
    await s.press("n")
    await s.asks(name="stop", when="now")


@expects("live.learning_rate")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.gives(TextQuestion)
    await s.types("3e-4")
    await s.asks(name="set_learning_rate", value=3e-4)


@expects("live.extend")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.gives(ExtendRun)
    await s.types("+20")
    planned = live(s).current.history.progress.epochs  # type: ignore[union-attr]
    await s.asks(name="extend_epochs", epochs=planned + 20)


@expects("live.resume")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.gives(TextQuestion)
    # Its dataset is not here.
    with patch("heimdall_console.screens.run_control._resume", return_value=True) as resume:
        await s.types("90")
        await s.says("goes on")
    assert resume.call_args.args[:3] == (s.home.path, live(s).current_id, 90)


@expects("live.rerun")
async def _(s: Session, key: str) -> None:
    run_id = live(s).current_id
    await s.press(key)
    await s.goes_to("configure")
    screen: Any = s.app.screen
    await s.until(lambda: screen.document and screen.document.origin.name == run_id, "its config")


@expects("live.traceback")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    page = await s.gives(ErrorPage)
    failure = live(s).current.history.progress.failure()  # type: ignore[union-attr]
    assert str(page.error) == str(failure)


# The charts.


@expects("live.full_chart")
async def _(s: Session, key: str) -> None:
    name = live(s).grid.focused_name
    await s.press(key)
    assert live(s).grid.shown_names == (name,)
    await s.press(key)
    assert len(live(s).grid.shown_names) > 1


@expects("live.filter")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    assert s.widget(Input).id == "live-filter"
    await s.types("learning")
    assert live(s).grid.shown_names == ("learning_rate",)
    live(s).query_one("#live-filter", Input).value = ""
    await s.until(lambda: len(live(s).grid.charts) > 1, "all charts")


@expects("live.x_axis")
async def _(s: Session, key: str) -> None:
    found = []
    for _turn in X_UNITS:
        await s.press(key)
        assert chart(s).view.x_unit == live(s).choices.x_unit
        found.append(chart(s).view.x_unit)
    assert found == [*X_UNITS[1:], X_UNITS[0]]


@expects("live.smooth")
async def _(s: Session, key: str) -> None:
    assert live(s).smoothing == SMOOTHINGS[0]
    await s.press(key)
    assert live(s).smoothing == SMOOTHINGS[1]
    kinds = {"line", "raw"}
    await s.until(lambda: kinds <= {c.kind for c in chart(s).curves}, "the raw curve stays behind")


@expects("live.smooth_less")
async def _(s: Session, key: str) -> None:
    assert live(s).smoothing == SMOOTHINGS[1], "the key before smooths"
    await s.press(key)
    assert live(s).smoothing == SMOOTHINGS[0]
    await s.until(lambda: "raw" not in {c.kind for c in chart(s).curves}, "only the curve itself")


@expects("live.log_scale")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    assert chart(s).view.log_y
    await s.press(key)
    assert not chart(s).view.log_y


@expects("live.grid")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.gives(GridPicker)
    await s.press("left", "left", "left", "left", "up", "up", "up", "up", "enter")
    assert live(s).grid_shape == (1, 1)
    assert len(live(s).grid.shown_names) == 1
    await s.press(key)
    await s.gives(GridPicker)
    await s.press("0", "enter")
    assert len(live(s).grid.shown_names) > 1


@expects("live.pin")
async def _(s: Session, key: str) -> None:
    grid = live(s).grid
    name = grid.shown_names[1]
    grid.focus_metric(name)
    await s.press(key)
    assert grid.shown_names[0] == name == grid.focused_name
    await s.press(key)
    assert grid.shown_names[0] != name


@expects("live.next_page")
async def _(s: Session, key: str) -> None:
    grid = live(s).grid
    grid.turn(-9)
    first = grid.shown_names
    await s.press(key)
    assert grid.page == 1
    assert not set(grid.shown_names) & set(first)


@expects("live.previous_page")
async def _(s: Session, key: str) -> None:
    grid = live(s).grid
    grid.turn(-9)
    first = grid.shown_names
    grid.turn(1)
    await s.press(key)
    assert grid.shown_names == first


@expects("live.cursor_left")
async def _(s: Session, key: str) -> None:
    live(s).choices.cursor_x = None
    await s.press(key, key)
    at = chart(s).view.cursor_x
    await s.press(key)
    assert chart(s).view.cursor_x < at  # type: ignore[operator]
    assert live(s).grid.charts[-1].view.cursor_x == chart(s).view.cursor_x
    assert not log(s).is_following


@expects("live.cursor_right")
async def _(s: Session, key: str) -> None:
    chart(s).action_move_cursor(-1)
    chart(s).action_move_cursor(-1)
    await s.pilot.pause()
    chart(s).action_move_cursor(-1)
    await s.pilot.pause()
    at = chart(s).view.cursor_x
    await s.press(key)
    assert chart(s).view.cursor_x > at  # type: ignore[operator]
    assert live(s).grid.charts[-1].view.cursor_x == chart(s).view.cursor_x
    live(s).go_back()


def span(s: Session) -> float:
    shown = chart(s).view.x_range
    return shown[1] - shown[0] if shown is not None else float("inf")


@expects("live.zoom_in")
async def _(s: Session, key: str) -> None:
    live(s).action_zoom_reset()
    await s.press(key)
    once = span(s)
    await s.press(key)
    assert span(s) < once < float("inf")
    assert live(s).grid.charts[-1].view.x_range == chart(s).view.x_range


@expects("live.zoom_out")
async def _(s: Session, key: str) -> None:
    live(s).action_zoom_reset()
    await s.press("plus", "plus", "plus")
    before = span(s)
    await s.press(key)
    assert span(s) > before


@expects("live.zoom_reset")
async def _(s: Session, key: str) -> None:
    await s.press("plus")
    assert chart(s).view.x_range is not None
    await s.press(key)
    assert chart(s).view.x_range is None


@expects("live.fit")
async def _(s: Session, key: str) -> None:
    before = chart(s).view.planned_end
    await s.press(key)
    now = chart(s).view.planned_end
    assert (before is None) is not (now is None), "to where it will end, or as far as it is"
    await s.press(key)
    assert chart(s).view.planned_end == before


def pans(direction: int) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        live(s).action_zoom_reset()
        await s.press("plus", "plus", "less_than_sign" if direction > 0 else "plus")
        before = chart(s).view.x_range
        await s.press(key)
        after = chart(s).view.x_range
        assert before is not None
        assert after is not None
        assert (after[0] - before[0]) * direction > 0
        assert after[1] - after[0] == pytest.approx(before[1] - before[0])
        live(s).action_zoom_reset()

    return expectation


expects("live.pan_left")(pans(-1))
expects("live.pan_right")(pans(1))


def has_ghost(s: Session) -> bool:
    return "ghost" in {curve.kind for curve in chart(s).curves}


@expects("live.choose_ghost")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.gives(ChoicePicker)
    await s.types("long-first")
    await s.until(lambda: live(s).ghost_id == s.home.ids["crashed"], "it is behind")
    await s.until(lambda: has_ghost(s), "its curve")


@expects("live.ghost")
async def _(s: Session, key: str) -> None:
    live(s).grid.focus_metric(live(s).grid.shown_names[0])
    before = bool(live(s).ghost_id)
    await s.press(key)
    assert bool(live(s).ghost_id) is not before
    await s.press(key)
    assert bool(live(s).ghost_id) is before
    await s.until(lambda: has_ghost(s) is before, "its curve")


@expects("live.add_run")
async def _(s: Session, key: str) -> None:
    first = live(s).current_id
    for ids in ((first, s.home.ids["crashed"]), (first,)):
        await s.press(key)
        await s.gives(ChoicePicker)
        await s.types("long-first")
        await s.until(lambda ids=ids: s.app.selection.run_ids == ids, "the runs")  # type: ignore[misc]
        wanted = len(ids)
        await s.until(lambda wanted=wanted: len(live(s).views) == wanted, "they are read")  # type: ignore[misc]


@expects("live.direction")
async def _(s: Session, key: str) -> None:
    grid = live(s).grid
    name = grid.shown_names[0]
    assert name != live(s).current.monitor  # type: ignore[union-attr]
    grid.focus_metric(name)
    await s.press(key)
    await s.gives(ChoicePicker)
    await s.types("large")
    await s.until(lambda: live(s).choices.directions.get(name) == "max", "large is good")
    assert s.app.preferences.get("runs", "directions", {})[name] == "max"


def turns_run(direction: int) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        ids = s.app.selection.run_ids
        at = ids.index(live(s).current_id)
        await s.press(key)
        wanted = ids[(at + direction) % len(ids)]
        assert live(s).current_id == wanted != ids[at]
        await s.until(lambda: live(s).current and live(s).current.run_id == wanted, "its log")

    return expectation


expects("live.next_run")(turns_run(1))
expects("live.previous_run")(turns_run(-1))


# Hardware, log, files.


@expects("live.hardware")
async def _(s: Session, key: str) -> None:
    panel = live(s).query_one("#live-hardware")
    before = panel.display
    await s.press(key)
    assert panel.display is not before
    await s.press(key)
    assert panel.display is before


@expects("live.next_gpu")
async def _(s: Session, key: str) -> None:
    gpus = live(s).current.history.hardware.gpus  # type: ignore[union-attr]
    await s.press(key)
    if len(gpus) > 1:
        assert live(s).gpu == gpus[1]
    else:
        await s.says("GPU")


@expects("live.search_log")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    assert s.widget(Input).id == "live-search"
    await s.types("checkpoint")
    line = log(s).pointed_line
    assert line is not None
    assert "checkpoint" in f"{line.kind} {line.text}"
    live(s).query_one("#live-search", Input).value = ""
    live(s).go_back()


@expects("live.log_level")
async def _(s: Session, key: str) -> None:
    found = []
    for _turn in range(4):
        await s.press(key)
        found.append(log(s).level)
        levels = {line.level for line in log(s)._shown}
        if log(s).level == "error":
            assert levels <= {"error"}
    assert found == ["warning", "error", "debug", "info"]


@expects("live.follow_log")
async def _(s: Session, key: str) -> None:
    log(s).action_follow()
    await s.press(key)
    assert not log(s).is_following
    await s.press(key)
    assert log(s).is_following


@expects("live.show_output")
async def _(s: Session, key: str) -> None:
    s.home.run("running").output_path.write_text("printed by the worker\n")
    await s.press(key)

    def text() -> str:
        picture = live(s).query_one("#live-log", Chart).picture
        return "\n".join(picture.lines()) if picture is not None else ""

    await s.until(lambda: "printed by the worker" in text(), "what was printed")
    await s.press(key)
    await s.until(lambda: log(s).title == "log", "the log")


@expects("live.export_csv")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.until(lambda: list(Path.cwd().glob("heimdall-*.csv")), "a file")
    text = next(Path.cwd().glob("heimdall-*.csv")).read_text()
    assert f",{live(s).grid.focused_name}," in text


@expects("live.copy")
async def _(s: Session, key: str) -> None:
    run = s.home.run("running")
    found = []
    for _turn in range(3):
        await s.press(key)
        found.append(s.copied())
    assert found == [run.id, run.read_info().name, str(run.path)]
