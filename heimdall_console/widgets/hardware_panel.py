"""The hardware of a run: memory over the same axis as the curves, load, heat, power, the machine."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical

from heimdall_console.charts.chart_header import Header
from heimdall_console.charts.picture import Picture, Sheet, fitted
from heimdall_console.formatting import GIB, memory, shortened
from heimdall_console.hardware_figures import (
    all_gpu_lines,
    curve,
    gpu_lines,
    machine_lines,
    memory_curves,
    memory_figures,
)
from heimdall_console.widgets.cells import Cells
from heimdall_console.widgets.memory_chart import MemoryChart
from heimdall_console.widgets.metric_chart import MetricChart

if TYPE_CHECKING:
    from heimdall_console.charts.chart_view import ChartView
    from heimdall_console.hardware_history import HardwareView
    from heimdall_console.run_places import Timeline, XUnit

_ROWS_FOR_LOAD = 22


class Words(Cells):
    """Lines of words."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: tuple[str, ...] = ()

    def show(self, lines: Sequence[str]) -> None:
        """Show other lines."""
        if len(lines) != len(self._lines):
            self.styles.height = len(lines)
        self._lines = tuple(lines)
        self.redraw()

    def draw(self, columns: int, rows: int) -> Picture:
        """The lines."""
        sheet = Sheet(columns, rows)
        for row, line in enumerate(self._lines):
            text = line.replace("°", "") if self.ascii_only else line
            sheet.write(1, row, fitted(text, columns - 1, ascii_only=self.ascii_only), "plain")
        return sheet.picture()


class HardwarePanel(Vertical):
    """GPU memory and load where there is a GPU, memory and processor of the run where not."""

    DEFAULT_CSS = """
    HardwarePanel {
        width: 44;
        height: 1fr;
        padding: 0 0 0 1;
        & > .memory { height: 3fr; }
        & > .load { height: 2fr; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        """Memory, load, words."""
        yield MemoryChart("GPU memory", classes="memory", id="gpu-memory")
        yield MetricChart("run's memory", classes="memory", id="run-memory")
        yield MetricChart("load", classes="load", id="load")
        yield Words(id="hardware-words")

    def show(
        self,
        hardware: "HardwareView",
        gpu: int | None,
        unit: "XUnit",
        timeline: "Timeline",
        view: "ChartView",
    ) -> None:
        """Show what was measured.

        Args:
            hardware: All of it.
            gpu: Index of a GPU; None where there is none.
            unit: Of the x axis.
            timeline: Of the run.
            view: The axes of the other charts.
        """
        shown = (hardware, gpu, unit, timeline, view, self.size)
        if shown == self._shown:
            return
        self._shown = shown
        of_gpu = self.query_one("#gpu-memory", MemoryChart)
        of_run = self.query_one("#run-memory", MetricChart)
        load = self.query_one("#load", MetricChart)
        of_gpu.display, of_run.display = gpu is not None, gpu is None
        load.display = self.size.height >= _ROWS_FOR_LOAD
        if gpu is not None:
            count = len(hardware.gpus)
            of_gpu.header = Header(f"GPU {gpu} memory" if count > 1 else "GPU memory")
            curves = memory_curves(hardware, gpu, unit, timeline)
            of_gpu.show_memory(memory_figures(hardware, gpu), curves, view)
            self._show_load(
                load, f"gpu{gpu}/utilization_percent", "GPU load", hardware, unit, timeline, view
            )
        else:
            rss = curve(hardware, "rss_bytes", "memory", unit, timeline)
            held = hardware.latest("rss_bytes")
            text = "n/a" if held is None else memory(held)
            of_run.show(rss, _scaled(view, GIB), header=Header("run's memory", text))
            self._show_load(load, "cpu_percent", "CPU", hardware, unit, timeline, view)
        lines = [*(gpu_lines(hardware, gpu) if gpu is not None else ()), *machine_lines(hardware)]
        if gpu is not None and len(hardware.gpus) > 1:
            hint = f"   d  next of {len(hardware.gpus)} GPUs"
            lines[0] = shortened(lines[0], max(8, self.size.width - 2 - len(hint))) + hint
            lines += all_gpu_lines(hardware, gpu)
        self.query_one("#hardware-words", Words).show(lines)

    def _show_load(
        self,
        chart: MetricChart,
        key: str,
        title: str,
        hardware: "HardwareView",
        unit: "XUnit",
        timeline: "Timeline",
        view: "ChartView",
    ) -> None:
        if chart.display:
            latest = hardware.latest(key)
            value = f"{latest:.0f} %" if latest is not None else "n/a"
            curves = curve(hardware, key, title, unit, timeline)
            chart.show(curves, _scaled(view, 1.0), header=Header(title, value))


def _scaled(view: "ChartView", scale: float) -> "ChartView":
    return replace(view, y_scale=scale, log_y=False, best=None)
