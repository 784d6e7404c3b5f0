"""What the keys of the dialogs do; each is opened by itself over the screen Runs."""

from typing import Any

from textual.containers import VerticalScroll
from textual.widgets import OptionList

from heimdall_console.config_changes import Difference
from heimdall_console.screens.dialogs.changes_page import ChangesPage, Comparison
from heimdall_console.screens.dialogs.choice_picker import ChoicePicker, SearchedList
from heimdall_console.screens.dialogs.column_picker import ColumnPicker
from heimdall_console.screens.dialogs.dialog import Dialog
from heimdall_console.screens.dialogs.doctor_page import DoctorPage
from heimdall_console.screens.dialogs.error_page import ErrorPage
from heimdall_console.screens.dialogs.extend_run import ExtendRun, Extension
from heimdall_console.screens.dialogs.grid_picker import GridPicker
from heimdall_console.screens.dialogs.help_page import HelpPage
from heimdall_console.screens.dialogs.stop_run import StopRun
from heimdall_console.screens.dialogs.text_page import TextPage
from heimdall_console.screens.dialogs.theme_picker import ThemePicker
from heimdall_console.screens.dialogs.yes_no import YesNo
from tests.console.key_expectations.session import Expectation, Session, expects
from training_core.contract.errors import HeimdallError


async def opened(s: Session, dialog: Dialog[Any]) -> list[Any]:
    """What the dialog is answered with, as soon as it is."""
    answers: list[Any] = []
    s.app.push_screen(dialog, answers.append)
    await s.pilot.pause()
    assert s.app.screen is dialog
    return answers


async def answered(s: Session, answers: list[Any], wanted: Any) -> None:
    await s.until(lambda: answers, "an answer")
    assert answers == [wanted]
    assert s.app.screen is s.screen


@expects("Dialog.leave")
async def _(s: Session, key: str) -> None:
    answers = await opened(s, YesNo("Delete?", "All of it."))
    await s.press(key)
    await answered(s, answers, None)


@expects("YesNo.yes")
async def _(s: Session, key: str) -> None:
    answers = await opened(s, YesNo("Delete?", "All of it."))
    await s.press(key)
    await answered(s, answers, True)


@expects("YesNo.no")
async def _(s: Session, key: str) -> None:
    answers = await opened(s, YesNo("Delete?", "All of it."))
    await s.press(key)
    await answered(s, answers, None)


@expects("HelpPage.close")
async def _(s: Session, key: str) -> None:
    answers = await opened(s, HelpPage("Runs", "", [], [], []))
    await s.press(key)
    await answered(s, answers, None)


@expects("TextPage.copy")
async def _(s: Session, key: str) -> None:
    await opened(s, TextPage("A line", "what [it] says"))
    await s.press(key)
    assert s.copied() == "what [it] says"


@expects("TextPage.close")
async def _(s: Session, key: str) -> None:
    answers = await opened(s, TextPage("A line", "what [it] says"))
    await s.press(key)
    await answered(s, answers, None)


@expects("DoctorPage.copy")
async def _(s: Session, key: str) -> None:
    page = DoctorPage(s.home.path)
    await opened(s, page)
    await s.until(lambda: page.groups, "the terminal")
    await s.press(key)
    assert f"{s.app.size.width} × {s.app.size.height}" in s.copied()


@expects("DoctorPage.close")
async def _(s: Session, key: str) -> None:
    answers = await opened(s, DoctorPage(s.home.path))
    await s.press(key)
    await answered(s, answers, None)


# What failed.


@expects("ErrorPage.traceback")
async def _(s: Session, key: str) -> None:
    await opened(s, ErrorPage(HeimdallError("The disk is full"), "in line 7"))
    traceback = s.app.screen.query_one("#traceback", VerticalScroll)
    found = [traceback.display]
    for _turn in range(2):
        await s.press(key)
        found.append(traceback.display)
    assert found == [False, True, False]


@expects("ErrorPage.copy")
async def _(s: Session, key: str) -> None:
    await opened(s, ErrorPage(HeimdallError("The disk is full"), "in line 7"))
    await s.press(key)
    assert s.copied() == "The disk is full.\n\nin line 7"


@expects("ErrorPage.close")
async def _(s: Session, key: str) -> None:
    answers = await opened(s, ErrorPage(HeimdallError("The disk is full")))
    await s.press(key)
    await answered(s, answers, None)


# Choosing.


def moves_in_list(begin: int, end: int) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        names = ["one", "two", "three"]
        answers = await opened(s, ChoicePicker("Which?", [(n, "") for n in names], names[begin]))
        await s.press(key, "enter")
        await answered(s, answers, names[end])

    return expectation


expects("SearchedList.next")(moves_in_list(0, 1))
expects("SearchedList.previous")(moves_in_list(2, 1))


COLUMNS = [("name", "a"), ("age", "b"), ("best", "c")]


@expects("ColumnPicker.keep")
async def _(s: Session, key: str) -> None:
    answers = await opened(s, ColumnPicker(COLUMNS, ["name", "age"], ["best"]))
    await s.press(key)
    await answered(s, answers, ["name", "age"])


