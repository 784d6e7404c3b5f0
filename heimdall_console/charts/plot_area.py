"""Where the plot of a chart lies among its labels, and which cell a value belongs to."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from heimdall_console.charts.axis import Tick, linear_ticks, log_ticks, x_ticks
from heimdall_console.charts.canvas import Symbols, cell_shape
from heimdall_console.charts.chart_view import Frame
from heimdall_console.charts.pyramid import Floats

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEAST_COLUMNS_FOR_LABELS: Final = 16
_LEAST_ROWS_FOR_LABELS: Final = 4
_LEAST_ROWS_FOR_LINE: Final = 12
_WIDEST_LABEL: Final = 9


@dataclass(frozen=True)
class PlotArea:
    """The cells of the plot and the axes around it."""

    column: int
    row: int
    columns: int
    rows: int
    frame: Frame
    symbols: Symbols
    x_unit: str
    y_scale: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    has_labels: bool
    has_line: bool
    """Whether a line is drawn between the plot and the labels of the x axis."""
    side_columns: int
    """Cells right of the plot, for names at the ends of curves."""

    @property
    def dot_columns(self) -> int:
        """Dots across."""
        return self.columns * cell_shape(self.symbols)[1]

    @property
    def dot_rows(self) -> int:
        """Dots down."""
        return self.rows * cell_shape(self.symbols)[0]

    def to_row(self, values: Floats) -> Floats:
        """Rows of dots, 0 at the top; far outside is brought near, what has no place is NaN."""
        low, high = self.frame.y
        with np.errstate(all="ignore"):
            if self.frame.log_y:
                lifted = np.where(values > 0, values, np.nan)
                share = (np.log(high) - np.log(lifted)) / (np.log(high) - np.log(low))
            else:
                share = (high / 2 - values / 2) / (high / 2 - low / 2)
            rows: Floats = np.clip(share * (self.dot_rows - 1), -self.dot_rows, 2.0 * self.dot_rows)
        return rows

    def dot_row(self, value: float) -> int | None:
        """The row of dots of a value; None outside."""
        low, high = self.frame.y
        if not math.isfinite(value) or (self.frame.log_y and value <= 0):
            return None
        if self.frame.log_y:
            low, high, value = math.log(low), math.log(high), math.log(value)
        row = (high / 2 - value / 2) / (high / 2 - low / 2) * (self.dot_rows - 1)
        return round(row) if -0.5 <= row <= self.dot_rows - 0.5 else None

    def cell_row(self, value: float) -> int | None:
        """The row of cells of a value, counted within the plot; None outside."""
        row = self.dot_row(value)
        if row is None:
            return None
        return min(self.rows - 1, max(0, row) // cell_shape(self.symbols)[0])

    def cell_column(self, x: float) -> int | None:
        """The column of cells of a place on the x axis, counted within the plot."""
        low, high = self.frame.x
        if not low <= x <= high:
            return None
        return min(self.columns - 1, math.floor((x - low) / (high - low) * self.columns))

    def x_at(self, column: int) -> float | None:
        """The place on the x axis at a column of the whole chart; None beside the plot."""
        inside = column - self.column
        if not 0 <= inside < self.columns:
            return None
        low, high = self.frame.x
        return low + (high - low) * (inside + 0.5) / self.columns


@lru_cache(maxsize=128)
def plan_area(
    x_unit: str,
    y_scale: float,
    frame: Frame,
    columns: int,
    rows: int,
    *,
    symbols: Symbols = "braille",
    side_columns: int = 0,
    top_rows: int = 0,
) -> PlotArea | None:
    """Give every part of a chart its cells.

    Args:
        x_unit: What x counts, as in `ChartView`.
        y_scale: What a 1 on the y axis stands for.
        frame: Its axes.
        columns: Width in cells.
        rows: Height in cells.
        symbols: What curves are made of.
        side_columns: Cells to keep free on the right.
        top_rows: Cells to keep free above.

    Returns:
        The area, or None where there is no cell for a plot.
    """
    has_labels = columns >= _LEAST_COLUMNS_FOR_LABELS and rows >= _LEAST_ROWS_FOR_LABELS
    has_line = has_labels and rows >= _LEAST_ROWS_FOR_LINE
    plot_rows = rows - has_labels - has_line - top_rows
    gutter = 0
    y_ticks: Sequence[Tick] = ()
    if has_labels:
        y_ticks = _y_ticks(frame, y_scale, plot_rows)
        widest = max((len(tick.text) for tick in y_ticks), default=0)
        if widest + 2 > columns // 2:
            y_ticks, widest = [Tick(value, "") for value, _ in y_ticks], 0
        # In steps of two, so that the plot stays where it is while numbers grow.
        gutter = max(5, widest + 1 - widest % 2) + 1
    plot_columns = columns - gutter - side_columns
    if plot_rows < 1 or plot_columns < 1:
        return None
    ticks = x_ticks(x_unit, frame.x, plot_columns) if has_labels else []
    return PlotArea(
        column=gutter,
        row=top_rows,
        columns=plot_columns,
        rows=plot_rows,
        frame=frame,
        symbols=symbols,
        x_unit=x_unit,
        y_scale=y_scale,
        x_ticks=tuple(ticks),
        y_ticks=tuple(y_ticks),
        has_labels=has_labels,
        has_line=has_line,
        side_columns=side_columns,
    )


def _y_ticks(frame: Frame, scale: float, rows: int) -> list[Tick]:
    count = max(1, min((rows - 1) // 2, 4 + rows // 8))
    bounds = frame.y[0] / scale, frame.y[1] / scale
    ticks = log_ticks(bounds, count) if frame.log_y else linear_ticks(bounds, count, _WIDEST_LABEL)
    return [Tick(value * scale, text) for value, text in ticks]
