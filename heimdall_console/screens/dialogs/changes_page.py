"""What a configuration differs in from several others, one at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from heimdall_console.config_changes import Difference, value_text
from heimdall_console.formatting import cell_width, plain, shortened
from heimdall_console.screens.dialogs.dialog import Dialog
from heimdall_console.widgets.choices import Choices
from heimdall_console.widgets.form_rows import ascii_text

_KEY_CELLS = 40
_SHORT_KEY_CELLS = 30


@dataclass(frozen=True)
class Comparison:
    """One other configuration."""

    title: str
    """What it is: `preset quick`, `the best run, powder-05`."""
    differences: "tuple[Difference, ...]"


class ChangesPage(Dialog[str]):
    """Left and right go to another comparison; enter goes to the field.

    Args:
        comparisons: At least one.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l,tab", "turn(1)", "next comparison"),
        Binding("left,h,shift+tab", "turn(-1)", "comparison before"),
        Binding("j", "move('down')", "next", show=False),
        Binding("k", "move('up')", "before", show=False),
        Binding("y", "copy", "copy"),
        Binding("d", "leave", "close"),
    ]
    DEFAULT_CSS = """
    ChangesPage {
        & > .dialog { width: 110; }
        & #comparisons { height: auto; margin-bottom: 1; }
        & OptionList, & OptionList:focus {
            height: auto; max-height: 55vh; border: none; padding: 0; background: $surface;
        }
        & .dialog--hint { margin-top: 1; }
    }
    """

    def __init__(self, comparisons: Sequence[Comparison]) -> None:
        super().__init__()
        self._comparisons = comparisons
        self._place = 0

    def compose(self) -> ComposeResult:
        """Which there are, what differs, the keys."""
        with Vertical(classes="dialog") as box:
            box.border_title = "What differs"
            yield Static("", id="comparisons", markup=False)
            yield Choices(id="differences", markup=False)
            keys = "enter  go to the field    ← →  other comparison    y  copy    esc  close"
            if getattr(self.app, "ascii_only", False):
                keys = keys.replace("← →", "left right")
            yield Static(keys, classes="dialog--hint", markup=False)

    def on_mount(self) -> None:
        """Show the first comparison."""
        self._show()
        self.query_one(OptionList).focus()

    def on_resize(self) -> None:
        """The columns have another width."""
        self._show()

    def action_turn(self, by: int) -> None:
        """Show another comparison."""
        self._place = (self._place + by) % len(self._comparisons)
        self._show()

    def action_move(self, how: str) -> None:
        """Move the cursor."""
        getattr(self.query_one(OptionList), f"action_cursor_{how}")()

    def action_copy(self) -> None:
        """Copy the differences, one a line."""
        shown = self._comparisons[self._place]
        lines = "\n".join(map(str, shown.differences))
        self.app.copy(lines)  # type: ignore[attr-defined]  # the console's app

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def _show(self) -> None:
        muted = self.app.theme_variables.get("muted", "")
        titles = Text("from  ", muted)
        for place, one in enumerate(self._comparisons):
            said = f"{plain(one.title)} {len(one.differences)}"
            here = place == self._place
            titles.append(f" {said} ", "bold reverse" if here else muted)
            titles.append("  ")
        self.query_one("#comparisons", Static).update(titles)
        shown = self._comparisons[self._place]
        options = self.query_one(OptionList)
        options.clear_options()
        width = max(40, min(110, self.size.width - 4) - 8)
        keys = _KEY_CELLS if width > 90 else _SHORT_KEY_CELLS
        each = max(8, (width - keys - 5) // 2)
        arrow = "->" if getattr(self.app, "ascii_only", False) else "→"
        for change in shown.differences:
            text = Text(no_wrap=True)
            text.append(self._fit(change.key, keys), "bold")
            text.append(f" {self._fit(value_text(change.there, each), each)}", muted)
            text.append(f" {arrow} ")
            text.append(self._fit(value_text(change.here, each), each).rstrip())
            options.add_option(Option(text, id=change.key))
        if not shown.differences:
            options.add_option(Option(Text("Nothing differs", muted), disabled=True))
        else:
            options.highlighted = 0

    def _fit(self, text: str, width: int) -> str:
        text = plain(text)
        if getattr(self.app, "ascii_only", False):
            text = shortened(ascii_text(text), width).replace("…", "~")
        text = shortened(text, width)
        return text + " " * (width - cell_width(text))