@expects("ColumnPicker.to the left")
async def _(s: Session, key: str) -> None:
    answers = await opened(s, ColumnPicker(COLUMNS, ["name", "age", "best"], ["best"]))
    await s.press("down", key, "ctrl+s")
    await answered(s, answers, ["age", "name", "best"])


@expects("ColumnPicker.to the right")
async def _(s: Session, key: str) -> None:
    answers = await opened(s, ColumnPicker(COLUMNS, ["name", "age", "best"], ["best"]))
    await s.press("down", key, "ctrl+s")
    await answered(s, answers, ["name", "best", "age"])


@expects("ColumnPicker.the usual ones")
async def _(s: Session, key: str) -> None:
    answers = await opened(s, ColumnPicker(COLUMNS, ["name", "age"], ["best"]))
    await s.press(key, "ctrl+s")
    await answered(s, answers, ["best"])


def changes_shape(columns: int, rows: int) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        seen: list[tuple[int, int]] = []
        answers = await opened(s, GridPicker(3, 3, seen.append))
        await s.press(key)
        wanted = (3 + columns, 3 + rows)
        assert seen[-1] == wanted, "it is seen at once"
        await s.press("enter")
        await answered(s, answers, wanted)

    return expectation


expects("GridPicker.fewer columns")(changes_shape(-1, 0))
expects("GridPicker.more columns")(changes_shape(1, 0))
expects("GridPicker.fewer rows")(changes_shape(0, -1))
expects("GridPicker.more rows")(changes_shape(0, 1))
expects("GridPicker.as many as look good")(changes_shape(-3, -3))


@expects("GridPicker.keep")
async def _(s: Session, key: str) -> None:
    answers = await opened(s, GridPicker(3, 2, lambda _: None))
    await s.press(key)
    await answered(s, answers, (3, 2))


def moves_theme(by: int) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        names = ["heimdall-dark", "textual-dark", "textual-light"]
        before = s.app.theme
        await opened(s, ThemePicker(names))
        options = s.app.screen.query_one(OptionList)
        options.highlighted = 1
        await s.pilot.pause()
        await s.press(key)
        assert s.app.theme == names[1 + by]
        await s.press("escape")
        assert s.app.theme == before

    return expectation


expects("ThemePicker.next")(moves_theme(1))
expects("ThemePicker.previous")(moves_theme(-1))


# Runs.


@expects("StopRun.after this epoch")
async def _(s: Session, key: str) -> None:
    answers = await opened(s, StopRun("morning"))
    await s.press(key)
    await answered(s, answers, "epoch")


@expects("StopRun.now, with a checkpoint")
async def _(s: Session, key: str) -> None:
    answers = await opened(s, StopRun("morning"))
    await s.press(key)
    await answered(s, answers, "now")


@expects("StopRun.kill")
async def _(s: Session, key: str) -> None:
    answers = await opened(s, StopRun("morning"))
    await s.press(key)
    assert not answers, "nothing is killed by one key"
    await s.press("enter")
    await answered(s, answers, "kill")


@expects("ExtendRun.stretch or hold the schedule")
async def _(s: Session, key: str) -> None:
    answers = await opened(s, ExtendRun(100))
    await s.press(key, "enter")
    await answered(s, answers, Extension(120, is_stretched=False))


# What differs.


def compared() -> ChangesPage:
    first = (Difference("run.seed", 1, 2), Difference("trainer.epochs", 3, 4))
    return ChangesPage([Comparison("here", first), Comparison("there", ()), Comparison("far", ())])


def turns(by: int) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        page = compared()
        await opened(s, page)
        await s.press(key)
        assert page._place == by % 3

    return expectation


expects("ChangesPage.next comparison")(turns(1))
expects("ChangesPage.comparison before")(turns(-1))


def moves_difference(begin: int, end: int) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        answers = await opened(s, compared())
        s.app.screen.query_one(OptionList).highlighted = begin
        await s.press(key, "enter")
        await answered(s, answers, ("run.seed", "trainer.epochs")[end])

    return expectation


expects("ChangesPage.next")(moves_difference(0, 1))
expects("ChangesPage.before")(moves_difference(1, 0))


@expects("ChangesPage.copy")
async def _(s: Session, key: str) -> None:
    await opened(s, compared())
    await s.press(key)
    assert len(s.copied().splitlines()) == 2
    assert "run.seed" in s.copied()


@expects("ChangesPage.close")
async def _(s: Session, key: str) -> None:
    answers = await opened(s, compared())
    await s.press(key)
    await answered(s, answers, None)


DIALOGS: tuple[type[Dialog[Any]], ...] = (
    Dialog,
    ChangesPage,
    ColumnPicker,
    DoctorPage,
    ErrorPage,
    ExtendRun,
    GridPicker,
    HelpPage,
    SearchedList,
    StopRun,
    TextPage,
    ThemePicker,
    YesNo,
)
"""Those with keys of their own."""
