"""Receivers, true and estimated positions with the errors between them, drawn to scale."""

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from heimdall_console.charts.canvas import Canvas, Symbols
from heimdall_console.charts.picture import Picture, Sheet, fitted, text_width
from heimdall_console.charts.pyramid import Floats, Whole
from heimdall_console.charts.ranges import round_step
from heimdall_console.formatting import meters

_ERROR, _TRUTH, _ESTIMATE, _CHOSEN = 1, 2, 3, 4
_NO_POSITIONS: Final = "no positions"
_FARTHEST_M: Final = 1e8
_MARGIN: Final = 1.06
_CELLS_A_POINT: Final = 12
_ELLIPSE: Final = np.linspace(0, 2 * np.pi, 49)
_NOTHING: Final[Floats] = np.empty((0, 2))


@dataclass(frozen=True, eq=False)
class MapPoints:
    """Positions as rows of east and north, meters."""

    receivers: Floats = field(default_factory=lambda: _NOTHING)
    truths: Floats = field(default_factory=lambda: _NOTHING)
    estimates: Floats = field(default_factory=lambda: _NOTHING)
    """One for each truth; NaN where there is none."""
    covariances: Floats | None = None
    """(estimates, 2, 2), square meters: the ellipse drawn around a chosen estimate."""
    names: tuple[str, ...] = ()
    """One for each truth; they are counted where there are none."""
    errors_m: Floats = field(default_factory=lambda: _NOTHING[:, 0])
    """One for each truth, as measured; computed from the positions where there are none."""

    def name(self, session: int) -> str:
        """What a session is called."""
        return self.names[session] if session < len(self.names) else f"{session + 1:,}"

    def nearest(self, east_m: float, north_m: float) -> int | None:
        """The session whose truth or estimate is nearest to a point."""
        away = np.hypot(self.truths[:, 0] - east_m, self.truths[:, 1] - north_m)
        if len(self.estimates) == len(self.truths):
            other = np.hypot(self.estimates[:, 0] - east_m, self.estimates[:, 1] - north_m)
            away = np.fmin(away, other)
        if not np.isfinite(away).any():
            return None
        return int(np.nanargmin(away))


@dataclass(frozen=True)
class Viewport:
    """What part of the map is shown; None shows all of it."""

    center: tuple[float, float] | None = None
    meters_per_row: float | None = None
    """Height of a cell; it is twice its width."""
    chosen: int | None = None
    """Position of the session that is marked."""
    confidence: float = 0.9
    """Of the ellipse around the chosen estimate."""


@dataclass(frozen=True)
class MapScale:
    """Where a point of the map lies among the cells."""

    columns: int
    rows: int
    center: tuple[float, float]
    meters_per_row: float

    def cell(self, east_m: float, north_m: float) -> tuple[float, float]:
        """Column and row, with fractions."""
        column = self.columns / 2 + (east_m - self.center[0]) / (self.meters_per_row / 2)
        return column, self.rows / 2 - (north_m - self.center[1]) / self.meters_per_row

    def point(self, column: float, row: float) -> tuple[float, float]:
        """East and north of the middle of a cell, meters."""
        east = self.center[0] + (column + 0.5 - self.columns / 2) * self.meters_per_row / 2
        return east, self.center[1] - (row + 0.5 - self.rows / 2) * self.meters_per_row


def map_scale(points: MapPoints, view: Viewport, columns: int, rows: int) -> MapScale:
    """The scale at which a view is drawn; the last row is the legend's."""
    rows = max(1, rows - 1)
    columns = max(1, columns)
    low, high = _extent(points)
    center = view.center
    if center is None or not max(map(abs, center)) <= _FARTHEST_M:
        center = (low[0] + high[0]) / 2, (low[1] + high[1]) / 2
    row_m = view.meters_per_row
    if row_m is None or not (math.isfinite(row_m) and row_m > 0):
        row_m = max((high[1] - low[1]) / rows, 2 * (high[0] - low[0]) / columns) * _MARGIN
    return MapScale(columns, rows, center, min(max(row_m, 1e-6), 1e9))


