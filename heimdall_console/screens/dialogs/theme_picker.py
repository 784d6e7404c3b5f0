"""Choosing colors, seen at once."""

from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from heimdall_console.screens.dialogs.dialog import Dialog
from heimdall_console.widgets.choices import Choices


class ThemePicker(Dialog[str]):
    """The theme under the cursor is shown; enter keeps it, escape goes back to the one before.

    Args:
        names: Themes to choose from.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "move('down')", "next", show=False),
        Binding("k", "move('up')", "previous", show=False),
    ]
    DEFAULT_CSS = """
    ThemePicker {
        align: right middle;
        background: $background 0%;
        & > .dialog { width: 44; }
        & OptionList, & OptionList:focus {
            height: auto; max-height: 16; border: none; padding: 0; background: $surface;
        }
    }
    """

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self._names = names
        self._before = ""

    def compose(self) -> ComposeResult:
        """The names."""
        with Vertical(classes="dialog") as box:
            box.border_title = "Theme"
            yield Choices(*(Option(Text(name), id=name) for name in self._names))
            yield Static(Text("enter  keep    esc  as before"), classes="dialog--hint")

    def on_mount(self) -> None:
        """Begin at the theme that is in use."""
        self._before = self.app.theme
        options = self.query_one(OptionList)
        if self._before in self._names:
            options.highlighted = self._names.index(self._before)
        options.focus()

    @on(OptionList.OptionHighlighted)
    def _preview(self, event: OptionList.OptionHighlighted) -> None:
        self.app.theme = event.option.id or self._before

    @on(OptionList.OptionSelected)
    def _keep(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_move(self, direction: str) -> None:
        """Move the cursor."""
        options = self.query_one(OptionList)
        (options.action_cursor_down if direction == "down" else options.action_cursor_up)()

    def action_leave(self) -> None:
        """Go back to the theme before."""
        self.app.theme = self._before
        self.dismiss(None)
