"""A question that is answered by a line of text."""

from collections.abc import Callable

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from heimdall_console.screens.dialogs.dialog import Dialog
from heimdall_console.widgets.text_field import TextField

Check = Callable[[str], str]
"""What is wrong with an answer; empty where nothing is."""


def anything(_: str) -> str:
    """Every answer is good."""
    return ""


class TextQuestion(Dialog[str]):
    """Enter answers, escape does not; what is wrong is said while typing.

    Args:
        title: What is asked.
        body: What it means; empty for nothing.
        initial: What stands in the field.
        check: What is wrong with an answer.
    """

    def __init__(
        self, title: str, body: str = "", initial: str = "", check: Check = anything
    ) -> None:
        super().__init__()
        self._title, self._body, self._initial, self._check = title, body, initial, check

    def compose(self) -> ComposeResult:
        """The question, a field, and what is wrong."""
        with Vertical(classes="dialog") as box:
            box.border_title = Text(self._title).markup
            if self._body:
                yield Static(Text(self._body), classes="dialog--text")
            yield TextField(self._initial)
            yield Static("", classes="dialog--hint", id="problem", markup=False)

    def on_mount(self) -> None:
        """Say what enter does."""
        self._say("")

    @on(Input.Changed)
    def _judge(self, event: Input.Changed) -> None:
        self._say(self._check(event.value) if event.value != self._initial else "")

    @on(Input.Submitted)
    def _answer(self, event: Input.Submitted) -> None:
        problem = self._check(event.value)
        if problem:
            self._say(problem)
        else:
            self.dismiss(event.value)

    def _say(self, problem: str) -> None:
        hint = self.query_one("#problem", Static)
        hint.update(
            Text(f"! {problem}", "bold") if problem else Text("enter  answer    esc  leave")
        )
