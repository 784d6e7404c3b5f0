"""What the keys of the screen Configure do."""

from pathlib import Path
from typing import Any
from unittest.mock import patch

from textual.widgets import Input

from heimdall_console.config_document import ConfigDocument
from heimdall_console.config_form_lines import FormLine
from heimdall_console.screens.configure import ConfigureScreen
from heimdall_console.screens.dialogs.changes_page import ChangesPage
from heimdall_console.screens.dialogs.offer_picker import OfferPicker
from heimdall_console.screens.dialogs.text_question import TextQuestion
from heimdall_console.widgets.form_rows import FormRows
from tests.console.key_expectations.session import Expectation, Session, expects
from training_core.contract.config_file import load_config

RATE = "optimizer.learning_rate"


def configure(s: Session) -> ConfigureScreen:
    return s.at(ConfigureScreen)


def document(s: Session) -> ConfigDocument:
    found = configure(s).document
    assert found is not None
    return found


def rows(s: Session) -> FormRows:
    return configure(s).form.rows


def line(s: Session) -> FormLine:
    found = rows(s).line
    assert found is not None
    return found


def set_field(s: Session, key: str, text: str) -> None:
    """Change a field, as typing does."""
    from heimdall_console.config_fields import config_fields

    configure(s).change(lambda found: found.set_typed(config_fields()[key], text))
    document(s).end_part()


# The form.


def moves(begin: int, end: int) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        rows(s).action_go(begin)
        await s.press(key)
        assert rows(s).cursor == end % len(rows(s).lines)

    return expectation


expects("FormRows.next field")(moves(0, 1))
expects("FormRows.field before")(moves(2, 1))
expects("FormRows.first field")(moves(5, 0))
expects("FormRows.last field")(moves(0, -1))


def pages(by: int) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        rows(s).action_go(0 if by > 0 else -1)
        before, page = rows(s).cursor, rows(s).size.height - 1
        assert page > 3
        await s.press(key)
        assert rows(s).cursor == before + by * page

    return expectation


expects("FormRows.a page down")(pages(1))
expects("FormRows.a page up")(pages(-1))


@expects("FormRows.edit")
async def _(s: Session, key: str) -> None:
    rows(s).go_to(RATE)
    await s.press(key)
    assert configure(s).form.editor.has_focus
    configure(s).form.editor.value = ""
    await s.press(*"0", "full_stop", *"25", "enter")
    assert document(s).flat[RATE] == 0.25
    configure(s).action_undo()
    rows(s).go_to("trainer.precision")
    await s.press(key)
    await s.gives(OfferPicker)


def steps(by: int) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        rows(s).go_to("trainer.precision")
        field = line(s).field
        assert field is not None
        at = field.choices.index(str(document(s).flat[field.key]))
        wanted = field.choices[(at + by) % len(field.choices)]
        await s.press(key)
        assert document(s).flat[field.key] == wanted
        configure(s).action_undo()
        # On the title of a section.
        rows(s).action_go(0)
        title = line(s).key
        configure(s).fold(frozenset({title}) if by > 0 else frozenset())
        await s.press(key)
        assert (title in configure(s)._folded) is (by < 0)
        configure(s).fold(frozenset())

    return expectation


expects("FormRows.next choice, unfold")(steps(1))
expects("FormRows.choice before, fold")(steps(-1))


@expects("FormRows.next section")
async def _(s: Session, key: str) -> None:
    rows(s).action_go(0)
    await s.press(key)
    assert line(s).field is None
    assert rows(s).cursor > 0


@expects("FormRows.section before")
async def _(s: Session, key: str) -> None:
    rows(s).action_go(-1)
    await s.press(key)
    assert line(s).field is None
    assert 0 < rows(s).cursor < len(rows(s).lines) - 1


# The document.


@expects("configure.launch")
async def _(s: Session, key: str) -> None:
    run = s.home.run("running")
    text = document(s).text
    with patch("heimdall_console.screens.configure.launch", return_value=run) as launch:
        await s.press(key)
        await s.goes_to("live")
    home, plan = launch.call_args.args
    assert (home, plan.text) == (s.home.path, text)
    assert s.app.selection.run_ids == (run.id,)
    await s.until(lambda: document(s).origin.name == run.id, "the next changes are changes of it")


class Trial:
    """A trial that is at work until somebody ends it."""

    def __init__(self, screen: Any, home: Path, kind: str, arguments: Any) -> None:
        self.kind, self.is_stopped, self.is_started = kind, False, False

    def start(self) -> None:
        self.is_started = True

    def stop(self) -> None:
        self.is_stopped = True


def tries(kind: str) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        screen = configure(s)
        with patch("heimdall_console.screens.configure.TrialSource", Trial):
            await s.press(key)
        trial: Any = screen._trial
        assert (trial.kind, trial.is_started) == (kind, True)
        assert screen.panel.display
        trial.stop()
        assert screen.go_back()

    return expectation


