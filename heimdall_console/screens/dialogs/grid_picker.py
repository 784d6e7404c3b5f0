"""How many charts beside and below one another, seen at once."""

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from heimdall_console.screens.dialogs.dialog import Dialog
from heimdall_console.widgets.metric_grid import MOST

Shape = tuple[int, int]


class GridPicker(Dialog[Shape]):
    """Arrows change columns and rows, enter keeps them, escape goes back to those before.

    Args:
        columns: As they are; 0 for as many as look good.
        rows: As they are; 0 for as many as look good.
        preview: Shows a shape.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "change(-1, 0)", "fewer columns"),
        Binding("right,l", "change(1, 0)", "more columns"),
        Binding("up,k", "change(0, -1)", "fewer rows"),
        Binding("down,j", "change(0, 1)", "more rows"),
        Binding("0", "fit", "as many as look good"),
        Binding("enter", "keep", "keep"),
    ]
    DEFAULT_CSS = """
    GridPicker {
        align: right middle;
        background: $background 0%;
        & > .dialog { width: 34; }
    }
    """

    def __init__(self, columns: int, rows: int, preview: Callable[[Shape], None]) -> None:
        super().__init__()
        self._before = self._shape = (columns, rows)
        self._preview = preview

    def compose(self) -> ComposeResult:
        """The shape and the keys."""
        with Vertical(classes="dialog") as box:
            box.border_title = "Charts"
            yield Static(id="shape", classes="dialog--text", markup=False)
            yield Static(
                Text("arrows  change    0  automatic\nenter  keep    esc  as before"),
                classes="dialog--hint",
            )

    def on_mount(self) -> None:
        """Show the shape that is in use."""
        self._show()

    def action_change(self, columns: int, rows: int) -> None:
        """More or fewer."""
        now_columns, now_rows = self._shape
        self._shape = (
            min(max(1, (now_columns or 2) + columns), MOST),
            min(max(1, (now_rows or 2) + rows), MOST),
        )
        self._show()

    def action_fit(self) -> None:
        """As many as look good in this terminal."""
        self._shape = (0, 0)
        self._show()

    def action_keep(self) -> None:
        """Keep the shape."""
        self.dismiss(self._shape)

    def action_leave(self) -> None:
        """Go back to the shape before."""
        self._preview(self._before)
        self.dismiss(None)

    def _show(self) -> None:
        columns, rows = self._shape
        cross = "x" if getattr(self.app, "ascii_only", False) else "×"
        text = f"{columns} {cross} {rows}" if columns else "as many as look good"
        self.query_one("#shape", Static).update(Text(text, "bold"))
        self._preview(self._shape)
