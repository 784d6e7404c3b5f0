"""A page of text that lies over a screen: such as one that was too long for its place, whole."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from heimdall_console.formatting import plain
from heimdall_console.screens.dialogs.dialog import Dialog


class TextPage(Dialog[None]):
    """Scrolls; `y` copies.

    Args:
        title: What it is.
        text: What it says.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "copy"),
        Binding("enter,q", "leave", "close", show=False),
        Binding("j", "scroll('down')", show=False),
        Binding("k", "scroll('up')", show=False),
    ]
    DEFAULT_CSS = """
    TextPage > .dialog {
        width: 110;
        & VerticalScroll { height: auto; max-height: 100%; }
        & Static { height: auto; }
    }
    """

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = plain(title), plain(text, keep_lines=True)

    def compose(self) -> ComposeResult:
        """The text."""
        with Vertical(classes="dialog") as box:
            box.border_title = Text(self._title).markup
            box.border_subtitle = "y copies, esc closes"
            with VerticalScroll():
                yield Static(Text(self._text), id="page-text")

    def action_copy(self) -> None:
        """Copy all of it."""
        copy = getattr(self.app, "copy", self.app.copy_to_clipboard)
        copy(self.copied_text())

    def copied_text(self) -> str:
        """What is copied: all that the page says."""
        return self._text

    def action_scroll(self, direction: str) -> None:
        """Scroll a line."""
        scroll = self.query_one(VerticalScroll)
        (scroll.scroll_down if direction == "down" else scroll.scroll_up)(animate=False)
