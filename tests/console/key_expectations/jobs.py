"""What the keys of the jobs panel do."""

from unittest.mock import patch

from heimdall_console.screens.dialogs.action_palette import ActionPalette
from heimdall_console.screens.dialogs.error_page import ErrorPage
from heimdall_console.screens.dialogs.help_page import HelpPage
from heimdall_console.screens.jobs import JobsPanel
from tests.console.key_expectations.session import Session, expects
from tests.console.key_expectations.tables import at_row

# The jobs panel, over the screen Evaluate's two jobs.


def jobs(s: Session) -> JobsPanel:
    found = s.app.screen
    assert isinstance(found, JobsPanel)
    return found


@expects("jobs.open_result")
async def _(s: Session, key: str) -> None:
    at_row(s, 1)
    job_id = jobs(s).table.key
    await s.press(key)
    await s.goes_to("evaluate")
    await s.until(lambda: getattr(s.app.screen, "table", None), "the screen")
    await s.until(lambda: s.app.screen.table.key == job_id, "its result")  # type: ignore[attr-defined]


@expects("jobs.cancel")
async def _(s: Session, key: str) -> None:
    path = jobs(s)._jobs[at_row(s, 0).key].path
    with patch("heimdall_console.job_control.cancel_job") as cancel:
        await s.press(key)
        await s.until(lambda: cancel.called, "it is ended")
    assert cancel.call_args.args == (path,)


@expects("jobs.retry")
async def _(s: Session, key: str) -> None:
    path = jobs(s)._jobs[at_row(s, 0).key].path
    with patch("heimdall_console.job_control.retry_job") as retry:
        await s.press(key)
        await s.until(lambda: retry.called, "another job")
    assert retry.call_args.args == (s.home.path, path)


@expects("jobs.show_error")
async def _(s: Session, key: str) -> None:
    at_row(s, 0)
    await s.press(key)
    page = await s.gives(ErrorPage)
    assert "It broke" in str(page.error)


@expects("jobs.copy")
async def _(s: Session, key: str) -> None:
    path = jobs(s)._jobs[at_row(s, 0).key].path
    await s.press(key)
    assert s.copied() == str(path)


@expects("jobs.help")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.gives(HelpPage)


@expects("jobs.command_palette")
async def _(s: Session, key: str) -> None:
    path = jobs(s)._jobs[at_row(s, 0).key].path
    await s.press(key)
    palette = await s.gives(ActionPalette)
    assert "cancel" in {action.name for _, action in palette._actions.values()}
    await s.types("copy")
    await s.until(lambda: s.copied() == str(path), "what the action does")


@expects("jobs.close")
async def _(s: Session, key: str) -> None:
    panel = jobs(s)
    await s.press(key)
    assert panel not in s.app.screen_stack
