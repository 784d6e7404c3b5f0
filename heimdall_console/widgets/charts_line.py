"""The line above the charts: how they are shown, each with the key that changes it."""

from typing import TYPE_CHECKING

from heimdall_console.widgets.link_line import LinkLine, Piece

if TYPE_CHECKING:
    from heimdall_console.widgets.metric_grid import MetricGrid


class ChartsLine(LinkLine):
    """Shows what differs from the usual; a click on it changes it."""

    def show_state(
        self,
        grid: "MetricGrid",
        *,
        x_unit: str,
        smoothing: float,
        is_zoomed: bool,
        behind: str,
        filtered: str,
    ) -> None:
        """Show how charts are shown.

        Args:
            grid: The charts.
            x_unit: What the x axis counts.
            smoothing: 0 for none.
            is_zoomed: Whether a part of the x axis is shown.
            behind: Name of the run that is shown behind; empty for none.
            filtered: How many charts a filter leaves; empty without one.
        """
        left = [*_hint("x", f"{x_unit}", "x_axis")]
        if smoothing:
            left += _hint("m", f"smoothed {smoothing:g}", "smooth")
        if is_zoomed:
            left += _hint("0", "zoomed", "zoom_reset")
        if behind:
            left += _hint("b", f"behind: {behind}", "ghost")
        if filtered:
            left += _hint("/", filtered, "filter")
        columns, rows = grid.shape
        times = "x" if getattr(self.app, "ascii_only", False) else "×"
        right = []
        if grid.full_name:
            right += _hint("f", "all charts", "full_chart")
        else:
            if grid.pages > 1:
                page = f"page {grid.page + 1} of {grid.pages}"
                right += _hint("[ ]", page, "next_page")
            right += _hint("t", f"{columns}{times}{rows}", "grid")
        self.show(tuple(left), tuple(right))


def _hint(key: str, text: str, action: str) -> list[Piece]:
    return [Piece(f" {key} ", "key", action), Piece(f"{text} ", "plain", action)]
