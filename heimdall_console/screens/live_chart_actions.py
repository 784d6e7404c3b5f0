"""What can be done with the charts of the screen Live."""

from typing import TYPE_CHECKING

from textual.widgets import Input

from heimdall_console.live_charts import SMOOTHINGS, longest_places, time_at, x_at
from heimdall_console.run_places import X_UNITS
from heimdall_console.screens.live_base import LiveBase
from heimdall_console.sources.thread import in_thread
from training_core.contract.errors import HeimdallError

if TYPE_CHECKING:
    from heimdall_console.widgets.metric_chart import MetricChart


class LiveChartActions(LiveBase):
    """The part of the screen Live that acts on charts."""

    # The charts.

    def action_full_chart(self) -> None:
        """One chart for all of the room, or all charts."""
        grid = self.grid
        name = grid.focused_name
        grid.full_name = "" if grid.full_name else name
        self.arrange_parts()
        self.draw_charts()
        self.call_after_refresh(lambda: grid.focus_metric(name))

    def action_x_axis(self) -> None:
        """Turn the x axis to the next unit; the cursor stays where it is in time."""
        choices, current = self.choices, self.current
        time_s = None
        if current is not None and choices.cursor_x is not None:
            time_s = time_at(current, choices.x_unit, choices.cursor_x)
        choices.x_unit = X_UNITS[(X_UNITS.index(choices.x_unit) + 1) % len(X_UNITS)]
        choices.x_range = choices.cursor_x = None
        if current is not None and time_s is not None:
            places = longest_places(current)
            if places is not None:
                timeline = current.history.timeline
                choices.cursor_x = x_at(places, timeline, choices.x_unit, time_s)
        self.keep_choices()
        self.draw_charts()

    def action_smooth(self) -> None:
        """Smooth more."""
        self._smooth(1)

    def action_smooth_less(self) -> None:
        """Smooth less."""
        self._smooth(-1)

    def _smooth(self, direction: int) -> None:
        place = SMOOTHINGS.index(self.smoothing) + direction
        self.smoothing = SMOOTHINGS[min(max(0, place), len(SMOOTHINGS) - 1)]
        self.keep_choices()
        self.use_smoothing()
        self.draw_charts()

    def action_log_scale(self) -> None:
        """A logarithmic y axis, or a linear one."""
        name = self.grid.focused_name
        if name:
            self.choices.log_metrics ^= {name}
            self.keep_choices()
            self.draw_charts()

    def action_grid(self) -> None:
        """Choose how many charts."""
        from heimdall_console.screens.dialogs.grid_picker import GridPicker

        def preview(shape: tuple[int, int]) -> None:
            self.grid.columns, self.grid.rows = shape
            self.draw_charts()

        def keep(shape: tuple[int, int] | None) -> None:
            if shape is not None:
                self.grid_shape = shape
                self.keep_choices()

        self.app.push_screen(GridPicker(*self.grid_shape, preview), keep)

    def action_pin(self) -> None:
        """Keep a chart in front."""
        name, pins = self.grid.focused_name, self.choices.pins
        if not name:
            return
        if name in pins:
            pins.remove(name)
        else:
            pins.append(name)
        self.keep_choices()
        self.draw_charts()
        self.grid.focus_metric(name)

    def action_previous_page(self) -> None:
        """The page before."""
        self.grid.turn(-1)

    def action_next_page(self) -> None:
        """The next page."""
        self.grid.turn(1)

    def action_cursor_left(self) -> None:
        """The cursor to the left."""
        if (chart := self._chart()) is not None:
            chart.action_move_cursor(-1)

    def action_cursor_right(self) -> None:
        """The cursor to the right."""
        if (chart := self._chart()) is not None:
            chart.action_move_cursor(1)

    def action_zoom_in(self) -> None:
        """Less of the x axis."""
        if (chart := self._chart()) is not None:
            chart.action_zoom(1)

    def action_zoom_out(self) -> None:
        """More of the x axis."""
        if (chart := self._chart()) is not None:
            chart.action_zoom(-1)

    def action_zoom_reset(self) -> None:
        """All of the x axis."""
        self.choices.x_range = None
        self.draw_charts()

    def action_fit(self) -> None:
        """The x axis as far as the run is, or to its end."""
        self.choices.fits_data = not self.choices.fits_data
        self.choices.x_range = None
        self.keep_choices()
        self.draw_charts()

    def action_pan_left(self) -> None:
        """The range to the left."""
        if (chart := self._chart()) is not None:
            chart.action_pan(-1)

    def action_pan_right(self) -> None:
        """The range to the right."""
        if (chart := self._chart()) is not None:
            chart.action_pan(1)

    def _chart(self) -> "MetricChart | None":
        """The chart with the focus, else the first one."""
        charts = self.grid.charts
        return next((c for c in charts if c.has_focus), charts[0] if charts else None)

    def action_filter(self) -> None:
        """Type what charts to show."""
        self.type_into("#live-filter")

    def action_export_csv(self) -> None:
        """Write the data of a chart."""
        name = self.grid.focused_name
        if name:
            self.start(self._export(name))

    async def _export(self, name: str) -> None:
        from heimdall_console.chart_csv import csv_text, save_csv

        views, home = self.views, self.console_app.home
        try:
            path = await in_thread(lambda: save_csv(csv_text(name, views), name, home))
        except HeimdallError as error:
            self.show_error(error)
        else:
            self.tell(f"Saved {path}")

    def type_into(self, field: str) -> None:
        """Show a text field and give it the focus."""
        text_field = self.query_one(field, Input)
        text_field.display = True
        text_field.focus()