expects("configure.preflight")(tries("preflight"))
expects("configure.overfit_batch")(tries("overfit-batch"))


@expects("configure.cancel_trial")
async def _(s: Session, key: str) -> None:
    screen: Any = configure(s)
    with patch("heimdall_console.screens.configure.TrialSource", Trial):
        await s.press("p")
    screen._trial_job = Path("job")
    with patch("heimdall_console.screens.configure.cancel_job") as cancel:
        await s.press(key)
        await s.until(lambda: cancel.called, "it is cancelled")
    assert cancel.call_args.args == (Path("job"),)
    screen._trial.stop()
    screen.go_back()


@expects("configure.filter")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    s.widget(Input)
    await s.types("sigma")
    found = [shown.key for shown in rows(s).lines if shown.field is not None]
    assert found
    assert all("sigma" in name for name in found)
    await s.press("escape")
    assert len(rows(s).lines) > len(found) + 10


@expects("configure.toggle_view")
async def _(s: Session, key: str) -> None:
    screen = configure(s)
    await s.press(key)
    assert screen.editor.has_focus
    assert not screen.form.display
    await s.press("escape" if key == "t" else key)
    assert rows(s).has_focus
    assert not screen.editor.display


@expects("configure.begin")
async def _(s: Session, key: str) -> None:
    before = document(s)
    await s.press(key)
    await s.gives(OfferPicker)
    await s.types("quick")
    await s.until(lambda: document(s) is not before, "another document")
    assert document(s).origin.name == "quick"
    await s.press(key)
    await s.gives(OfferPicker)
    await s.types("default")
    await s.until(lambda: document(s).origin.name == "default", "the first one again")


@expects("configure.show_changes")
async def _(s: Session, key: str) -> None:
    set_field(s, RATE, "0.5")
    await s.press(key)
    page = await s.gives(ChangesPage)
    assert RATE in str(page._comparisons)
    await s.press("enter")
    await s.until(lambda: s.app.screen is s.screen, "the field")
    assert line(s).key == RATE
    configure(s).action_undo()


@expects("configure.save")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.gives(TextQuestion)
    path = Path.cwd() / "mine.toml"
    await s.types(str(path))
    await s.until(path.exists, "the file")
    assert path.read_text() == document(s).text
    set_field(s, RATE, "0.5")
    await s.press(key)
    await s.until(lambda: not document(s).is_unsaved, "it is saved without another question")
    assert load_config(path).optimizer.learning_rate == 0.5
    configure(s).action_undo()


@expects("configure.enqueue")
async def _(s: Session, key: str) -> None:
    run = s.home.run("queued")
    await s.press(key)
    devices = await s.gives(OfferPicker)
    with patch("heimdall_console.screens.configure.enqueue", return_value=run) as enqueue:
        await s.press("enter")
        await s.until(lambda: s.app.screen is not devices, "after what")
        await s.gives(OfferPicker)
        await s.press("enter")
        await s.says("waits in the queue")
    assert enqueue.call_args.args[0] == s.home.path
    assert "after" in enqueue.call_args.kwargs


@expects("configure.copy")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    assert s.copied().startswith("heimdall-console run ")
    assert s.copied().split() == list(document(s).command())


@expects("configure.reset")
async def _(s: Session, key: str) -> None:
    set_field(s, RATE, "0.25")
    rows(s).go_to(RATE)
    assert RATE in {change.key for change in document(s).changes}
    await s.press(key)
    assert RATE not in {change.key for change in document(s).changes}


@expects("configure.undo")
async def _(s: Session, key: str) -> None:
    before = document(s).flat[RATE]
    set_field(s, RATE, "0.25")
    await s.press(key)
    assert document(s).flat[RATE] == before


@expects("configure.redo")
async def _(s: Session, key: str) -> None:
    set_field(s, RATE, "0.25")
    configure(s).action_undo()
    await s.press(key)
    assert document(s).flat[RATE] == 0.25
    configure(s).action_undo()


@expects("configure.next_problem")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.says("Nothing is wrong")
    set_field(s, "trainer.epochs", "ten")
    set_field(s, RATE, "much")
    rows(s).action_go(0)
    found = []
    for _turn in range(3):
        await s.press(key)
        found.append(line(s).key)
    assert set(found) == {"trainer.epochs", RATE}
    assert found[0] == found[2], "it begins again"
    configure(s).action_undo()
    configure(s).action_undo()
    assert not document(s).problems


@expects("configure.only_changed")
async def _(s: Session, key: str) -> None:
    set_field(s, RATE, "0.25")
    changed = {change.key for change in document(s).changes}
    await s.press(key)
    assert {shown.key for shown in rows(s).lines if shown.field is not None} == changed
    await s.press(key)
    assert len(rows(s).lines) > len(changed) + 10
    configure(s).action_undo()


@expects("configure.fold_all")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    assert all(shown.field is None for shown in rows(s).lines)
    await s.press(key)
    assert any(shown.field is not None for shown in rows(s).lines)
