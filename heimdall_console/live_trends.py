"""Which trend stands beside a chart's value, and for how long."""

from dataclasses import dataclass
from typing import Final

from heimdall_console.charts.chart_header import FEW_POINTS

_TREND_S: Final = 2.0

TrendKey = tuple[str, str, str]
"""Run, metric, and what the x axis counts."""


@dataclass(frozen=True)
class _Known:
    trend: str
    points: int
    """Of the curve it was found from."""
    since_s: float


class TrendMemory:
    """Keeps trends that would change with every step: they say nothing and cost a slow line bytes.

    A trend from the point before belongs to one value and is never shown beside another one; one
    from the means of two tenths may be some points older than the value.
    """

    def __init__(self) -> None:
        self._known: dict[TrendKey, _Known] = {}

    def kept(self, key: TrendKey, points: int, now_s: float) -> str | None:
        """The trend to show again; None where it has to be found anew.

        Args:
            key: Whose trend.
            points: How many the curve has now.
            now_s: A clock that never goes back.
        """
        known = self._known.get(key)
        if known is None:
            return None
        # Only a new point makes it anew, so that the first one after a while always does.
        is_recent = points > FEW_POINTS and now_s - known.since_s <= _TREND_S
        return known.trend if points == known.points or is_recent else None

    def keep(self, key: TrendKey, points: int, trend: str, now_s: float) -> None:
        """Remember the trend of a curve with so many points."""
        self._known[key] = _Known(trend, points, now_s)
