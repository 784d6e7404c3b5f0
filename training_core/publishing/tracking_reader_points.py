"""Metric points of an MLflow run, thinned where there are more than a chart can use."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from training_core.publishing.tracking_reader_database import OtherSchemaError
from training_core.publishing.tracking_reader_rows import plain_number
from training_core.publishing.tracking_reader_source import TrackingSource

MOST_POINTS: Final = 200_000
"""More than these of one metric are thinned: the smallest and the largest of each stretch stay."""
_SPARKLINE_POINTS: Final = 60

Point = tuple[int, int, float]
"""Step, milliseconds since 1970, value."""


def read_points(source: TrackingSource, run_id: str, key: str) -> tuple[list[Point], int]:
    """Every point of one metric, by step, and how many there are that have no step or time.

    Raises:
        TrackingError: The server refused or did not answer.
    """
    if source.is_empty:
        return [], 0
    if source.database is not None:
        try:
            return _placed(source.database.points(run_id, key))
        except OtherSchemaError:
            source.database = None
    store = source.store()
    with store.explained(f"The history of {key[:100]} could not be read"):
        found = store.client.get_metric_history(run_id, key)
    points, left_out = _placed((m.step, m.timestamp, m.value) for m in found)
    return sorted(points), left_out


def _placed(stored: Iterable[tuple[Any, Any, Any]]) -> tuple[list[Point], int]:
    """The points that can be drawn, what is no number as NaN; and how many cannot be."""
    points, left_out = [], 0
    for step, milliseconds, value in stored:
        if isinstance(step, int) and isinstance(milliseconds, int):
            number = value if isinstance(value, int | float) else math.nan
            points.append((step, milliseconds, number))
        else:
            left_out += 1
    return points, left_out


def history_fields(
    points: Sequence[Point], left_out: int = 0, most: int = MOST_POINTS
) -> dict[str, Any]:
    """Columns of a metric's points for one answer; `total` says how many there are.

    Args:
        points: By step.
        left_out: How many there are beside them that have no place.
        most: How many may stay.
    """
    kept = thinned(points, most)
    return {
        "steps": [step for step, _, _ in kept],
        "times_ms": [time_ms for _, time_ms, _ in kept],
        "values": [plain_number(value) for _, _, value in kept],
        "total": len(points) + left_out,
        "is_thinned": len(kept) < len(points),
    }


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """First, last and of each stretch the smallest and the largest: no spike is lost."""
    if len(points) <= most:
        return list(points)
    stretches = max(1, most // 2)
    kept: dict[int, Point] = {0: points[0], len(points) - 1: points[-1]}
    for stretch in range(stretches):
        begin = stretch * len(points) // stretches
        end = (stretch + 1) * len(points) // stretches
        places = [i for i in range(begin, end) if not math.isnan(points[i][2])] or [begin]
        for place in (
            min(places, key=lambda i: points[i][2]),
            max(places, key=lambda i: points[i][2]),
        ):
            kept[place] = points[place]
    return [kept[place] for place in sorted(kept)]


def figures(points: Sequence[Point]) -> dict[str, Any]:
    """What a table shows of a metric: last, smallest, largest, and a few values for a sparkline."""
    finite = [(value, step) for step, _, value in points if math.isfinite(value)]
    if not finite:
        return {"count": len(points), "values": []}
    low, high = min(finite), max(finite)
    size = min(_SPARKLINE_POINTS, len(finite))
    ends = [len(finite) * (place + 1) // size for place in range(size)]
    begins = [0, *ends[:-1]]
    return {
        "count": len(points),
        "last": finite[-1][0],
        "min": low[0],
        "min_step": low[1],
        "max": high[0],
        "max_step": high[1],
        "values": [
            sum(value for value, _ in finite[begin:end]) / (end - begin)
            for begin, end in zip(begins, ends, strict=True)
        ],
    }
