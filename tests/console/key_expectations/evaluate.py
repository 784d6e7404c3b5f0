"""What the keys of the screen Evaluate do."""

from typing import Any
from unittest.mock import patch

from heimdall_console.screens.dialogs.choice_picker import ChoicePicker
from heimdall_console.screens.dialogs.error_page import ErrorPage
from heimdall_console.screens.evaluate import EvaluateScreen
from tests.console.key_expectations.session import Expectation, Session, expects
from tests.console.key_expectations.tables import at_row

# Evaluate: one recorded evaluation, and one that has failed.


def evaluate(s: Session) -> EvaluateScreen:
    return s.at(EvaluateScreen)


@expects("evaluate.new")
async def _(s: Session, key: str) -> None:
    (s.home.path / "datasets" / "site").mkdir(parents=True, exist_ok=True)
    (s.home.path / "datasets" / "site" / "dataset.toml").write_text("")
    await s.press(key)
    await s.gives(ChoicePicker)
    await s.types("long-first")
    await s.until(
        lambda: "which dataset" in str(s.app.screen.query_one(".dialog").border_title), ""
    )
    await s.types("site")
    await s.until(lambda: "sessions" in str(s.app.screen.query_one(".dialog").border_title), "part")
    await s.press("enter")
    await s.until(lambda: s.app.asked, "a job")
    kind, arguments = s.app.asked.pop()
    assert (kind, arguments.split) == ("evaluate", "val")  # type: ignore[attr-defined]
    assert s.home.ids["crashed"] in str(arguments.model)  # type: ignore[attr-defined]


def shows_pane(name: str) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        other = "map" if name != "map" else "notes"
        evaluate(s)._choose_pane(other)
        pane = evaluate(s).query_one(f"#evaluate-{name}")
        found = [pane.display]
        await s.press(key)
        found.append(pane.display)
        assert found == [False, True]
        await s.until(lambda: pane.size.height > 3, "room for it")

    return expectation


for _name in ("distribution", "map", "calibration", "sessions", "notes"):
    expects(f"evaluate.show_{_name}")(shows_pane(_name))


@expects("evaluate.retry")
async def _(s: Session, key: str) -> None:
    job = evaluate(s).job
    assert job is not None
    with patch("heimdall_console.job_control.retry_job") as retry:
        await s.press(key)
        await s.until(lambda: retry.called, "another job")
    assert retry.call_args.args == (s.home.path, job.path)


@expects("evaluate.cancel")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.says("It has ended")
    job = evaluate(s).job
    assert job is not None
    living: Any = type("Living", (), {"status": type("S", (), {"has_ended": False}), "path": 7})()
    with (
        patch.object(EvaluateScreen, "job", living),
        patch("heimdall_console.job_control.cancel_job") as cancel,
    ):
        await s.press(key)
        await s.until(lambda: cancel.called, "it is ended")
    assert cancel.call_args.args == (7,)


@expects("evaluate.copy")
async def _(s: Session, key: str) -> None:
    job = evaluate(s).job
    assert job is not None
    await s.press(key)
    assert s.copied() == str(job.path / "result.json")
    await s.press(key)
    assert s.copied().startswith("heimdall-console evaluate ")


@expects("evaluate.open")
async def _(s: Session, key: str) -> None:
    at_row(s, 0)
    await s.press(key)
    page = await s.gives(ErrorPage)
    assert "It broke" in str(page.error)
    await s.return_to_screen()
    at_row(s, 1)
    await s.press(key)
    await s.goes_to("checkpoints")
    assert s.app.selection.run_ids == (s.home.ids["finished"],)
    s.app.show("evaluate")
    await s.return_to_screen()