def draw_map(
    points: MapPoints, view: Viewport, columns: int, rows: int, *, symbols: Symbols = "braille"
) -> Picture:
    """The map with north up and its scale below.

    Args:
        points: What lies on it.
        view: Which part is shown.
        columns: Width in cells.
        rows: Height in cells, the legend's line among them.
        symbols: What lines and dots are made of.
    """
    sheet = Sheet(columns, rows)
    if columns < 1 or rows < 2:
        return sheet.picture()
    ascii_only = symbols == "ascii"
    if not len(points.receivers) + len(points.truths) + len(points.estimates):
        text = fitted(_NO_POSITIONS, columns, ascii_only=ascii_only)
        sheet.write((columns - text_width(text)) // 2, rows // 2, text, "note")
        return sheet.picture()
    scale = map_scale(points, view, columns, rows)
    canvas = Canvas(scale.columns, scale.rows, symbols)
    has_pairs = len(points.estimates) == len(points.truths)
    # Single marks can be told apart without color, dots can be more.
    is_sparse = len(points.truths) * _CELLS_A_POINT <= scale.columns * scale.rows
    if has_pairs:
        style = "error" if is_sparse else "error-raw"
        _draw_lines(canvas, scale, points.truths, points.estimates, style, _ERROR)
    if not is_sparse:
        canvas.dots(*_dots(canvas, scale, points.truths), "truth", _TRUTH)
        canvas.dots(*_dots(canvas, scale, points.estimates), "estimate", _ESTIMATE)
    chosen = (
        view.chosen if view.chosen is not None and 0 <= view.chosen < len(points.truths) else None
    )
    if chosen is not None and has_pairs:
        pair = slice(chosen, chosen + 1)
        _draw_lines(canvas, scale, points.truths[pair], points.estimates[pair], "cursor", _CHOSEN)
        _draw_ellipse(canvas, scale, points, chosen, view.confidence)
    canvas.paint(sheet, 0, 0)
    truth, estimate, receiver = _marks(ascii_only=ascii_only)
    if is_sparse:
        _write_marks(sheet, scale, points.truths, truth, "truth")
        _write_marks(sheet, scale, points.estimates, estimate, "estimate")
    _write_marks(sheet, scale, points.receivers, receiver, "receiver-mark")
    if chosen is not None:
        _write_marks(sheet, scale, points.truths[chosen : chosen + 1], truth, "truth-mark")
        if has_pairs:
            chosen_estimate = points.estimates[chosen : chosen + 1]
            _write_marks(sheet, scale, chosen_estimate, estimate, "estimate-mark")
    _draw_legend(sheet, scale, points, ascii_only=ascii_only)
    return sheet.picture()


def error_m(points: MapPoints, session: int) -> float:
    """The distance between a session's true and estimated position; NaN where one is missing."""
    if session < len(points.errors_m):
        return float(points.errors_m[session])
    if not (session < len(points.truths) and session < len(points.estimates)):
        return math.nan
    (east, north), (other_east, other_north) = points.truths[session], points.estimates[session]
    return math.hypot(float(east) - float(other_east), float(north) - float(other_north))


def _is_somewhere(positions: Floats) -> npt.NDArray[np.bool_]:
    """Which positions are known, and on this planet."""
    return np.asarray((np.abs(positions) <= _FARTHEST_M).all(axis=1))


def _extent(points: MapPoints) -> tuple[tuple[float, float], tuple[float, float]]:
    """Southwest and northeast of everything that is somewhere."""
    every = np.concatenate([points.receivers, points.truths, points.estimates])
    every = every[_is_somewhere(every)]
    if not len(every):
        return (-500.0, -500.0), (500.0, 500.0)
    low, high = every.min(axis=0), every.max(axis=0)
    if not (high > low).any():
        low, high = low - 50.0, high + 50.0
    return (float(low[0]), float(low[1])), (float(high[0]), float(high[1]))


def _dots(canvas: Canvas, scale: MapScale, positions: Floats) -> tuple[Whole, Whole]:
    positions = positions[_is_somewhere(positions)]
    column = scale.columns / 2 + (positions[:, 0] - scale.center[0]) / (scale.meters_per_row / 2)
    row = scale.rows / 2 - (positions[:, 1] - scale.center[1]) / scale.meters_per_row
    reach = 1e6
    x = np.floor(np.clip(column * canvas.cell_width, -reach, reach)).astype(np.int64)
    y = np.floor(np.clip(row * canvas.cell_height, -reach, reach)).astype(np.int64)
    return x, y


def _draw_lines(
    canvas: Canvas, scale: MapScale, begins: Floats, ends: Floats, style: str, layer: int
) -> None:
    known = _is_somewhere(begins) & _is_somewhere(ends)
    x0, y0 = _dots(canvas, scale, begins[known])
    x1, y1 = _dots(canvas, scale, ends[known])
    canvas.segments(x0, y0, x1, y1, style, layer)


def _draw_ellipse(
    canvas: Canvas, scale: MapScale, points: MapPoints, chosen: int, confidence: float
) -> None:
    """The region that holds the truth with the given probability."""
    if points.covariances is None or not np.isfinite(points.covariances[chosen]).all():
        return
    variances, axes = np.linalg.eigh(points.covariances[chosen])
    # Of a normal distribution in two dimensions.
    reach = math.sqrt(-2 * math.log(max(1e-9, 1 - confidence)))
    circle = np.stack([np.cos(_ELLIPSE), np.sin(_ELLIPSE)])
    around = (axes * np.sqrt(np.maximum(variances, 0)) * reach) @ circle
    ring = points.estimates[chosen] + around.T
    _draw_lines(canvas, scale, ring[:-1], ring[1:], "estimate", _CHOSEN)


def _marks(*, ascii_only: bool) -> tuple[str, str, str]:
    return ("x", "o", "^") if ascii_only else ("×", "●", "▲")


def _write_marks(sheet: Sheet, scale: MapScale, positions: Floats, mark: str, style: str) -> None:
    for east, north in positions[_is_somewhere(positions)].tolist():
        column, row = scale.cell(east, north)
        if 0 <= column < scale.columns and 0 <= row < scale.rows:
            sheet.write(int(column), int(row), mark, style)


def _draw_legend(sheet: Sheet, scale: MapScale, points: MapPoints, *, ascii_only: bool) -> None:
    row = scale.rows
    column_m = scale.meters_per_row / 2
    length_m = round_step(column_m * max(3, sheet.columns // 9), 1)
    cells = max(2, round(length_m / column_m))
    left, line, right = "|-|" if ascii_only else "├─┤"
    sheet.write(0, row, left + line * (cells - 2) + right, "axis")
    text = meters(length_m).replace(".00 ", " ").replace(".0 ", " ")
    sheet.write(cells + 1, row, text, "label")
    column = cells + 3 + text_width(text)
    truth, estimate, receiver = _marks(ascii_only=ascii_only)
    entries = [
        (receiver, "receiver", "receiver-mark", len(points.receivers)),
        (truth, "true", "truth", len(points.truths)),
        (estimate, "estimate", "estimate", len(points.estimates)),
    ]
    for mark, name, style, count in entries:
        if count and column + len(name) + 2 <= sheet.columns:
            sheet.write(column, row, mark, style)
            sheet.write(column + 2, row, name, "legend")
            column += len(name) + 4
    north = "north is up"
    if column + len(north) <= sheet.columns:
        sheet.write_right(sheet.columns, row, fitted(north, sheet.columns), "unit")
