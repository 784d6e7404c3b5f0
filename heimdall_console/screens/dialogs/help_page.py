"""What has the focus, explained, with every key."""

import textwrap
from collections.abc import Sequence
from itertools import zip_longest
from typing import ClassVar, Final

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import RichLog

from heimdall_console.actions.action import Action, keys_text
from heimdall_console.screens.dialogs.dialog import Dialog

_WIDEST: Final = 96
_SHARE: Final = 0.96  # of the terminal, as all dialogs
_FRAME: Final = 8  # border, padding, scroll bar


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
    HelpPage { background: $background; }
    HelpPage > .dialog {
        width: 96;
        & RichLog { max-height: 100%; background: $surface; scrollbar-gutter: stable; }
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
            # Unlike a text that is scrolled it lays its lines out once.
            yield RichLog(auto_scroll=False, min_width=1)

    def on_resize(self) -> None:
        """Set the lines for the width there is: once, which a table would do at every layout."""
        width = max(24, min(_WIDEST, int(_SHARE * self.size.width)) - _FRAME)
        text = Text(no_wrap=True)
        for line in textwrap.wrap(self._about, width):
            text.append(f"{line}\n")
        parts = [
            ("Here", [(keys_text(keys), says, "") for keys, says in self._widget_keys]),
            (self._screen_title, [_row(action) for action in self._own]),
            ("Everywhere", [_row(action) for action in self._always]),
        ]
        accent = Style(color=self.app.theme_variables["accent"], bold=True)
        for heading, rows in parts:
            if rows:
                text.append("\n" if text else "")
                text.append(f"{heading}\n", accent)
                _append_rows(text, rows, width)
        text.rstrip()
        pane = self.query_one(RichLog)
        pane.clear()
        pane.styles.height = text.plain.count("\n") + 1
        pane.write(text, width=width)

    def action_scroll(self, direction: str) -> None:
        """Scroll a line."""
        scroll = self.query_one(RichLog)
        (scroll.scroll_down if direction == "down" else scroll.scroll_up)(animate=False)


def _row(action: Action) -> tuple[str, str, str]:
    return keys_text(action.keys), action.help, action.command


def _append_rows(text: Text, rows: Sequence[tuple[str, str, str]], width: int) -> None:
    """Keys, what they do, and the command line that does the same, each in its column."""
    keys_width = min(max(len(keys) for keys, _, _ in rows), width // 4)
    has_commands = any(command for _, _, command in rows)
    says_width = width - keys_width - 2
    if has_commands:
        says_width = (says_width - 2) * 3 // 5
    command_width = max(8, width - keys_width - says_width - 4)
    for keys, says, command in rows:
        columns = (
            textwrap.wrap(keys, keys_width),
            textwrap.wrap(says, says_width),
            textwrap.wrap(command, command_width, break_on_hyphens=False),
        )
        for key, words, typed in zip_longest(*columns, fillvalue=""):
            text.append(f"{key:{keys_width}}  ", "bold")
            text.append(f"{words:{says_width}}  " if has_commands else words)
            text.append(f"{typed}\n", "dim")
