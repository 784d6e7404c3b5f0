"""Metric points of an MLflow run, thinned where there are more than a chart can use."""

import math
from collections.abc import Sequence
from typing import Any, Final

from training_core.publishing.tracking_reader_database import OtherSchemaError
from training_core.publishing.tracking_reader_rows import plain_number
from training_core.publishing.tracking_reader_source import TrackingSource

MOST_POINTS: Final = 200_000
"""More than these of one metric are thinned: the smallest and the largest of each stretch stay."""
_SPARKLINE_POINTS: Final = 60

Point = tuple[int, int, float]
"""Step, milliseconds since 1970, value."""


def read_points(source: TrackingSource, run_id: str, key: str) -> list[Point]:
    """Every point of one metric, by step.

    Raises:
        TrackingError: The server refused or did not answer.
    """
    if source.is_empty:
        return []
    if source.database is not None:
        try:
            return source.database.points(run_id, key)
        except OtherSchemaError:
            source.database = None
    store = source.store()
    with store.explained(f"The history of {key[:100]} could not be read"):
        found = store.client.get_metric_history(run_id, key)
    return sorted((m.step, m.timestamp, m.value) for m in found)


def history_fields(points: Sequence[Point], most: int = MOST_POINTS) -> dict[str, Any]:
    """Columns of a metric's points for one answer; `total` says how many there are.

    Args:
        points: By step.
        most: How many may stay.
    """
    kept = thinned(points, most)
    return {
        "steps": [step for step, _, _ in kept],
        "times_ms": [time_ms for _, time_ms, _ in kept],
        "values": [plain_number(value) for _, _, value in kept],
        "total": len(points),
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
