"""A table of records that keeps its cursor on its record, whatever is added or sorted."""

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from heimdall_console.formatting import cell_width, plain, shortened
from heimdall_console.status_text import STATUS_STYLES
from heimdall_console.widgets.line_table import LineTable
from heimdall_console.widgets.record_layout import (
    MARGIN,
    TableColumn,
    TableRow,
    place_columns,
)

_NAMES: Final = (
    *("header", "cell", "cursor", "muted", "accent", "strong", "good", "warning", "bad"),
    *STATUS_STYLES,
)


class _OfTable(Message):
    """Something that a person did in a table.

    Args:
        table: Which table.
    """

    def __init__(self, table: "RecordTable") -> None:
        super().__init__()
        self.table = table

    @property
    def control(self) -> "RecordTable":
        """The table."""
        return self.table


class RecordTable(LineTable):
    """Records, one a line; only the lines that are seen are drawn.

    Args:
        columns: In their order.
        about: What the help says of it.
        has_cursor: Whether a record can be chosen; without, it cannot have the focus either.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "next line"),
        Binding("k,up", "move(-1)", "line before"),
        Binding("pagedown,ctrl+d", "page(1)", "a page down"),
        Binding("pageup,ctrl+u", "page(-1)", "a page up"),
        Binding("g,home", "go(0)", "first line"),
        Binding("G,end", "go(-1)", "last line"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"record-table--{name}" for name in _NAMES}
    DEFAULT_CSS = """
    RecordTable {
        & > .record-table--header { color: $muted; }
        & > .record-table--cell { color: $foreground; }
        & > .record-table--cursor { background: $panel; }
        & > .record-table--muted { color: $muted; }
        & > .record-table--accent { color: $accent; }
        & > .record-table--strong { color: $foreground; text-style: bold; }
        & > .record-table--good { color: $success; }
        & > .record-table--warning { color: $warning; }
        & > .record-table--bad { color: $error; }
        & > .record-table--queued { color: $state-queued; }
        & > .record-table--starting { color: $state-starting; }
        & > .record-table--running { color: $state-running; }
        & > .record-table--paused { color: $state-paused; }
        & > .record-table--finished { color: $state-finished; }
        & > .record-table--stopped { color: $state-stopped; }
        & > .record-table--failed { color: $state-failed; }
        & > .record-table--killed { color: $state-killed; }
        & > .record-table--crashed { color: $state-crashed; }
    }
    """

    class Highlighted(_OfTable):
        """The cursor is on another record.

        Args:
            table: Which table.
            key: Of the record; empty without any.
        """

        def __init__(self, table: "RecordTable", key: str) -> None:
            super().__init__(table)
            self.key = key

        def can_replace(self, message: Message) -> bool:
            """Only where it is now counts."""
            return isinstance(message, RecordTable.Highlighted) and message.table is self.table

    class Opened(_OfTable):
        """A record was clicked twice.

        Args:
            table: Which table.
            key: Of the record.
        """

        def __init__(self, table: "RecordTable", key: str) -> None:
            super().__init__(table)
            self.key = key

    class TitleClicked(_OfTable):
        """The title of a column was clicked.

        Args:
            table: Which table.
            column_id: Of the column.
        """

        def __init__(self, table: "RecordTable", column_id: str) -> None:
            super().__init__(table)
            self.column_id = column_id

    def __init__(
        self,
        columns: Sequence[TableColumn],
        about: str = "",
        *,
        has_cursor: bool = True,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.can_focus = self._has_cursor = has_cursor
        self.about = about
        self.marked: set[str] = set()
        """Keys of the records that carry a mark."""
        self.sort_id, self.is_descending = "", False
        self._columns = tuple(columns)
        self._rows: tuple[TableRow, ...] = ()
        self._placed: list[tuple[int, int, int]] = []
        """Of each column that fits: its number, where it begins, how wide it is."""

    @property
    def rows(self) -> tuple[TableRow, ...]:
        """What is shown."""
        return self._rows

    @property
    def key(self) -> str:
        """Of the record under the cursor; empty without any."""
        return self._rows[self._cursor].key if self._cursor < len(self._rows) else ""

    def show(self, rows: Sequence[TableRow], columns: Sequence[TableColumn] | None = None) -> None:
        """Show other records; the cursor stays on its record, or near where that was."""
        before = self.key
        if (tuple(rows), tuple(columns or self._columns)) == (self._rows, self._columns):
            return
        self._rows = tuple(rows)
        self._columns = tuple(columns or self._columns)
        self._places = {row.key: place for place, row in enumerate(self._rows)}
        self.marked &= self._places.keys()
        last = max(0, len(self._rows) - 1)
        self._cursor = min(self._places.get(before, self._cursor), last)
        self.fit_columns()
        self.show_cursor()
        if self.key != before:
            self.tell_cursor()

    def toggle_mark(self) -> None:
        """Mark the record under the cursor or take its mark away, and go to the next."""
        if self.key:
            self.marked ^= {self.key}
            self.refresh()
            self.action_move(1)

    def clear_marks(self) -> None:
        """Take all marks away."""
        self.marked.clear()
        self.refresh()

    def show_sorting(self, column_id: str, *, is_descending: bool) -> None:
        """Show by which column the records are sorted."""
        self.sort_id, self.is_descending = column_id, is_descending
        self.fit_columns()

    # The cursor.

    @property
    def count(self) -> int:
        """How many records there are."""
        return len(self._rows)

    def tell_cursor(self) -> None:
        """Post which record the cursor is on."""
        self.post_message(self.Highlighted(self, self.key))

    def tell_opened(self, place: int) -> None:
        """Post which record was clicked twice."""
        self.post_message(self.Opened(self, self._rows[place].key))

    def tell_title(self, x: int) -> None:
        """Post which title was clicked."""
        for number, start, width in self._placed:
            if start <= x < start + width:
                self.post_message(self.TitleClicked(self, self._columns[number].id))

    def on_focus(self) -> None:
        """Show the focus."""
        self.refresh()

    def on_blur(self) -> None:
        """Show that the focus is elsewhere."""
        self.refresh()

    # Drawing.

    @property
    def _ascii_only(self) -> bool:
        return bool(getattr(self.app, "ascii_only", False))

    def fit_columns(self) -> None:
        """Choose the columns that fit, and their widths."""
        # The scroll bar comes or goes after this: what is beneath it would be cut.
        is_scrolled = self.size.height <= len(self._rows)
        room = self.size.width - (self.styles.scrollbar_size_vertical if is_scrolled else 0)
        titles = [self._title(column) for column in self._columns]
        self._placed = place_columns(self._columns, titles, self._rows, room)
        self.virtual_size = Size(room, len(self._rows) + 1)
        self.refresh()

    def _title(self, column: TableColumn) -> str:
        title = plain(column.title)
        if column.id != self.sort_id:
            return title
        return f"{title} {('v^' if self._ascii_only else '▼▲')[0 if self.is_descending else 1]}"

    def render_line(self, y: int) -> Strip:
        """One line of what is seen; the first one is the header."""
        width = self.scrollable_content_region.width or self.size.width
        base = self.rich_style
        place = self.scroll_offset.y + y - 1
        if y == 0:
            strip, base = self._draw_header(base), base + self._style("header")
        elif place < len(self._rows):
            strip, base = self._draw(place, base)
        else:
            return Strip.blank(width, base)
        return strip.adjust_cell_length(width, base)

    def _style(self, name: str) -> Style:
        known = name if name in _NAMES else "cell"
        return self.get_component_rich_style(f"record-table--{known}", partial=True)

    def _draw_header(self, base: Style) -> Strip:
        style = base + self._style("header")
        segments, at = [], 0
        for number, start, width in self._placed:
            column = self._columns[number]
            blanks, text = self._fit(self._title(column), width, is_right=column.is_right)
            segments += [Segment(" " * (start - at) + blanks, style), Segment(text, style)]
            at = start + width
        return Strip(segments)

    def _draw(self, place: int, base: Style) -> tuple[Strip, Style]:
        row = self._rows[place]
        is_cursor = self._has_cursor and place == self._cursor
        if is_cursor:
            base += self._style("cursor")
            if self.has_focus:
                base += Style(bold=True)
        bar = (">" if self._ascii_only else "▌") if is_cursor else " "
        mark = ("+" if self._ascii_only else "•") if row.key in self.marked else " "
        segments, at = [Segment(bar + mark, base + self._style("accent"))], MARGIN
        for number, start, width in self._placed:
            column = self._columns[number]
            text = plain(row.cells[number])
            indent = "  " * row.depth if number == 0 else ""
            style = self._style(row.styles.get(column.id, column.style))
            blanks, text = self._fit(text, width - len(indent), is_right=column.is_right)
            segments.append(Segment(" " * (start - at) + indent + blanks, base))
            segments.append(Segment(text, base + style))
            at = start + width
        return Strip(segments), base

    def _fit(self, text: str, width: int, *, is_right: bool) -> tuple[str, str]:
        """Blanks before a text and the text, together exactly `width` cells."""
        if cell_width(text) > width:
            text = shortened(text, width)
        blanks = " " * (width - cell_width(text))
        return (blanks, text) if is_right else ("", text + blanks)
