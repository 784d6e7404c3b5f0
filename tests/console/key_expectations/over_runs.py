"""What the keys do on the screens that lie over Runs: compared runs, and a run of MLflow."""

from typing import Any

from textual.widgets import ContentSwitcher, DataTable

from heimdall_console.screens.compare import CompareScreen
from heimdall_console.screens.dialogs.choice_picker import ChoicePicker
from heimdall_console.screens.tracked_run import TrackedRunScreen
from heimdall_console.widgets.metric_chart import MetricChart
from tests.console.key_expectations.session import Expectation, Session, expects


def chart(s: Session) -> MetricChart:
    """The first one that is drawn."""
    assert s.screen is not None
    return next(iter(s.screen.query(MetricChart)))


def toggles_log() -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        await s.press(key)
        await s.until(lambda: chart(s).view.log_y, "a logarithmic axis")
        await s.press(key)
        await s.until(lambda: not chart(s).view.log_y, "a plain one")

    return expectation


def toggles_axis() -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        await s.press(key)
        await s.until(lambda: chart(s).view.x_unit == "time", "over time")
        await s.press(key)
        await s.until(lambda: chart(s).view.x_unit == "step", "over steps")

    return expectation


for _place in ("compare", "tracked_run"):
    expects(f"{_place}.toggle_log")(toggles_log())
    expects(f"{_place}.toggle_axis")(toggles_axis())


# Compared runs.


def compared(s: Session) -> CompareScreen:
    return s.at(CompareScreen)


@expects("compare.choose_metric")
async def _(s: Session, key: str) -> None:
    wanted = compared(s)._metrics[-1]
    await s.press(key)
    await s.gives(ChoicePicker)
    await s.types(wanted)
    await s.until(lambda: wanted in chart(s).header.title, "its curves")


@expects("compare.direction")
async def _(s: Session, key: str) -> None:
    name = compared(s)._metric
    await s.press(key)
    await s.gives(ChoicePicker)
    await s.types("large")
    figures = compared(s)._runs.figures
    await s.until(lambda: figures.directions.get(name) == "max", "large is good")
    assert s.app.preferences.get("runs", "directions", {})[name] == "max"


def steps_metric(by: int) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        names = compared(s)._metrics
        at = names.index(compared(s)._metric)
        await s.press(key)
        assert compared(s)._metric == names[(at + by) % len(names)]
        assert compared(s)._metric in chart(s).header.title

    return expectation


expects("compare.next_metric")(steps_metric(1))
expects("compare.previous_metric")(steps_metric(-1))


@expects("compare.toggle_differences")
async def _(s: Session, key: str) -> None:
    table = compared(s).query_one(DataTable)
    before = table.row_count
    await s.press(key)
    assert table.row_count > before
    await s.press(key)
    assert table.row_count == before


@expects("compare.copy")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    lines = s.copied().splitlines()
    assert lines[0].split("\t")[1:] == [row.name for row in compared(s).rows]
    assert len(lines) == compared(s).query_one(DataTable).row_count + 1


# A run of MLflow.


def tracked(s: Session) -> TrackedRunScreen:
    return s.at(TrackedRunScreen)


def turns_part(by: int) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        parts = ["curves", "facts", "artifacts", "versions"]
        tracked(s).action_show_part("curves")
        found = []
        for _turn in parts:
            await s.press(key)
            found.append(tracked(s).query_one(ContentSwitcher).current)
        assert found == [parts[by * (n + 1) % len(parts)] for n in range(len(parts))]

    return expectation


expects("tracked_run.next_part")(turns_part(1))
expects("tracked_run.previous_part")(turns_part(-1))


def turns_page(by: int) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        tracked(s)._page = 1 - by
        tracked(s)._show_curves()
        await s.pilot.pause()
        before = chart(s).header.title
        await s.press(key)
        await s.until(lambda: chart(s).header.title != before, "other curves")
        later = chart(s).header.title > before
        assert later is (by > 0)
        tracked(s)._page = 0
        tracked(s)._show_curves()

    return expectation


expects("tracked_run.next_page")(turns_page(1))
expects("tracked_run.previous_page")(turns_page(-1))


@expects("tracked_run.rerun")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.goes_to("configure")
    screen: Any = s.app.screen
    await s.until(lambda: screen.document and screen.document.flat["trainer.epochs"] == 3, "it")


@expects("tracked_run.open_model")
async def _(s: Session, key: str) -> None:
    await s.until(lambda: tracked(s)._models, "its model")
    await s.press(key)
    await s.goes_to("models")
    screen: Any = s.app.screen
    await s.until(lambda: screen.version is not None, "the model")
    assert screen.version.model == "campus"


@expects("tracked_run.copy")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    assert s.copied() == s.reader.RUN_ID


@expects("tracked_run.refresh")
async def _(s: Session, key: str) -> None:
    before = s.reader.requests.count("history")
    await s.press(key)
    await s.until(lambda: s.reader.requests.count("history") > before, "it is read again")
