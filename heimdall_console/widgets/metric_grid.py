"""Charts beside and below one another, as many as a person wants, the rest on further pages."""

from collections.abc import Callable, Sequence
from typing import Final

from textual.containers import Grid
from textual.message import Message

from heimdall_console.live_charts import ChartContent
from heimdall_console.widgets.metric_chart import MetricChart

MOST: Final = 6
_LEAST_COLUMNS, _LEAST_ROWS = 20, 4
_GOOD_COLUMNS, _GOOD_ROWS, _GOOD_COUNT = 38, 9, 3


class MetricGrid(Grid):
    """A page of charts; what is not to be seen is not made."""

    DEFAULT_CSS = """
    MetricGrid {
        width: 1fr;
        height: 1fr;
        grid-gutter: 0 1;
    }
    """

    class PageChanged(Message):
        """Other charts are shown."""

    def __init__(self, columns: int, rows: int, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.columns, self.rows = columns, rows
        """As asked for, 0 for as many as look good; fewer where there is no room for so many."""
        self.page = 0
        self.full_name = ""
        """The metric that has all of the room; empty for a page."""
        self._names: tuple[str, ...] = ()
        self._shape = (0, 0)
        self._content: Callable[[str], ChartContent] | None = None
        self._metrics: dict[MetricChart, str] = {}

    @property
    def shape(self) -> tuple[int, int]:
        """Columns and rows that there is room for, and no more than there are charts."""
        if self.full_name:
            return 1, 1
        width, height = self.size
        good_columns = max(1, min(_GOOD_COUNT, width // _GOOD_COLUMNS))
        good_rows = max(1, min(_GOOD_COUNT, height // _GOOD_ROWS))
        columns = max(1, min(self.columns or good_columns, width // _LEAST_COLUMNS))
        rows = max(1, min(self.rows or good_rows, height // _LEAST_ROWS))
        count = max(1, len(self._names))
        columns = min(columns, count)
        return columns, min(rows, -(-count // columns))

    @property
    def pages(self) -> int:
        """How many there are."""
        columns, rows = self.shape
        return max(1, -(-len(self._names) // (columns * rows)))

    @property
    def shown_names(self) -> tuple[str, ...]:
        """The metrics of this page."""
        if self.full_name:
            return (self.full_name,)
        columns, rows = self.shape
        self.page = min(self.page, self.pages - 1)
        begin = self.page * columns * rows
        return self._names[begin : begin + columns * rows]

    @property
    def charts(self) -> list[MetricChart]:
        """The charts of this page, in their order."""
        return [chart for chart in self._made if chart in self._metrics]

    @property
    def _made(self) -> list[MetricChart]:
        """Every chart there is; a query would match styles, several times a second."""
        return [child for child in self.children if isinstance(child, MetricChart)]

    def name_of(self, chart: MetricChart | None) -> str:
        """The metric of a chart; empty for one of elsewhere."""
        return self._metrics.get(chart, "") if chart is not None else ""

    @property
    def focused_name(self) -> str:
        """The metric of the chart with the focus, else of the first one."""
        focused = next((chart for chart in self.charts if chart.has_focus), None)
        return self.name_of(focused) or next(iter(self.shown_names), "")

    def show(self, names: Sequence[str], content: Callable[[str], ChartContent]) -> None:
        """Show some metrics.

        Args:
            names: All of them, in their order.
            content: Makes the chart of one that is seen.
        """
        self._names, self._content = tuple(names), content
        if self.full_name and self.full_name not in self._names:
            self.full_name = ""
        self.fill()

    def fill(self) -> None:
        """Give every metric of the page its chart, and draw what has changed."""
        if not self.size.width or self._content is None:
            return
        names, shape = self.shown_names, self.shape
        charts = self._made
        with self.app.batch_update():
            if shape != self._shape:
                self._shape = shape
                self.post_message(self.PageChanged())
                self.styles.grid_size_columns, self.styles.grid_size_rows = shape
            for chart in charts[len(names) :]:
                self._metrics.pop(chart, None)
                chart.display = False
            missing = [MetricChart() for _ in names[len(charts) :]]
            charts += missing
            for chart, name in zip(charts, names, strict=False):
                self._metrics[chart] = name
                if not chart.display:
                    chart.display = True
            if missing:
                self.mount(*missing)
                # A chart without a size draws nothing, and nothing new may come of a run that ended.
                self.call_after_refresh(self._draw_missing)
            for chart, name in zip(charts, names, strict=False):
                made = self._content(name)
                if not chart.is_showing(made.curves, made.view, made.header):
                    chart.show(made.curves, made.view, header=made.header)

    def _draw_missing(self) -> None:
        for chart in self.charts:
            if chart.picture is None:
                chart.redraw()

    def turn(self, pages: int) -> None:
        """Show another page."""
        page = min(max(0, self.page + pages), self.pages - 1)
        if page != self.page:
            self.page = page
            self.fill()
            self.post_message(self.PageChanged())

    def focus_metric(self, name: str) -> None:
        """Give the focus to the chart of a metric, if it is shown."""
        for chart in self.charts:
            if self._metrics[chart] == name:
                chart.focus()

    def on_resize(self) -> None:
        """Fill the new size."""
        self.fill()
