"""One metric, or several runs' values of it, as a chart with its name and last value above."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.message import Message

from heimdall_console.charts.chart_header import (
    Header,
    draw_header,
    last_value_text,
    trend_text,
)
from heimdall_console.charts.chart_view import ChartView, Frame, frame_of, full_x_range
from heimdall_console.charts.curve_columns import Curve
from heimdall_console.charts.line_chart import area_of, draw_line_chart
from heimdall_console.charts.picture import Picture, Sheet
from heimdall_console.widgets.chart import Chart

if TYPE_CHECKING:
    from textual import events

    from heimdall_console.charts.plot_area import PlotArea
    from heimdall_console.charts.ranges import Range

_LEAST_FOR_TREND: Final = 34
"""Narrower charts need the room for their names."""
_ZOOM_STEP: Final = 0.8
_PAN_SHARE: Final = 0.2


class _OfChart(Message):
    """Something that a person did in a chart.

    Args:
        chart: Where.
    """

    def __init__(self, chart: "MetricChart") -> None:
        super().__init__()
        self.chart = chart

    @property
    def control(self) -> "MetricChart":
        """The chart."""
        return self.chart


class MetricChart(Chart):
    """Shows curves; what is pointed at and asked for is posted, the owner decides what changes."""

    HELP: ClassVar[str] = (
        "A click sets the cursor, another one or escape removes it; it follows the mouse. "
        "The wheel zooms around the mouse, dragging moves the range."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move_cursor(-1)", "cursor left"),
        Binding("right", "move_cursor(1)", "cursor right"),
        Binding("shift+left", "pan(-1)", "range left"),
        Binding("shift+right", "pan(1)", "range right"),
        Binding("plus,equals_sign", "zoom(1)", "zoom in"),
        Binding("minus", "zoom(-1)", "zoom out"),
        Binding("0", "show_all", "whole range"),
        Binding("enter", "select", "open the chart", show=False),
    ]

    class CursorMoved(_OfChart):
        """The cursor was set, moved or, with None, removed.

        Args:
            chart: Where.
            x: Place on the x axis.
        """

        def __init__(self, chart: "MetricChart", x: float | None) -> None:
            super().__init__(chart)
            self.x = x

        def can_replace(self, message: Message) -> bool:
            """Only the newest place counts."""
            return isinstance(message, type(self))

    class Zoomed(_OfChart):
        """Another range of x was asked for; None for all.

        Args:
            chart: Where.
            range: Least and greatest x.
        """

        def __init__(self, chart: "MetricChart", range: "Range | None") -> None:
            super().__init__(chart)
            self.range = range

        def can_replace(self, message: Message) -> bool:
            """Only the newest range counts."""
            return isinstance(message, type(self))

    class Selected(_OfChart):
        """The chart was opened, with enter or a double click."""

    def __init__(
        self, title: str = "", *, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.header = Header(title)
        self.curves: tuple[Curve, ...] = ()
        self.view = ChartView()
        self._frame: Frame | None = None
        self._drag: tuple[int, Range] | None = None
        self._has_dragged = False

    @property
    def frame(self) -> Frame | None:
        """The axes as they are shown; None before the first drawing."""
        return self._frame

    def show(
        self, curves: Sequence[Curve], view: ChartView, *, header: Header | None = None
    ) -> None:
        """Show other curves, or the same in another way.

        Args:
            curves: What to draw, the most important first.
            view: How.
            header: Title and figures; the last value and trend of the first curve if not given.
        """
        is_other = header is not None and header.title != self.header.title
        if is_other or (view.log_y, view.x_unit) != (self.view.log_y, self.view.x_unit):
            # The axes of before are no measure for another metric.
            self._frame = None
        self.curves, self.view = tuple(curves), view
        self.header = header or Header(
            self.header.title,
            last_value_text(self.curves, view.y_scale),
            trend_text(self.curves[0], view.y_scale, ascii_only=self.ascii_only)
            if self.curves
            else "",
        )
        self.redraw()

    def is_showing(self, curves: Sequence[Curve], view: ChartView, header: Header) -> bool:
        """Whether showing all this would draw what is drawn already."""
        return (
            self.is_drawn
            and (self.view, self.header) == (view, header)
            and len(self.curves) == len(curves)
            and all(old.draws_as(new) for old, new in zip(self.curves, curves, strict=True))
        )

    def rows_above(self, rows: int) -> int:
        """Rows above the chart: the header's."""
        return 1

    def draw_above(self, sheet: Sheet) -> None:
        """Write what stands above the chart."""
        header = self.header
        if sheet.columns < _LEAST_FOR_TREND:
            header = replace(header, trend="")
        draw_header(sheet, header, is_focused=self.has_focus, ascii_only=self.ascii_only)

    def draw(self, columns: int, rows: int) -> Picture:
        """Header and chart."""
        sheet = Sheet(columns, rows)
        self.draw_above(sheet)
        top = self.rows_above(rows)
        self._frame = frame_of(self.curves, self.view, self._frame)
        picture = draw_line_chart(
            self.curves, self.view, columns, rows - top, symbols=self.symbols, frame=self._frame
        )
        sheet.paste(0, top, picture)
        return sheet.picture()

    def action_move_cursor(self, direction: int) -> None:
        """Move the cursor by one cell; it begins at the right end."""
        area = self._area()
        if area is None:
            return
        low, high = area.frame.x
        step = (high - low) / area.columns
        x = self.view.cursor_x
        x = high - step / 2 if x is None or not low <= x <= high else x + direction * step
        self.post_message(self.CursorMoved(self, min(max(x, low), high)))

    def action_pan(self, direction: int) -> None:
        """Move the range by a fifth of it."""
        if self._frame is not None:
            low, high = self._frame.x
            moved = direction * _PAN_SHARE * (high - low)
            self._ask_for(low + moved, high + moved)

    def action_zoom(self, direction: int) -> None:
        """Zoom around the cursor, or the middle."""
        self._zoom(self.view.cursor_x, direction)

    def action_show_all(self) -> None:
        """Show all of the range."""
        self.post_message(self.Zoomed(self, None))

    def action_select(self) -> None:
        """Open the chart."""
        self.post_message(self.Selected(self))

    def on_mouse_down(self, event: "events.MouseDown") -> None:
        """A drag or a click begins."""
        if self._frame is not None and event.button == 1:
            self._drag = (event.x, self._frame.x)
            self._has_dragged = False
            self.capture_mouse()

    def on_mouse_up(self, event: "events.MouseUp") -> None:
        """A drag ends."""
        if self._drag is not None:
            self._drag = None
            self.release_mouse()

    def on_click(self, event: "events.Click") -> None:
        """Set the cursor, or remove it; two clicks open the chart."""
        if event.chain == 2:
            self.action_select()
        elif not self._has_dragged and event.chain == 1:
            is_on = self.view.cursor_x is not None
            self.post_message(self.CursorMoved(self, None if is_on else self._x_at(event.x)))

    def on_mouse_move(self, event: "events.MouseMove") -> None:
        """Drag the range, or take the cursor along."""
        area = self._area()
        if area is None:
            return
        if self._drag is not None:
            start, (low, high) = self._drag
            if event.x != start or self._has_dragged:
                self._has_dragged = True
                moved = (start - event.x) * (high - low) / area.columns
                self._ask_for(low + moved, high + moved)
        elif self.view.cursor_x is not None:
            x = area.x_at(event.x)
            if x is not None and area.cell_column(x) != area.cell_column(self.view.cursor_x):
                self.post_message(self.CursorMoved(self, x))

    def on_mouse_scroll_up(self, event: "events.MouseScrollUp") -> None:
        """Zoom in around the mouse."""
        event.stop()
        self._zoom(self._x_at(event.x), 1)

    def on_mouse_scroll_down(self, event: "events.MouseScrollDown") -> None:
        """Zoom out around the mouse."""
        event.stop()
        self._zoom(self._x_at(event.x), -1)

    def _zoom(self, around: float | None, direction: int) -> None:
        if self._frame is None:
            return
        low, high = self._frame.x
        if around is None or not low <= around <= high:
            around = low / 2 + high / 2
        factor = _ZOOM_STEP if direction > 0 else 1 / _ZOOM_STEP
        self._ask_for(around + (low - around) * factor, around + (high - around) * factor)

    def _ask_for(self, low: float, high: float) -> None:
        """Ask for a range that is moved back into what there is; None where that is all."""
        least, greatest = full_x_range(self.curves, self.view)
        if high - low >= greatest - least:
            self.post_message(self.Zoomed(self, None))
            return
        moved = max(least - low, 0.0) + min(greatest - high, 0.0)
        self.post_message(self.Zoomed(self, (low + moved, high + moved)))

    def _area(self) -> "PlotArea | None":
        if self._frame is None:
            return None
        width, height = self.size
        rows = height - self.rows_above(height)
        return area_of(self.curves, self.view, self._frame, width, rows, self.symbols)

    def _x_at(self, column: int) -> float | None:
        area = self._area()
        return area.x_at(column) if area else None
