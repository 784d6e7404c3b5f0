"""One line of the table of runs: its cells as text and styles."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from rich.segment import Segment
from rich.style import Style

from heimdall_console.formatting import cell_width, counted, plain, shortened
from heimdall_console.run_columns import NAME_ID, SPARKLINE_ID, STATE_ID, Context
from heimdall_console.widgets.table_layout import MARGIN, Placed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heimdall_console.run_arrangement import Line
    from heimdall_console.run_rows import RunRow

STATES: Final = ("queued", "starting", "running", "paused", "finished", "stopped")
BAD_STATES: Final = ("failed", "killed", "crashed")
_MUTED: Final = frozenset({"age", "experiment", "user", "host"})
_LONGEST_CELL, _LONGEST_TITLE = 400, 60


class LineDrawing:
    """Draws lines of runs and groups.

    Args:
        context: What the cells need beside the rows.
        style: Name of a part (`muted`, `running`) to its style.
    """

    def __init__(self, context: Context, style: Callable[[str], Style]) -> None:
        self._context = context
        self._style = style

    def header(
        self, placed: "Sequence[Placed]", base: Style, sorted_by: str, *, is_descending: bool
    ) -> list[Segment]:
        """The titles of the columns, with an arrow at the one that is sorted by."""
        style = base + self._style("header")
        arrow = ("v^" if self._context.ascii_only else "▼▲")[0 if is_descending else 1]
        segments, at = [], 0
        for place in placed:
            title = plain(place.column.title)
            if place.column.id == sorted_by:
                title = f"{shortened(title, place.width - 2)} {arrow}"
            text = self._fit(title, place.width, is_right=place.column.is_number)
            segments.append(Segment(" " * (place.start - at) + text, style))
            at = place.start + place.width
        return segments or [Segment("", style)]

    def line(
        self,
        line: "Line",
        placed: "Sequence[Placed]",
        base: Style,
        *,
        is_cursor: bool,
        is_marked: bool,
        is_put_away: bool,
    ) -> list[Segment]:
        """A run, or the title of a group."""
        ascii_only = self._context.ascii_only
        bar = (">" if ascii_only else "▌") if is_cursor else " "
        mark = ("+" if ascii_only else "•") if is_marked else " "
        segments = [Segment(bar + mark, base + self._style("accent"))]
        if line.row is None:
            title = shortened(plain(line.title) or "(none)", _LONGEST_TITLE)
            count = f"  {counted(line.count, 'run')}"
            segments.append(Segment(f"{self._opener(line)} {title}", base + self._style("group")))
            segments.append(Segment(count, base + self._style("muted")))
            return segments
        at = MARGIN
        for place in placed:
            text, name = self._cell(line, line.row, place)
            style = self._style("muted" if is_put_away else name)
            cell = self._fit(text, place.width, is_right=place.column.is_number)
            segments.append(Segment(" " * (place.start - at), base))
            segments.append(Segment(cell, base + style))
            at = place.start + place.width
        return segments

    def _cell(self, line: "Line", row: "RunRow", place: Placed) -> tuple[str, str]:
        """Text of a cell and the name of its style."""
        column = place.column
        text = plain(column.text(row, self._context)[:_LONGEST_CELL])
        if column.id == STATE_ID:
            is_known = row.status in STATES
            return text, "bad" if row.status in BAD_STATES else row.status if is_known else "muted"
        if column.id == NAME_ID:
            return self._name(line, text), "cell"
        if column.id == SPARKLINE_ID:
            return (text, "muted") if text else (self._sparkline(line.key, place.width), "accent")
        return text, "muted" if column.id in _MUTED else "cell"

    def _name(self, line: "Line", text: str) -> str:
        if line.count:
            more = "" if line.is_open else f" +{line.count}"
            return f"{'  ' * line.depth}{self._opener(line)} {text}{more}"
        return f"{'  ' * line.depth}{text}"

    def _opener(self, line: "Line") -> str:
        return ("v>" if self._context.ascii_only else "▾▸")[0 if line.is_open else 1]

    def _sparkline(self, key: str, width: int) -> str:
        figures = self._context.figures.get(key, self._context.metric)
        if figures is None or len(figures.values) < 2:
            return ""
        # Numpy is not worth waiting for before there is a curve.
        from heimdall_console.charts.sparkline import sparkline

        return sparkline(figures.values, width, ascii_only=self._context.ascii_only)

    def _fit(self, text: str, width: int, *, is_right: bool) -> str:
        """The text in exactly `width` cells."""
        if cell_width(text) > width:
            text = shortened(text, width)
        blanks = " " * (width - cell_width(text))
        return blanks + text if is_right else text + blanks
