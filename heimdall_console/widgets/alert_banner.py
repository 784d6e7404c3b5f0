"""What a run warns of, with what to do about it."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.text import Text
from textual.widgets import Static

from heimdall_console.formatting import plain


class AlertBanner(Static):
    """A line an alert; gone when nothing is wrong."""

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

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self._said = ""

    def show(self, alerts: Iterable[Mapping[str, Any]]) -> None:
        """Show what has not cleared, the newest first."""
        text = Text()
        for alert in reversed(list(alerts)):
            if text:
                text.append("\n")
            text.append("! ", "bold")
            text.append(plain(alert.get("text") or alert.get("name", "")), "bold")
            if alert.get("advice"):
                text.append(f"  {plain(alert['advice'])}.")
        if text.plain != self._said:
            self._said = text.plain
            self.display = bool(self._said)
            self.update(text)
