"""One line of text whose pieces can be clicked."""

from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget


@dataclass(frozen=True)
class Piece:
    """A piece of the line."""

    text: str
    classes: str = "plain"
    """Name of the component class `link-line--<name>`."""
    action: str = ""
    """What a click does; empty for nothing."""


class LinkLine(Widget, can_focus=False):
    """Pieces from the left and, where there is room, pieces at the right edge."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "link-line--plain",
        "link-line--key",
        "link-line--muted",
        "link-line--active",
        "link-line--accent",
    }
    DEFAULT_CSS = """
    LinkLine {
        height: 1;
        width: 1fr;
        color: $foreground;
        & > .link-line--plain { color: $foreground; }
        & > .link-line--key { color: $accent; text-style: bold; }
        & > .link-line--muted { color: $muted; }
        & > .link-line--active { color: $background; background: $accent; text-style: bold; }
        & > .link-line--accent { color: $accent; }
    }
    """

    class Clicked(Message):
        """A piece with an action was clicked.

        Args:
            action: What it stands for.
        """

        def __init__(self, action: str) -> None:
            self.action = action
            super().__init__()

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._left: tuple[Piece, ...] = ()
        self._right: tuple[Piece, ...] = ()

    def show(self, left: tuple[Piece, ...], right: tuple[Piece, ...] = ()) -> None:
        """Show other pieces; nothing is drawn where they are the same."""
        if (left, right) != (self._left, self._right):
            self._left, self._right = left, right
            self.refresh()

    def render(self) -> Text:
        """The line."""
        text = Text(no_wrap=True, end="")
        for piece in self._placed():
            text.append(piece.text, self.get_component_rich_style(f"link-line--{piece.classes}"))
        return text

    def _placed(self) -> list[Piece]:
        """All pieces, with blanks between left and right."""
        used = sum(cell_len(piece.text) for piece in (*self._left, *self._right))
        gap = self.size.width - used
        if gap < 1:
            return list(self._left)
        return [*self._left, Piece(" " * gap), *self._right]

    def on_click(self, event: events.Click) -> None:
        """Tell which piece was clicked."""
        x = event.x
        for piece in self._placed():
            x -= cell_len(piece.text)
            if x < 0:
                if piece.action:
                    event.stop()
                    self.post_message(self.Clicked(piece.action))
                return
