"""All that is known of one record: headings, labels and values, scrolled together."""

from collections.abc import Sequence
from typing import ClassVar

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from heimdall_console.formatting import plain

Section = tuple[str, Sequence[tuple[str, str]]]
"""A heading, empty for none, and labels with their values; a value alone has an empty label."""


class DetailPane(VerticalScroll, can_focus=True):
    """Labels at the left, values wrapped beside them.

    Args:
        about: What the help says of it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll_down", "down"),
        Binding("k,up", "scroll_up", "up"),
        Binding("g,home", "scroll_home", "to the top"),
        Binding("G,end", "scroll_end", "to the end"),
        Binding("pagedown,ctrl+d", "page_down", "a page down"),
        Binding("pageup,ctrl+u", "page_up", "a page up"),
    ]
    DEFAULT_CSS = """
    DetailPane {
        width: 1fr;
        height: 1fr;
        padding: 0 1;
        scrollbar-size-vertical: 1;
        background: $surface;
        border-left: blank $surface;
        &:focus { border-left: outer $accent; }
        & Static { height: auto; background: $surface; }
    }
    """

    def __init__(self, about: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.about = about
        self._shown: tuple[str, Sequence[Section]] | None = None
        self._key = ""

    def compose(self) -> ComposeResult:
        """One text."""
        yield Static(classes="detail--text")

    def show(self, key: str, title: str, sections: Sequence[Section]) -> None:
        """Show a record; another one begins at its top.

        Args:
            key: Of the record.
            title: In bold above everything.
            sections: In their order.
        """
        if (title, sections) == self._shown:
            return
        if key != self._key:
            self._key = key
            self.scroll_home(animate=False)
        self._shown = (title, sections)
        self.query_one(Static).update(self._drawn(title, sections))

    def notify_style_update(self) -> None:
        """Draw again in the colors of another theme."""
        super().notify_style_update()
        if self._shown is not None and self.is_mounted:
            self.query_one(Static).update(self._drawn(*self._shown))

    def _drawn(self, title: str, sections: Sequence[Section]) -> RenderableType:
        colors = self.app.theme_variables
        parts: list[RenderableType] = [Text(_shown_text(title), "bold")] if title else []
        width = max((len(label) for _, pairs in sections for label, _ in pairs), default=0)
        for heading, pairs in sections:
            if not pairs:
                continue
            if heading:
                parts.append(Text(f"\n{_shown_text(heading)}", colors.get("accent", "")))
            table = Table.grid(padding=(0, 2, 0, 0), expand=True)
            table.add_column(width=min(width, 18), style=colors.get("muted", ""))
            table.add_column(ratio=1, overflow="fold")
            for label, value in pairs:
                style = colors.get("error", "") if label in ("danger", "error") else ""
                table.add_row(Text(_shown_text(label)), Text(_shown_text(value), style))
            parts.append(table)
        return Group(*parts)


def _shown_text(text: str) -> str:
    return plain(text, keep_lines=True)
