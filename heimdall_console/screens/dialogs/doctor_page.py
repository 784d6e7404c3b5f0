"""What of this machine, terminal and servers is fit, and what to do about the rest."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from heimdall_console.doctor.text import Line, group_pieces, verdict_pieces
from heimdall_console.screens.dialogs.dialog import Dialog
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


class DoctorPage(Dialog[None]):
    """The findings of `heimdall-console doctor`, each group as soon as it is known.

    Args:
        home: Where runs live.
        ascii_only: Whether only ASCII characters may be drawn.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "copy"),
        Binding("enter,q", "leave", "close", show=False),
        Binding("j", "scroll('down')", show=False),
        Binding("k", "scroll('up')", show=False),
    ]
    DEFAULT_CSS = """
    DoctorPage > .dialog {
        width: 110;
        padding: 0 1;
        & VerticalScroll { height: auto; max-height: 100%; scrollbar-size: 1 1; }
        & Static { height: auto; }
    }
    """

    def __init__(self, home: Path, *, ascii_only: bool = False) -> None:
        super().__init__()
        self._home = home
        self._unicode = not ascii_only
        self.groups: list[Group] = []
        self.is_done = False

    def compose(self) -> ComposeResult:
        """The findings."""
        with Vertical(classes="dialog") as box:
            box.border_title = "Doctor"
            box.border_subtitle = "y copies, esc closes"
            with VerticalScroll():
                yield Static(_WAITING, id="doctor-text")

    def on_mount(self) -> None:
        """Begin to look; nothing waits for it."""
        begin_examination(self, self._home, (self.app.size.width, self.app.size.height))

    @on(GroupExamined)
    def _take_group(self, event: GroupExamined) -> None:
        if not self.query("#doctor-text"):
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
        text = self.query_one("#doctor-text", Static)
        text.update(_styled(self._lines(text.size.width), self.app.theme_variables))

    def _lines(self, width: int) -> list[Line]:
        lines = [
            line for g in self.groups for line in group_pieces(g, width, unicode=self._unicode)
        ]
        return [*lines, verdict_pieces(self.groups) if self.is_done else [(f" {_WAITING}", "dim")]]

    def action_copy(self) -> None:
        """Copy all of it, as the command prints it."""
        copy = getattr(self.app, "copy", self.app.copy_to_clipboard)
        copy(_styled(self._lines(100), {}).plain)

    def action_scroll(self, direction: str) -> None:
        """Scroll a line."""
        scroll = self.query_one(VerticalScroll)
        (scroll.scroll_down if direction == "down" else scroll.scroll_up)(animate=False)


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
