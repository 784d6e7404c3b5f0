"""What the keys of the screen Live do to its charts."""

import pytest
from textual.widgets import Input

from heimdall_console.live_charts import SMOOTHINGS
from heimdall_console.run_places import X_UNITS
from heimdall_console.screens.dialogs.choice_picker import ChoicePicker
from heimdall_console.screens.dialogs.grid_picker import GridPicker
from tests.console.key_expectations.live import chart, live, log
from tests.console.key_expectations.session import Expectation, Session, expects

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
        await s.until(lambda: live(s).views[0].run_id == wanted, "its log")

    return expectation


expects("live.next_run")(turns_run(1))
expects("live.previous_run")(turns_run(-1))
