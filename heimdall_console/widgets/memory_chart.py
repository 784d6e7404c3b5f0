"""The memory of a GPU: bars of what is held now, and how it came to be."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from heimdall_console.charts.chart_header import Header
from heimdall_console.charts.chart_view import ChartView, Reference
from heimdall_console.charts.curve_columns import Curve
from heimdall_console.charts.memory_bars import MemoryFigures, draw_memory_bars
from heimdall_console.charts.picture import Sheet
from heimdall_console.formatting import GIB, memory
from heimdall_console.widgets.metric_chart import MetricChart

_ROWS_FOR_EACH: Final = 15
_ROWS_FOR_STACKED: Final = 8


class MemoryChart(MetricChart):
    """Shows figures as bars and their history as curves below, over the time axis of its view."""

    def __init__(
        self, title: str = "", *, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(title, id=id, classes=classes)
        self.figures = MemoryFigures()

    def show_memory(self, figures: MemoryFigures, curves: Sequence[Curve], view: ChartView) -> None:
        """Show other figures and curves.

        Args:
            figures: What is held now, bytes.
            curves: The history, bytes.
            view: Range, unit and cursor of the x axis; the y axis is the memory there is.
        """
        self.figures = figures
        total = figures.total
        view = replace(
            view,
            log_y=False,
            y_scale=GIB,
            y_range=(0.0, total) if total else None,
            references=(Reference(total, "total"),) if total else (),
        )
        used = figures.reserved if figures.reserved is not None else figures.allocated
        known = "" if used is None else memory(used)
        self.show(curves, view, header=Header(self.header.title, known))

    def rows_above(self, rows: int) -> int:
        """The header's row and those of the bars."""
        if rows >= _ROWS_FOR_EACH:
            return 7
        return 3 if rows >= _ROWS_FOR_STACKED else min(3, rows)

    def draw_above(self, sheet: Sheet) -> None:
        """Header and bars."""
        super().draw_above(sheet)
        rows = 5 if sheet.rows >= _ROWS_FOR_EACH else self.rows_above(sheet.rows) - 1
        bars = draw_memory_bars(
            self.figures, max(0, sheet.columns - 2), rows, ascii_only=self.ascii_only
        )
        sheet.paste(1, 1, bars)
