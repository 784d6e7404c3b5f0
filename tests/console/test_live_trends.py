"""The arrow beside a chart's value belongs to that value."""

from heimdall_console.charts.chart_header import FEW_POINTS
from heimdall_console.live_trends import TrendMemory

KEY = ("run", "val/loss", "step")


def test_a_trend_from_the_point_before_goes_with_the_next_point() -> None:
    memory = TrendMemory()
    memory.keep(KEY, 5, "▼ 0.19", 100.0)
    assert memory.kept(KEY, 5, 100.1) == "▼ 0.19"
    assert memory.kept(KEY, 6, 100.1) is None, "it would stand beside a value it is not of"
    assert memory.kept(("run", "val/loss", "epoch"), 5, 100.1) is None


def test_a_trend_of_means_is_kept_while_points_come_often_only() -> None:
    memory, many = TrendMemory(), FEW_POINTS + 100
    memory.keep(KEY, many, "▼ 0.19", 100.0)
    assert memory.kept(KEY, many + 40, 101.0) == "▼ 0.19", "an arrow that turns says nothing"
    assert memory.kept(KEY, many + 90, 102.5) is None
    # A validation a minute later: its trend is found when it comes, not some seconds after.
    assert memory.kept(KEY, many, 160.0) == "▼ 0.19"
    assert memory.kept(KEY, many + 1, 160.0) is None
