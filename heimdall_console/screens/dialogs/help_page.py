"""What has the focus, explained, with every key."""

from collections.abc import Sequence
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from heimdall_console.actions.action import Action, keys_text
from heimdall_console.screens.dialogs.dialog import Dialog


class HelpPage(Dialog[None]):
    """Help of the focused widget first, then of its screen, then of everywhere.

    Args:
        screen_title: Name of the screen.
        about: What the focused widget is for; empty for nothing.
        widget_keys: Keys of the focused widget: key and what it does.
        own: Actions of the screen.
        always: Actions of every screen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,q", "leave", "close", show=False),
        Binding("j", "scroll('down')", show=False),
        Binding("k", "scroll('up')", show=False),
    ]
    DEFAULT_CSS = """
    HelpPage > .dialog {
        width: 96;
        & VerticalScroll { height: auto; max-height: 100%; }
        & .help--heading { color: $accent; text-style: bold; margin-top: 1; }
        & Static { height: auto; }
    }
    """

    def __init__(
        self,
        screen_title: str,
        about: str,
        widget_keys: Sequence[tuple[str, str]],
        own: Sequence[Action],
        always: Sequence[Action],
    ) -> None:
        super().__init__()
        self._screen_title, self._about, self._widget_keys = screen_title, about, widget_keys
        self._own, self._always = own, always

    def compose(self) -> ComposeResult:
        """Three parts that scroll together."""
        with Vertical(classes="dialog") as box:
            box.border_title = f"Help: {self._screen_title}"
            box.border_subtitle = "esc closes"
            with VerticalScroll():
                if self._about:
                    yield Static(Text(self._about))
                if self._widget_keys:
                    yield Static("Here", classes="help--heading")
                    yield Static(_grid([(keys_text(k), t, "") for k, t in self._widget_keys]))
                for heading, actions in (
                    (self._screen_title, self._own),
                    ("Everywhere", self._always),
                ):
                    yield Static(heading, classes="help--heading")
                    yield Static(_grid([(keys_text(a.keys), a.help, a.command) for a in actions]))

    def action_scroll(self, direction: str) -> None:
        """Scroll a line."""
        scroll = self.query_one(VerticalScroll)
        (scroll.scroll_down if direction == "down" else scroll.scroll_up)(animate=False)


def _grid(rows: Sequence[tuple[str, str, str]]) -> Table:
    """Keys, what they do, and the command line that does the same."""
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(width=12, no_wrap=True, style="bold")
    table.add_column(ratio=3)
    table.add_column(ratio=2, style="dim")
    for keys, says, command in rows:
        table.add_row(Text(keys), Text(says), Text(command))
    return table
