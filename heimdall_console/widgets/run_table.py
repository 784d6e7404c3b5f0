"""A table of runs that draws only the lines that are seen, however many there are."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from heimdall_console.formatting import cell_width, counted, plain, shortened
from heimdall_console.run_columns import (
    NAME_ID,
    SPARKLINE_ID,
    STATE_ID,
    Column,
    Context,
)
from heimdall_console.widgets.table_layout import MARGIN, Placed, place_columns

if TYPE_CHECKING:
    from heimdall_console.run_arrangement import Line

_STATES = ("queued", "starting", "running", "paused", "finished", "stopped")
_BAD_STATES = ("failed", "killed", "crashed")


class RunTable(ScrollView, can_focus=True):
    """Runs, one a line, with a cursor and marks that stay with their runs.

    Args:
        context: What the cells need beside the rows; the screen keeps it up to date.
    """

    HELP: ClassVar[str] = (
        "Every run of this disk and of MLflow. The cursor stays on its run, whatever is added, "
        "sorted or filtered. Click a column's title to sort by it."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "next run"),
        Binding("k,up", "move(-1)", "run before"),
        Binding("pagedown,ctrl+d", "page(1)", "a page down", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "a page up", show=False),
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
        *(f"run-table--{state}" for state in _STATES),
    }
    DEFAULT_CSS = """
    RunTable {
        height: 1fr;
        width: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        background: $background;
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

    def __init__(self, context: Context, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.context = context
        self.marked: set[str] = set()
        self.sort_column, self.is_descending = "", False
        self.put_away: frozenset[str] = frozenset()
        """Keys of archived runs: they are drawn muted."""
        self.hidden_columns = 0
        """Columns that do not fit at the right."""
        self._columns: tuple[Column, ...] = ()
        self._lines: list[Line] = []
        self._places: dict[str, int] = {}
        self._cursor = 0
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

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Show other columns."""
        if tuple(columns) != self._columns:
            self._columns = tuple(columns)
            self._shift = 0
            self._arrange()

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
        self._arrange()
        if self.size.height > 1:
            top = min(max(0, place - height), max(0, len(lines) - self._page))
            self.scroll_to(y=top, animate=False, force=True, immediate=True)
            self._show_cursor()
        after = self.cursor_line
        if (after and after.key) != (before and before.key) or after is not before:
            self.post_message(self.Highlighted(after.key if after is not None else ""))
        self.post_message(self.ViewChanged())

    def redraw(self) -> None:
        """What the cells say has changed, the lines have not."""
        self.refresh()

    def go_to(self, key: str) -> bool:
        """Put the cursor on a run; False where it is not among the lines."""
        place = self._places.get(key)
        if place is None:
            return False
        self._move_to(place)
        return True

    def seen_lines(self) -> "list[Line]":
        """The lines that are seen."""
        top = self.scroll_offset.y
        return self._lines[top : top + self._page]

    @property
    def _page(self) -> int:
        return max(1, self.size.height - 1)

    def _arrange(self) -> None:
        width = self.scrollable_content_region.width or self.size.width
        self._placed, self.hidden_columns = place_columns(
            self._columns, width, self._longest_name, self._shift
        )
        self.virtual_size = Size(width, len(self._lines) + 1)
        self.refresh()

    def on_resize(self) -> None:
        """Other columns may fit."""
        self._arrange()
        self._show_cursor()
        self.post_message(self.ViewChanged())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Other lines are seen."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.post_message(self.ViewChanged())

    # The cursor.

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self._move_to(self._cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by what is seen."""
        self._move_to(self._cursor + by * self._page)

    def action_go(self, place: int) -> None:
        """Move the cursor to the first or the last line."""
        self._move_to(place if place >= 0 else len(self._lines) - 1)

    def action_shift(self, by: int) -> None:
        """Shift the columns."""
        most = max(0, len(self._columns) - 3)
        shift = min(
            max(0, self._shift + by), most if by < 0 or self.hidden_columns else self._shift
        )
        if shift != self._shift:
            self._shift = shift
            self._arrange()

    def _move_to(self, place: int) -> None:
        place = min(max(0, place), max(0, len(self._lines) - 1))
        self._is_untouched = False
        if place == self._cursor:
            return
        self._cursor = place
        self._show_cursor()
        self.refresh()
        line = self.cursor_line
        self.post_message(self.Highlighted(line.key if line is not None else ""))

    def _show_cursor(self) -> None:
        top, page = self.scroll_offset.y, self._page
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, force=True, immediate=True)
        elif self._cursor >= top + page:
            self.scroll_to(y=self._cursor - page + 1, animate=False, force=True, immediate=True)

    def on_click(self, event: events.Click) -> None:
        """Move the cursor, or sort by a title; twice opens."""
        if event.y == 0:
            for placed in self._placed:
                if placed.start <= event.x < placed.start + placed.width:
                    self.post_message(self.TitleClicked(placed.column.id))
            return
        place = self.scroll_offset.y + event.y - 1
        if place >= len(self._lines):
            return
        self._move_to(place)
        if event.chain == 2:
            self.post_message(self.Opened(self._lines[place].key))

    # Drawing.

    def render_line(self, y: int) -> Strip:
        """One line of what is seen; the first one is the header."""
        width = self.scrollable_content_region.width or self.size.width
        base = self.rich_style
        if y == 0:
            strip = self._header()
        else:
            place = self.scroll_offset.y + y - 1
            if place >= len(self._lines):
                return Strip.blank(width, base)
            strip = self._draw(place)
        return strip.adjust_cell_length(width, strip._segments[-1].style if strip else base)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"run-table--{name}", partial=True)

    def _header(self) -> Strip:
        style = self.rich_style + self._style("header")
        arrow = ("v^" if self.context.ascii_only else "▼▲")[0 if self.is_descending else 1]
        segments, at = [], 0
        for placed in self._placed:
            title = plain(placed.column.title)
            if placed.column.id == self.sort_column:
                title = f"{shortened(title, placed.width - 2)} {arrow}"
            text = _fit(title, placed.width, is_right=placed.column.is_number, context=self.context)
            segments.append(Segment(" " * (placed.start - at) + text, style))
            at = placed.start + placed.width
        return Strip(segments or [Segment("", style)])

    def _draw(self, place: int) -> Strip:
        line = self._lines[place]
        is_cursor = place == self._cursor
        base = self.rich_style
        if is_cursor:
            base += self._style("cursor")
            if self.has_focus:
                base += Style(bold=True)
        ascii_only = self.context.ascii_only
        bar = (">" if ascii_only else "▌") if is_cursor else " "
        mark = ("+" if ascii_only else "•") if line.key in self.marked else " "
        accent = base + self._style("accent")
        segments = [Segment(bar + mark, accent)]
        if line.row is None:
            opener = ("v" if line.is_open else ">") if ascii_only else "▾" if line.is_open else "▸"
            title = plain(line.title) or "(none)"
            segments.append(
                Segment(f"{opener} {shortened(title, 60)}", base + self._style("group"))
            )
            segments.append(Segment(f"  {counted(line.count, 'run')}", base + self._style("muted")))
            return Strip(segments)
        row, at = line.row, MARGIN
        is_muted = row.key in self.put_away
        for placed in self._placed:
            column = placed.column
            style = self._style("muted" if is_muted else "cell")
            text = plain(column.text(row, self.context)[:400])
            if column.id == STATE_ID:
                style = self._style("bad" if row.status in _BAD_STATES else _known(row.status))
            elif column.id == NAME_ID:
                text = self._name_text(line, text)
            elif column.id == SPARKLINE_ID:
                if text:
                    style = self._style("muted")
                else:
                    text, style = self._sparkline(line.key, placed.width), self._style("accent")
            elif column.id in ("age", "experiment", "user", "host"):
                style = self._style("muted")
            cell = _fit(text, placed.width, is_right=column.is_number, context=self.context)
            segments.append(Segment(" " * (placed.start - at), base))
            segments.append(Segment(cell, base + style))
            at = placed.start + placed.width
        return Strip(segments)

    def _name_text(self, line: "Line", text: str) -> str:
        if not line.depth and not line.count:
            return text
        ascii_only = self.context.ascii_only
        if line.count:
            opener = ("v" if line.is_open else ">") if ascii_only else "▾" if line.is_open else "▸"
            more = "" if line.is_open else f" +{line.count}"
            return f"{'  ' * line.depth}{opener} {text}{more}"
        return f"{'  ' * line.depth}{text}"

    def _sparkline(self, key: str, width: int) -> str:
        figures = self.context.figures.get(key, self.context.metric)
        if figures is None or len(figures.values) < 2:
            return ""
        # Numpy is not worth waiting for before there is a curve.
        from heimdall_console.charts.sparkline import sparkline

        return sparkline(figures.values, width, ascii_only=self.context.ascii_only)


def _known(status: str) -> str:
    return status if status in _STATES else "muted"


def _fit(text: str, width: int, *, is_right: bool, context: Context) -> str:
    """The text in exactly `width` cells."""
    if cell_width(text) > width:
        text = shortened(text, width)
        if context.ascii_only:
            text = text.replace("…", "~")
    if context.ascii_only and not text.isascii():
        text = text.encode("ascii", "replace").decode()
    blanks = " " * (width - cell_width(text))
    return blanks + text if is_right else text + blanks
