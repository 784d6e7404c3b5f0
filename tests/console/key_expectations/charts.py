"""What the keys of a chart and of a map do, wherever they are."""

import pytest

from heimdall_console.widgets.map_view import MapView
from heimdall_console.widgets.metric_chart import MetricChart
from tests.console.key_expectations.session import Expectation, Session, expects


def chart(s: Session) -> MetricChart:
    """The one with the focus."""
    found = s.app.focused
    assert isinstance(found, MetricChart)
    return found


async def shows_all(s: Session) -> None:
    """Begin without a cursor and without a range."""
    shown = chart(s)
    shown.post_message(MetricChart.CursorMoved(shown, None))
    shown.action_show_all()
    await s.until(lambda: shown.view.cursor_x is None and shown.view.x_range is None, "all of it")


def span(s: Session) -> float:
    shown = chart(s).view.x_range
    return shown[1] - shown[0] if shown is not None else float("inf")


def moves_cursor(direction: int) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        await shows_all(s)
        for _turn in range(3):
            chart(s).action_move_cursor(-1)
            await s.pilot.pause()
        before = chart(s).view.cursor_x
        await s.press(key)
        after = chart(s).view.cursor_x
        assert before is not None
        assert after is not None
        assert (after - before) * direction > 0
        await shows_all(s)

    return expectation


expects("MetricChart.cursor left")(moves_cursor(-1))
expects("MetricChart.cursor right")(moves_cursor(1))


def pans(direction: int) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        await shows_all(s)
        await s.press("plus", "plus", "plus")
        before = chart(s).view.x_range
        await s.press(key)
        after = chart(s).view.x_range
        assert before is not None
        assert after is not None
        assert (after[0] - before[0]) * direction > 0
        assert after[1] - after[0] == pytest.approx(before[1] - before[0])
        await shows_all(s)

    return expectation


expects("MetricChart.range left")(pans(-1))
expects("MetricChart.range right")(pans(1))


@expects("MetricChart.zoom in")
async def _(s: Session, key: str) -> None:
    await shows_all(s)
    await s.press(key)
    once = span(s)
    await s.press(key)
    assert span(s) < once < float("inf")


@expects("MetricChart.zoom out")
async def _(s: Session, key: str) -> None:
    await shows_all(s)
    await s.press("plus", "plus", "plus")
    before = span(s)
    await s.press(key)
    assert span(s) > before


@expects("MetricChart.whole range")
async def _(s: Session, key: str) -> None:
    await s.press("plus")
    assert span(s) < float("inf")
    await s.press(key)
    assert span(s) == float("inf")


# The map.


def map_view(s: Session) -> MapView:
    found = s.app.focused
    assert isinstance(found, MapView)
    return found


def goes(east: int, north: int) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        before = map_view(s)._scale().center
        await s.press(key)
        after = map_view(s)._scale().center
        assert ((after[0] - before[0]) * east > 0) is (east != 0)
        assert ((after[1] - before[1]) * north > 0) is (north != 0)

    return expectation


expects("MapView.west")(goes(-1, 0))
expects("MapView.east")(goes(1, 0))
expects("MapView.north")(goes(0, 1))
expects("MapView.south")(goes(0, -1))


def zooms(direction: int) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        before = map_view(s)._scale().meters_per_row
        await s.press(key)
        assert (before - map_view(s)._scale().meters_per_row) * direction > 0

    return expectation


expects("MapView.zoom in")(zooms(1))
expects("MapView.zoom out")(zooms(-1))


@expects("MapView.whole map")
async def _(s: Session, key: str) -> None:
    await s.press("plus", "left")
    assert map_view(s).viewport.center is not None
    await s.press(key)
    assert map_view(s).viewport.center is None


def chooses(direction: int) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        map_view(s).choose(5)
        await s.press(key)
        assert map_view(s).viewport.chosen == 5 + direction

    return expectation


expects("MapView.next session")(chooses(1))
expects("MapView.session before")(chooses(-1))
