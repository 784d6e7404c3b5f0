"""An error in four sentences; the traceback of what is no mere refusal is one key away."""

import traceback
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from heimdall_console.formatting import plain
from heimdall_console.screens.dialogs.dialog import Dialog
from training_core.contract.errors import ConfigError, HeimdallError, UsageError


class ErrorPage(Dialog[None]):
    """What failed, why, what is unharmed, what to do.

    Args:
        error: Anything that was raised.
        detail: A traceback of elsewhere; that of the error itself when empty, but a refusal has none.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "show_traceback", "traceback"),
        Binding("y", "copy", "copy"),
        Binding("enter", "leave", "close"),
    ]

    def __init__(self, error: BaseException, detail: str = "") -> None:
        super().__init__()
        self.error = error
        self._is_refusal = isinstance(error, UsageError) and not detail
        if not detail and not self._is_refusal:
            detail = "".join(traceback.format_exception(error))
        self._detail = detail

    def compose(self) -> ComposeResult:
        """The sentences, the traceback when asked for, and the keys."""
        with Vertical(classes="dialog") as box:
            box.border_title = "Not done" if self._is_refusal else "Something failed"
            yield Static(error_text(self.error), classes="dialog--text")
            with VerticalScroll(id="traceback"):
                yield Static(Text(plain(self._detail, keep_lines=True)))
            keys = "" if self._is_refusal else "t  traceback    "
            yield Static(Text(f"esc  close    {keys}y  copy everything"), classes="dialog--hint")

    def on_mount(self) -> None:
        """Begin without the traceback."""
        self.query_one("#traceback").display = False

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer a traceback where there is one."""
        if action == "show_traceback" and self._is_refusal:
            return False
        return super().check_action(action, parameters)

    def action_show_traceback(self) -> None:
        """Show or hide the traceback."""
        shown = self.query_one("#traceback")
        shown.display = not shown.display
        if shown.display:
            shown.focus()

    def action_copy(self) -> None:
        """Copy the sentences and the traceback."""
        copy = getattr(self.app, "copy", self.app.copy_to_clipboard)
        copy(f"{error_text(self.error).plain}\n\n{self._detail}".rstrip())


def error_text(error: BaseException) -> Text:
    """The sentences of an error, what failed in bold."""
    if not isinstance(error, HeimdallError):
        what = f"This is a bug: {type(error).__name__}: {error}"
        rest = [
            "Runs are unharmed: the console only reads their logs and sends commands.",
            "Copy the traceback into a report.",
        ]
    else:
        what = error.what
        rest = [part for part in (error.why, error.unharmed, error.action) if part]
        if isinstance(error, ConfigError):
            rest[0:0] = [
                f"{problem.key}: {problem.message}" if problem.key else str(problem)
                for problem in error.problems
            ]
    text = Text(_sentence(what), "bold")
    for part in rest:
        text.append("\n" + _sentence(part), "not bold")
    return text


def _sentence(part: str) -> str:
    part = plain(part.strip(), keep_lines=True)
    return part if part.endswith((".", "!", "?", ":")) else f"{part}."
