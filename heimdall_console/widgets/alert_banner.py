"""What a run warns of, with what to do about it."""

from collections.abc import Iterable
from typing import Final

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widgets import Static

from heimdall_console.alert_text import Alert, advice, what

_MOST_LINES: Final = 3


class AlertBanner(Static):
    """A line an alert; gone when nothing is wrong. A click asks for all of it."""

    DEFAULT_CSS = """
    AlertBanner {
        height: auto;
        max-height: 3;
        padding: 0 1;
        color: $warning;
        background: $surface;
        text-wrap: nowrap;
        text-overflow: ellipsis;
        display: none;
    }
    """

    class Pressed(Message):
        """The banner was clicked."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self._said = ""

    def show(self, alerts: Iterable[Alert]) -> None:
        """Show what has not cleared, the newest first."""
        listed = list(alerts)[::-1]
        shown = listed if len(listed) <= _MOST_LINES else listed[: _MOST_LINES - 1]
        lines = []
        for alert in shown:
            line = Text(f"! {what(alert)}", "bold")
            if advice(alert):
                line.append(f"  {advice(alert)}", "not bold")
            lines.append(line)
        if len(shown) < len(listed):
            lines.append(Text(f"! and {len(listed) - len(shown)} more", "bold"))
        text = Text("\n").join(lines)
        if text.plain != self._said:
            self._said = text.plain
            self.display = bool(self._said)
            self.update(text)

    def on_click(self, event: events.Click) -> None:
        """Ask for all of it."""
        event.stop()
        self.post_message(self.Pressed())
