"""What the keys do that count on every screen."""

import signal
from pathlib import Path
from unittest.mock import patch

from textual.widgets import Input

from heimdall_console.screens.dialogs.action_palette import ActionPalette
from heimdall_console.screens.dialogs.doctor_page import DoctorPage
from heimdall_console.screens.dialogs.error_page import ErrorPage
from heimdall_console.screens.dialogs.help_page import HelpPage
from heimdall_console.screens.dialogs.theme_picker import ThemePicker
from heimdall_console.screens.jobs import JobsPanel
from tests.console.key_expectations.session import Expectation, Session, expects
from training_core.contract.errors import HeimdallError


def shows(mode: str) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        s.app.show("models" if mode == "runs" else "runs")
        await s.pilot.pause()
        if key.startswith("f") and mode != "runs":
            # Function keys count inside text fields, too.
            await s.press("slash")
            s.widget(Input)
        await s.press(key)
        assert s.app.current_mode == mode

    return expectation


for _mode in ("runs", "configure", "live", "checkpoints", "models", "evaluate"):
    expects(f"app.show_{_mode}")(shows(_mode))


@expects("app.help")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    page = await s.gives(HelpPage)
    assert page._about


@expects("app.command_palette")
async def _(s: Session, key: str) -> None:
    await s.press("slash", key)
    await s.gives(ActionPalette)
    await s.types("registered models")
    await s.goes_to("models")


@expects("app.show_jobs")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    panel = await s.gives(JobsPanel)
    await s.until(lambda: panel.table.rows, "the recorded job")


@expects("app.choose_theme")
async def _(s: Session, key: str) -> None:
    before = s.app.theme
    await s.press(key)
    await s.gives(ThemePicker)
    await s.press("down")
    seen = s.app.theme
    assert seen != before, "colors are seen at once"
    await s.press("escape")
    assert s.app.theme == before
    await s.press(key)
    await s.gives(ThemePicker)
    await s.press("down", "enter")
    assert s.app.theme == s.app.preferences.get("look", "theme", "") == seen


@expects("app.save_picture")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.until(lambda: list(Path.cwd().glob("heimdall-runs-*.svg")), "a picture")
    await s.says("Saved")


@expects("app.last_error")
async def _(s: Session, key: str) -> None:
    s.app._errors.clear()
    await s.press(key)
    await s.says("Nothing has failed")
    s.app.remember_error(HeimdallError("The disk is [full]"))
    await s.press(key)
    page = await s.gives(ErrorPage)
    assert "The disk is [full]" in str(page.error)


@expects("app.show_doctor")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    page = await s.gives(DoctorPage)
    # Every group is given up on after its time; that nothing waits is seen by leaving at once.
    await s.press("escape")
    assert s.app.screen is s.screen
    assert not page.is_done


@expects("app.back")
async def _(s: Session, key: str) -> None:
    await s.press("slash")
    s.widget(Input)
    await s.press(key)
    assert not isinstance(s.app.focused, Input)
    s.app.show("models")
    await s.pilot.pause()
    await s.press(key)
    assert s.app.current_mode == "runs"


@expects("app.suspend_process")
async def _(s: Session, key: str) -> None:
    assert s.app._driver is not None
    with (
        patch.object(type(s.app._driver), "can_suspend", True),
        patch("os.kill") as kill,
    ):
        await s.press(key)
    assert kill.call_args.args[1] == signal.SIGTSTP


@expects("app.quit")
async def _(s: Session, key: str) -> None:
    name = next(run.info.name for run in s.app.runs or () if not run.status.has_ended)
    await s.press(key)
    assert name in str(s.app.return_value)
    assert "keep running" in str(s.app.return_value)
