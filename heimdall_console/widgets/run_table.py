"""A table of runs that draws only the lines that are seen, however many there are."""

from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from heimdall_console.widgets.line_table import LineTable
from heimdall_console.widgets.run_table_lines import STATES, LineDrawing
from heimdall_console.widgets.table_layout import Placed, place_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heimdall_console.run_arrangement import Line
    from heimdall_console.run_columns import Column, Context


class RunTable(LineTable):
    """Runs, one a line, with a cursor and marks that stay with their runs.

    Args:
        context: What the cells need beside the rows; the screen keeps it up to date.
    """

    HELP: ClassVar[str] = (
        "Every run of this disk and of MLflow. The cursor stays on its run, whatever is added, "
        "sorted or filtered. Click a column's title to sort by it. Under best? stands the "
        "metric's value at the best checkpoint, until m is told which way the metric is better."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "next run"),
        Binding("k,up", "move(-1)", "run before"),
        Binding("pagedown,ctrl+d", "page(1)", "a page down"),
        Binding("pageup,ctrl+u", "page(-1)", "a page up"),
        Binding("g,home", "go(0)", "first run"),
        Binding("G,end", "go(-1)", "last run"),
        Binding("l,right", "shift(1)", "columns to the right"),
        Binding("h,left", "shift(-1)", "columns to the left"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "run-table--header",
        "run-table--cell",
        "run-table--cursor",
        "run-table--muted",
        "run-table--accent",
        "run-table--group",
        "run-table--bad",
        *(f"run-table--{state}" for state in STATES),
    }
    DEFAULT_CSS = """
    RunTable {
        & > .run-table--header { color: $muted; }
        & > .run-table--cell { color: $foreground; }
        & > .run-table--cursor { background: $panel; }
        & > .run-table--muted { color: $muted; }
        & > .run-table--accent { color: $accent; }
        & > .run-table--group { color: $foreground; text-style: bold; }
        & > .run-table--bad { color: $error; }
        & > .run-table--queued { color: $state-queued; }
        & > .run-table--starting { color: $state-starting; }
        & > .run-table--running { color: $state-running; }
        & > .run-table--paused { color: $state-paused; }
        & > .run-table--finished { color: $state-finished; }
        & > .run-table--stopped { color: $state-stopped; }
    }
    """

    class Highlighted(Message):
        """The cursor is on another run.

        Args:
            key: Of the run or group; empty without any.
        """

        def __init__(self, key: str) -> None:
            self.key = key
            super().__init__()

        def can_replace(self, message: Message) -> bool:
            """Only where it is now counts."""
            return isinstance(message, RunTable.Highlighted)

    class Opened(Message):
        """A run was clicked twice.

        Args:
            key: Of the run or group.
        """

        def __init__(self, key: str) -> None:
            self.key = key
            super().__init__()

    class TitleClicked(Message):
        """The title of a column was clicked.

        Args:
            column_id: Of the column.
        """

        def __init__(self, column_id: str) -> None:
            self.column_id = column_id
            super().__init__()

    class ViewChanged(Message):
        """Other lines are seen."""

        def can_replace(self, message: Message) -> bool:
            """Only what is seen now counts."""
            return isinstance(message, RunTable.ViewChanged)

    def __init__(self, context: "Context", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.context = context
        self.marked: set[str] = set()
        self.sort_column, self.is_descending = "", False
        self.put_away: frozenset[str] = frozenset()
        """Keys of archived runs: they are drawn muted."""
        self.hidden_columns = 0
        """Columns that do not fit at the right."""
        self._drawing = LineDrawing(context, self._style)
        self._columns: tuple[Column, ...] = ()
        self._lines: list[Line] = []
        self._shift = 0
        self._is_untouched = True
        self._placed: list[Placed] = []
        self._longest_name = 0

    # What is shown.

    @property
    def lines(self) -> "Sequence[Line]":
        """All lines, in their order."""
        return self._lines

    @property
    def cursor_line(self) -> "Line | None":
        """The line under the cursor."""
        return self._lines[self._cursor] if self._lines else None

    def set_columns(self, columns: "Sequence[Column]") -> None:
        """Show other columns."""
        if tuple(columns) != self._columns:
            self._columns = tuple(columns)
            self._shift = 0
            self.fit_columns()

    def set_lines(self, lines: "list[Line]") -> None:
        """Show other lines; the cursor stays on its run, and the run at its height."""
        if lines == self._lines:
            return
        before = self.cursor_line
        height = self._cursor - self.scroll_offset.y
        self._lines = lines
        self._places = {line.key: place for place, line in enumerate(lines)}
        place = self._places.get(before.key) if before is not None else None
        if self._is_untouched:
            # Nobody has looked for a run yet: the first one is as good as any.
            place = 0
        if place is None:
            place = min(self._cursor, max(0, len(lines) - 1))
        self._cursor = place
        longest = max((len(line.row.name) for line in lines if line.row is not None), default=0)
        self._longest_name = longest + (2 * max((line.depth for line in lines), default=0))
        self.fit_columns()
        if self.size.height > 1:
            top = min(max(0, place - height), max(0, len(lines) - self.page))
            self.scroll_to(y=top, animate=False, force=True, immediate=True)
            self.show_cursor()
        after = self.cursor_line
        if (after and after.key) != (before and before.key) or after is not before:
            self.tell_cursor()
        self.post_message(self.ViewChanged())

    def redraw(self) -> None:
        """What the cells say has changed, the lines have not."""
        self.refresh()

    def seen_lines(self) -> "list[Line]":
        """The lines that are seen."""
        top = self.scroll_offset.y
        return self._lines[top : top + self.page]

    def fit_columns(self) -> None:
        """Choose the columns that fit, and their widths."""
        width = self.scrollable_content_region.width or self.size.width
        self._placed, self.hidden_columns = place_columns(
            self._columns, width, self._longest_name, self._shift
        )
        self.virtual_size = Size(width, len(self._lines) + 1)
        self.refresh()

    def on_resize(self) -> None:
        """Other lines may be seen; Textual calls this beside the one of every table."""
        self.post_message(self.ViewChanged())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Other lines are seen."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.post_message(self.ViewChanged())

    # The cursor.

    @property
    def count(self) -> int:
        """How many lines there are."""
        return len(self._lines)

    def move_to(self, place: int) -> None:
        """Put the cursor on a line: somebody looks for a run."""
        self._is_untouched = False
        super().move_to(place)

    def tell_cursor(self) -> None:
        """Post which run the cursor is on."""
        line = self.cursor_line
        self.post_message(self.Highlighted(line.key if line is not None else ""))

    def tell_opened(self, place: int) -> None:
        """Post which run was clicked twice."""
        self.post_message(self.Opened(self._lines[place].key))

    def tell_title(self, x: int) -> None:
        """Post which title was clicked."""
        for placed in self._placed:
            if placed.start <= x < placed.start + placed.width:
                self.post_message(self.TitleClicked(placed.column.id))

    def action_shift(self, by: int) -> None:
        """Shift the columns."""
        most = max(0, len(self._columns) - 3)
        shift = min(
            max(0, self._shift + by), most if by < 0 or self.hidden_columns else self._shift
        )
        if shift != self._shift:
            self._shift = shift
            self.fit_columns()

    # Drawing.

    def render_line(self, y: int) -> Strip:
        """One line of what is seen; the first one is the header."""
        width = self.scrollable_content_region.width or self.size.width
        base = self.rich_style
        if y == 0:
            segments = self._drawing.header(
                self._placed, base, self.sort_column, is_descending=self.is_descending
            )
            return Strip(segments).adjust_cell_length(width, base)
        place = self.scroll_offset.y + y - 1
        if place >= len(self._lines):
            return Strip.blank(width, base)
        line, is_cursor = self._lines[place], place == self._cursor
        if is_cursor:
            base += self._style("cursor")
            if self.has_focus:
                base += Style(bold=True)
        segments = self._drawing.line(
            line,
            self._placed,
            base,
            is_cursor=is_cursor,
            is_marked=line.key in self.marked,
            is_put_away=line.key in self.put_away,
        )
        return Strip(segments).adjust_cell_length(width, base)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"run-table--{name}", partial=True)
