"""A question before something is done that cannot be undone, or not easily."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from heimdall_console.screens.dialogs.dialog import Dialog


class YesNo(Dialog[bool]):
    """`y` or enter agrees, `n` or escape does not.

    Args:
        title: What is asked, as one question.
        body: What it means; line ends are kept.
        yes: The word for agreeing.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "agree", "yes"),
        Binding("n", "leave", "no"),
    ]

    def __init__(self, title: str, body: str, yes: str = "Yes") -> None:
        super().__init__()
        self._title, self._body, self._yes = title, body, yes

    def compose(self) -> ComposeResult:
        """The question, what it means, and the keys."""
        with Vertical(classes="dialog") as box:
            box.border_title = Text(self._title).markup
            yield Static(Text(self._body), classes="dialog--text")
            yield Static(Text(f"y  {self._yes}    n  Leave it as it is"), classes="dialog--hint")

    def action_agree(self) -> None:
        """Yes."""
        self.dismiss(True)
