"""What every question that lies over a screen has in common."""

from typing import ClassVar, Final, TypeVar

from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from heimdall_console.screens.dialogs.leaving import LeavesOnce

Answer = TypeVar("Answer")

_ANSWERS: Final = frozenset({"leave", "agree", "choose", "keep"})
"""Actions that do nothing but end a dialog."""


class Dialog(LeavesOnce, ModalScreen[Answer | None]):
    """A box in the middle; escape leaves it without an answer.

    Compose one container with the class `dialog`; the border's title says what is asked.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave", show=False),
    ]
    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        background: $background 60%;
        & > .dialog {
            width: 72;
            max-width: 96%;
            height: auto;
            max-height: 92%;
            padding: 1 2;
            background: $surface;
            border: round $accent;
            border-title-color: $foreground;
            border-title-style: bold;
            border-subtitle-color: $muted;
        }
        & .dialog--text { height: auto; width: 1fr; margin-bottom: 1; }
        & .dialog--hint { height: auto; width: 1fr; color: $muted; }
    }
    """

    def on_mount(self) -> None:
        """Draw the border with what the terminal can show."""
        self.set_class(bool(getattr(self.app, "ascii_only", False)), "-ascii")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Before the dialog stands, take only what answers it: all else finds no widget yet."""
        return action in _ANSWERS or self.is_mounted

    def action_leave(self) -> None:
        """Give no answer."""
        self.dismiss(None)
