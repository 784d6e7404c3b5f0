"""Position errors as cumulative shares, and the calibration of predicted uncertainty."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on

from heimdall_console.charts.chart_header import Header
from heimdall_console.charts.distribution import (
    calibration_curves,
    calibration_view,
    distribution_curves,
    distribution_view,
)
from heimdall_console.widgets.metric_chart import MetricChart

if TYPE_CHECKING:
    import numpy.typing as npt


class DistributionChart(MetricChart):
    """Shows one distribution or calibration; its cursor and range are its own."""

    def show_errors(self, errors_m: "Mapping[str, npt.ArrayLike]") -> None:
        """Show the share of sessions located within each distance.

        Args:
            errors_m: Method → its errors, or quantiles of them at equal steps; meters.
        """
        curves = distribution_curves(errors_m)
        self.show(curves, distribution_view(curves), header=Header(self.header.title))

    def show_calibration(self, observed: Mapping[str, Sequence[tuple[float, float]]]) -> None:
        """Show how much the predicted regions hold of what they should.

        Args:
            observed: Method → pairs of nominal and observed coverage, each from 0 to 1.
        """
        curves = calibration_curves(observed)
        self.show(curves, calibration_view(), header=Header(self.header.title))

    @on(MetricChart.CursorMoved)
    def move_cursor(self, event: MetricChart.CursorMoved) -> None:
        """Move the cursor."""
        event.stop()
        self.show(self.curves, replace(self.view, cursor_x=event.x), header=self.header)

    @on(MetricChart.Zoomed)
    def show_range(self, event: MetricChart.Zoomed) -> None:
        """Show another range."""
        event.stop()
        self.show(self.curves, replace(self.view, x_range=event.range), header=self.header)
