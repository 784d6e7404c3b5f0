"""What of this machine, terminal and servers is fit, and what to do about the rest."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.text import Text
from textual import events, on
from textual.widgets import Static

from heimdall_console.doctor.text import Line, group_pieces, verdict_pieces
from heimdall_console.screens.dialogs.text_page import TextPage
from heimdall_console.sources.examination import GroupExamined, begin_examination
from heimdall_console.terminal import Style

if TYPE_CHECKING:
    from heimdall_console.doctor.finding import Group

_COLORS: Final[dict[Style, str]] = {
    "dim": "muted",
    "accent": "accent",
    "good": "success",
    "warning": "warning",
    "bad": "error",
}
"""Style of the command's output → color of the theme."""
_WAITING: Final = "looking at terminal, versions, home, queue, GPUs and servers"


class DoctorPage(TextPage):
    """The findings of `heimdall-console doctor`, each group as soon as it is known.

    Args:
        home: Where runs live.
        ascii_only: Whether only ASCII characters may be drawn.
    """

    BINDINGS = TextPage.BINDINGS
    DEFAULT_CSS = """
    DoctorPage > .dialog {
        padding: 0 1;
        & VerticalScroll { scrollbar-size: 1 1; }
    }
    """

    def __init__(self, home: Path, *, ascii_only: bool = False) -> None:
        super().__init__("Doctor", _WAITING)
        self._home = home
        self._unicode = not ascii_only
        self.groups: list[Group] = []
        self.is_done = False

    def on_mount(self) -> None:
        """Begin to look; nothing waits for it."""
        begin_examination(self, self._home, (self.app.size.width, self.app.size.height))

    @on(GroupExamined)
    def _take_group(self, event: GroupExamined) -> None:
        if not self.query("#page-text"):
            return  # It is being left.
        self.groups.append(event.group)
        self.is_done = event.is_last
        if self.is_done:
            verdict = "".join(piece for piece, _ in verdict_pieces(self.groups))
            self.query_one(".dialog").border_title = f"Doctor: {verdict.strip()}"
        self._show()

    def on_resize(self, event: events.Resize) -> None:
        """Lines break elsewhere."""
        if self.groups:
            self._show()

    def _show(self) -> None:
        text = self.query_one("#page-text", Static)
        text.update(_styled(self._lines(text.size.width), self.app.theme_variables))

    def _lines(self, width: int) -> list[Line]:
        lines = [
            line for g in self.groups for line in group_pieces(g, width, unicode=self._unicode)
        ]
        return [*lines, verdict_pieces(self.groups) if self.is_done else [(f" {_WAITING}", "dim")]]

    def copied_text(self) -> str:
        """All of it, as the command prints it."""
        return _styled(self._lines(100), {}).plain


def _styled(lines: Sequence[Line], colors: dict[str, str]) -> Text:
    """The lines in the colors of a theme."""
    text = Text()
    for number, line in enumerate(lines):
        text.append("\n" if number else "")
        for piece, style in line:
            text.append(
                piece, "bold" if style == "bold" else colors.get(_COLORS.get(style, ""), "")
            )
    return text
