"""What the keys of the screen Live do to its run, its hardware and its log."""

from pathlib import Path
from typing import Any
from unittest.mock import patch

from textual.widgets import Input

from heimdall_console.screens.dialogs.error_page import ErrorPage
from heimdall_console.screens.dialogs.extend_run import ExtendRun
from heimdall_console.screens.dialogs.stop_run import StopRun
from heimdall_console.screens.dialogs.text_page import TextPage
from heimdall_console.screens.dialogs.text_question import TextQuestion
from heimdall_console.screens.live import LiveScreen
from heimdall_console.widgets.chart import Chart
from heimdall_console.widgets.log_pane import LogPane
from heimdall_console.widgets.metric_chart import MetricChart
from tests.console.key_expectations.session import Session, expects


def live(s: Session) -> LiveScreen:
    return s.at(LiveScreen)


def chart(s: Session) -> MetricChart:
    return live(s).grid.charts[0]


def log(s: Session) -> LogPane:
    return live(s).log_pane


# The run.


@expects("live.pause")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.asks(name="pause")


@expects("live.alerts")
async def _(s: Session, key: str) -> None:
    current = live(s).current
    assert current is not None
    (alert, *_) = current.history.progress.alerts.values()
    await s.press(key)
    page = await s.gives(TextPage)
    assert str(alert["text"]) in page._text


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
    assert planned is not None
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
