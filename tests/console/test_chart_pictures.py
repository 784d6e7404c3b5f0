"""Memory bars, distributions, calibration and maps say what is so, at any size."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from heimdall_console.charts.canvas import Symbols
from heimdall_console.charts.chart_header import Header, draw_header, trend_text
from heimdall_console.charts.curve_columns import Curve
from heimdall_console.charts.distribution import (
    calibration_curves,
    calibration_view,
    distribution_curves,
    distribution_view,
)
from heimdall_console.charts.line_chart import draw_line_chart
from heimdall_console.charts.memory_bars import MemoryFigures, draw_memory_bars
from heimdall_console.charts.picture import Picture, Sheet
from heimdall_console.charts.position_map import (
    MapPoints,
    Viewport,
    draw_map,
    error_m,
    map_scale,
)
from heimdall_console.formatting import GIB

FIGURES = MemoryFigures(31.2 * GIB, 33 * GIB, 36 * GIB, 1.1 * GIB, 80 * GIB)


def text(picture: Picture) -> str:
    return "\n".join(picture.lines())


def test_memory_bars_are_as_long_as_their_figures() -> None:
    lines = draw_memory_bars(FIGURES, 70, 5).lines()
    lengths = [line.count("━") + line.count("╸") / 2 for line in lines]
    assert lengths[0] / lengths[4] == pytest.approx(31.2 / 80, abs=0.02)
    assert lengths[1] < lengths[2] < lengths[4]
    assert "31.2 GiB" in lines[0]
    assert "41%" in lines[1]
    # However little others hold, it is seen.
    assert lengths[3] > 0
    nobody_knows = draw_memory_bars(MemoryFigures(GIB, None, None, None, None), 60, 5).lines()
    assert "n/a" in nobody_knows[3]


def test_memory_in_two_lines_is_stacked() -> None:
    bar, figures = draw_memory_bars(FIGURES, 80, 2).lines()
    assert (bar.count("█"), bar.count("▓"), bar.count("░")) == (31, 2, 1)
    assert bar[36] == "│"
    assert "others 1.1" in figures
    for columns in range(60):
        narrow = draw_memory_bars(FIGURES, columns, 2, ascii_only=True)
        assert text(narrow).isascii()


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 1e15)), min_size=5, max_size=5),
    st.integers(0, 90),
    st.integers(0, 7),
    st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_memory_bars_keep_their_size(
    sizes: list[float | None], columns: int, rows: int, ascii_only: bool
) -> None:
    picture = draw_memory_bars(MemoryFigures(*sizes), columns, rows, ascii_only=ascii_only)
    assert (picture.columns, picture.row_count) == (columns, rows)


def test_a_distribution_reaches_all_that_was_located() -> None:
    curves = distribution_curves(
        {"network": [30.0, 10.0, 20.0, 40.0], "centroid": [100.0, math.nan], "none": [math.nan]}
    )
    assert [curve.name for curve in curves] == ["network", "centroid"]
    # What could not be located is farther away than any distance.
    assert [max(curve.values) for curve in curves] == [1.0, 0.5]
    drawn = text(draw_line_chart(curves, distribution_view(curves), 90, 14))
    assert "1 network" in drawn
    assert "20 m" in drawn
    assert "100┤" in drawn
    assert text(draw_line_chart([], distribution_view([]), 50, 10))


def test_calibration_shows_the_diagonal_and_the_measured_points() -> None:
    curves = calibration_curves({"network": [(0.9, 0.88), (0.5, 0.52), (math.nan, 1.0)]})
    assert curves[0].values.tolist() == [0.52, 0.88]
    drawn = text(draw_line_chart(curves, calibration_view(), 70, 14))
    assert drawn.count("•") >= 1
    assert "ideal" in drawn


def test_a_map_is_to_scale_and_has_north_up() -> None:
    receivers = np.array([[0.0, 0.0], [1000.0, 1000.0]])
    picture = draw_map(MapPoints(receivers=receivers), Viewport(), 60, 21)
    places = np.argwhere(picture.codes == ord("▲"))[:-1]
    (north_row, east_column), (south_row, west_column) = places.tolist()
    # A cell is twice as high as it is wide.
    assert abs((east_column - west_column) - 2 * (south_row - north_row)) <= 2
    scale = map_scale(MapPoints(receivers=receivers), Viewport(), 60, 21)
    bar = picture.lines()[-1].split("┤")[0] + "┤"
    shown_m = float(picture.lines()[-1].split("┤")[1].split("m")[0])
    assert len(bar) * scale.meters_per_row / 2 == pytest.approx(shown_m, abs=scale.meters_per_row)
    east, north = scale.point(*scale.cell(300.0, 700.0))
    assert abs(east - 300) < scale.meters_per_row
    assert abs(north - 700) < scale.meters_per_row


def test_a_chosen_session_shows_its_error_and_its_ellipse() -> None:
    points = MapPoints(
        truths=np.array([[0.0, 0.0], [500.0, 400.0]]),
        estimates=np.array([[30.0, 40.0], [np.nan, np.nan]]),
        covariances=np.tile(np.diag([90.0**2, 40.0**2]), (2, 1, 1)),
    )
    assert error_m(points, 0) == 50.0
    assert math.isnan(error_m(points, 1))
    assert points.nearest(480.0, 390.0) == 1
    assert MapPoints().nearest(0, 0) is None
    plain = draw_map(points, Viewport(), 60, 20)
    chosen = draw_map(points, Viewport(chosen=0), 60, 20)
    assert chosen.changed_cells(plain).sum() > 10


@given(
    arrays(np.float64, st.tuples(st.integers(0, 6), st.just(2))),
    arrays(np.float64, st.tuples(st.integers(0, 4), st.just(2))),
    st.integers(0, 70),
    st.integers(0, 20),
    st.sampled_from(["braille", "block", "ascii"]),
    st.one_of(st.none(), st.floats()),
)
@settings(max_examples=100, deadline=None)
def test_a_map_never_raises(
    truths: npt.NDArray[np.float64],
    receivers: npt.NDArray[np.float64],
    columns: int,
    rows: int,
    symbols: Symbols,
    meters_per_row: float | None,
) -> None:
    points = MapPoints(receivers, truths, truths[::-1], np.ones((len(truths), 2, 2)))
    for viewport in (
        Viewport(meters_per_row=meters_per_row, chosen=0),
        Viewport(center=(meters_per_row or 0.0, 0.0)),
    ):
        picture = draw_map(points, viewport, columns, rows, symbols=symbols)
        assert (picture.columns, picture.row_count) == (columns, rows)
        if symbols == "ascii":
            assert text(picture).isascii()


def test_a_header_keeps_the_value_and_cuts_the_title() -> None:
    for width in (0, 5, 20, 60):
        sheet = Sheet(width, 1)
        header = Header("val/position_error_m\x1b[31m", "132.4", "▼ 3.1")
        draw_header(sheet, header, is_focused=True, ascii_only=False)
        line = sheet.picture().lines()[0]
        assert len(line) == width
        assert ("132.4" in line) == (width >= 20)
        assert "\x1b" not in line


def test_a_trend_is_that_of_the_last_points_or_of_means() -> None:
    assert trend_text(Curve.of("a", [0, 1, 2], [5.0, 4.0, 3.5])) == "▼ 0.50"
    assert trend_text(Curve.of("a", [0, 1], [1.0, 13.4]), ascii_only=True) == "+12"
    assert trend_text(Curve.of("a", [0], [1.0])) == ""
    assert trend_text(Curve.of("a", [], [])) == ""
    x = np.arange(1000)
    noise = np.where(x % 2, 5.0, -5.0)
    assert trend_text(Curve.of("a", x, x / 100 + noise)) == "▲ 1.0"


def test_foreign_text_keeps_to_its_cells() -> None:
    sheet = Sheet(12, 3)
    sheet.write(0, 0, "日本語 \x1b[31m e\u0301 \u202e long")
    sheet.write(-1, 1, "日本")
    sheet.write(11, 2, "日")
    picture = sheet.picture()
    assert picture.lines()[0].startswith("日本語 \\x1b")
    assert picture.lines()[1].startswith(" 本")
    assert picture.lines()[2] == " " * 12
    narrow = Sheet(12, 3)
    narrow.write(1, 1, "a")
    assert narrow.picture().changed_cells(picture)[1].tolist()[:3] == [False, True, True]
