"""What a curve shows in each column of dots: its least and greatest value there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from heimdall_console.charts.pyramid import Floats, PyramidView, Whole
from heimdall_console.charts.ranges import Range

Kind = Literal["line", "ghost", "raw"]


@dataclass(frozen=True, eq=False)
class Curve:
    """A series to draw. Its arrays must not change while it is in use."""

    name: str
    """Whole name, for the legend."""
    x: Floats | Whole
    """Places on the x axis, never falling."""
    pyramid: PyramidView
    """The values, one a place."""
    style: str = "series-1"
    kind: Kind = "line"
    """A `ghost` is dashed and lies behind; `raw` is dim and lies behind its smoothed curve."""
    label: str = ""
    """One or two characters that mark it; chosen by its place among the curves if empty."""
    figure: str | None = None
    """What stands beside its name where there is room; its last value if None."""
    has_points: bool = False
    """Whether each point is marked: for a few measured ones, joined only to guide the eye."""

    @property
    def values(self) -> Floats:
        """The values, NaN among them."""
        return self.pyramid.values

    def __len__(self) -> int:
        return min(len(self.x), len(self.pyramid))

    def draws_as(self, other: "Curve") -> bool:
        """Whether another one is drawn alike: the same arrays, not equal ones, and equal words."""
        return (
            self.x is other.x
            and self.pyramid is other.pyramid
            and (self.name, self.style, self.kind, self.label, self.figure, self.has_points)
            == (other.name, other.style, other.kind, other.label, other.figure, other.has_points)
        )

    @classmethod
    def of(
        cls,
        name: str,
        x: npt.ArrayLike,
        values: npt.ArrayLike,
        style: str = "series-1",
        kind: Kind = "line",
        label: str = "",
        *,
        figure: str | None = None,
        has_points: bool = False,
    ) -> "Curve":
        """A curve from plain numbers that are known at once."""
        return cls(
            name, np.asarray(x), PyramidView.of(values), style, kind, label, figure, has_points
        )

    def position(self, x: float) -> int:
        """The first position at or beyond a place on the x axis."""
        return int(positions(self.x[: len(self)], np.array([x]))[0])

    def nearest(self, x: float) -> int | None:
        """The position of the point with a finite value that is nearest to a place."""
        length = len(self)
        if not length or not np.isfinite(x):
            return None
        here = self.position(x)
        values = self.pyramid.values
        window = 64
        while True:
            begin, end = max(0, here - window), min(length, here + window)
            known = np.flatnonzero(np.isfinite(values[begin:end])) + begin
            if len(known):
                away = np.abs(self.x[known].astype(np.float64) - x)
                return int(known[np.argmin(away)])
            if begin == 0 and end == length:
                return None
            window *= 8


def positions(x: Floats | Whole, places: Floats) -> Whole:
    """For each place the first position at or beyond it."""
    if x.dtype.kind in "iu":
        # Whole places are compared as such: floats would cost a copy of the whole column.
        return np.searchsorted(x, np.ceil(np.clip(places, -9e18, 9e18)).astype(np.int64))
    return np.searchsorted(x, places)


def position_after(x: Floats | Whole, place: float) -> int:
    """The first position beyond a place."""
    if x.dtype.kind in "iu":
        return int(np.searchsorted(x, int(np.floor(min(max(place, -9e18), 9e18))), side="right"))
    return int(np.searchsorted(x, place, side="right"))


def visible(curve: Curve, x_range: Range) -> tuple[int, int]:
    """First position within a range, and the one behind the last."""
    x = curve.x[: len(curve)]
    if not len(x) or (x_range[0] <= x[0] and x[-1] <= x_range[1]):
        return 0, len(x)
    begin = int(positions(x, np.array([x_range[0]]))[0])
    return begin, max(begin, position_after(x, x_range[1]))


def value_range(curve: Curve, x_range: Range) -> tuple[float, float]:
    """Least and greatest value within a range of x; NaN where there is none."""
    return curve.pyramid.extent(*visible(curve, x_range))


def column_spans(
    curve: Curve, x_range: Range, columns: int, to_row: Callable[[Floats], Floats]
) -> tuple[Floats, Floats]:
    """The stretch of rows that a curve covers in each column of dots.

    Neighboring columns touch unless NaN lies between them; columns between two points are filled
    by the line that joins them.

    Args:
        curve: What to draw.
        x_range: Places at the left edge of the first and the right edge of the last column.
        columns: Columns of dots.
        to_row: Values to rows, 0 at the top; NaN for what cannot be shown.

    Returns:
        Top and bottom of each column, in rows; NaN where there is nothing.
    """
    length = len(curve)
    if not length:
        nothing = np.full(columns, np.nan)
        return nothing, nothing
    low_x, high_x = x_range
    edge_x = low_x + (high_x - low_x) * (np.arange(columns + 1) / columns)
    edges = positions(curve.x[:length], edge_x)
    # A point on the right edge belongs to the last column.
    edges[-1] = max(int(edges[-1]), position_after(curve.x[:length], high_x))
    least, greatest = curve.pyramid.min_max(edges)
    top, bottom = to_row(greatest), to_row(least)
    # On a log axis the least may have no place where the greatest has one.
    bottom = np.where(np.isnan(bottom), top, bottom)
    has_points = edges[:-1] < edges[1:]
    _join_points(curve, edge_x, edges, has_points, top, bottom, to_row)
    _touch_neighbors(curve, edges, top, bottom)
    return top, bottom


def _join_points(
    curve: Curve,
    edge_x: Floats,
    edges: Whole,
    has_points: npt.NDArray[np.bool_],
    top: Floats,
    bottom: Floats,
    to_row: Callable[[Floats], Floats],
) -> None:
    """Fill columns without points by the lines between the points around them."""
    before = edges[:-1] - 1
    after = edges[:-1]
    between = np.flatnonzero(~has_points & (before >= 0) & (after < len(curve)))
    if not len(between):
        return
    before, after = before[between], after[between]
    values = curve.pyramid.values
    row0, row1 = to_row(values[before]), to_row(values[after])
    x0, x1 = curve.x[before].astype(np.float64), curve.x[after].astype(np.float64)
    center = (edge_x[:-1][between] + edge_x[1:][between]) / 2
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        row = row0 + (row1 - row0) * np.clip((center - x0) / (x1 - x0), 0, 1)
    top[between] = bottom[between] = row


def _touch_neighbors(curve: Curve, edges: Whole, top: Floats, bottom: Floats) -> None:
    """Extend stretches halfway to those of the next column, unless NaN lies between."""
    values = curve.pyramid.values
    inner = edges[1:-1]
    is_joined = (inner > 0) & (inner < len(curve))
    at = inner[is_joined]
    is_joined[is_joined] = np.isfinite(values[at - 1]) & np.isfinite(values[at])
    left_top, left_bottom = np.rint(top[:-1]), np.rint(bottom[:-1])
    right_top, right_bottom = np.rint(top[1:]), np.rint(bottom[1:])
    falls = is_joined & (right_top > left_bottom + 1)
    rises = is_joined & (right_bottom < left_top - 1)
    fall_middle = np.floor((left_bottom + right_top) / 2)
    rise_middle = np.floor((left_top + right_bottom) / 2)
    for places, middle in ((falls, fall_middle), (rises, rise_middle)):
        columns = np.flatnonzero(places)
        cut = middle[columns]
        if places is falls:
            bottom[columns] = np.fmax(bottom[columns], cut)
            top[columns + 1] = np.fmin(top[columns + 1], cut + 1)
        else:
            top[columns] = np.fmin(top[columns], cut + 1)
            bottom[columns + 1] = np.fmax(bottom[columns + 1], cut)
