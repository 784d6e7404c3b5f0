"""A line chart shows what its numbers say, whatever they are."""

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heimdall_console.charts.canvas import Symbols
from heimdall_console.charts.chart_view import ChartView, Reference, frame_of
from heimdall_console.charts.curve_columns import Curve
from heimdall_console.charts.line_chart import area_of, draw_line_chart
from heimdall_console.charts.picture import SPACE, Picture

ODD = [0.0, -0.0, 1e300, -1e300, 1.7e308, -1.7e308, 5e-324, -5e-324, math.nan, math.inf, -math.inf]
VALUES = st.lists(st.one_of(st.sampled_from(ODD), st.floats()), max_size=40)
SYMBOLS: list[Symbols] = ["braille", "block", "ascii"]


def text(picture: Picture) -> str:
    return "\n".join(picture.lines())


def dots(picture: Picture) -> npt.NDArray[np.bool_]:
    """Dots of a braille picture without axes, (dot rows, dot columns)."""
    bits = np.where(picture.codes >= 0x2800, picture.codes - 0x2800, 0)
    weights = np.array([[1, 8], [2, 16], [4, 32], [64, 128]])
    seen: npt.NDArray[np.bool_] = (bits[:, None, :, None] & weights[None, :, None, :]) > 0
    return seen.reshape(4 * picture.row_count, 2 * picture.columns)


@settings(max_examples=120, deadline=None)
@given(
    st.lists(VALUES, max_size=4),
    st.sampled_from(SYMBOLS),
    st.integers(0, 70),
    st.integers(0, 16),
    st.booleans(),
    st.sampled_from(["step", "epoch", "time", "clock", "m"]),
    st.one_of(st.none(), st.floats()),
    st.one_of(st.none(), st.tuples(st.floats(), st.floats())),
    st.one_of(st.none(), st.tuples(st.floats(), st.floats())),
)
def test_it_never_raises_and_keeps_its_size(
    series: list[list[float]],
    symbols: Symbols,
    columns: int,
    rows: int,
    flag: bool,
    unit: str,
    number: float | None,
    x_range: tuple[float, float] | None,
    y_range: tuple[float, float] | None,
) -> None:
    kinds = ("line", "raw", "ghost", "line")
    curves = [
        Curve.of(f"c{i}", np.arange(len(values)), values, f"series-{i + 1}", kinds[i])  # type: ignore[arg-type]
        for i, values in enumerate(series)
    ]
    for log_y in (False, True):
        view = ChartView(
            x_range=x_range,
            y_range=y_range,
            log_y=log_y,
            x_unit=unit,
            cursor_x=number,
            planned_end=number,
            is_growing=flag,
            best=(1.0, number) if number is not None else None,
            references=(Reference(number or 0.0, "total"),),
            fits_typical=flag,
            legend="marks" if flag else "auto",
        )
        before = frame_of(curves[:1], view)
        frame = frame_of(curves, view, before)
        picture = draw_line_chart(curves, view, columns, rows, symbols=symbols, frame=frame)
        assert (picture.columns, picture.row_count) == (columns, rows)
        assert all(len(line) == columns for line in picture.lines())
        if symbols == "ascii":
            assert text(picture).isascii()


def test_every_spike_of_a_long_series_is_seen() -> None:
    values = np.zeros(100_000)
    values[[3, 40_001, 99_999]] = 1.0
    picture = draw_line_chart([Curve.of("a", np.arange(len(values)), values)], ChartView(), 15, 10)
    assert np.flatnonzero(dots(picture)[0]).tolist() == [0, 12, 29]


def test_not_a_number_is_a_gap_and_is_counted() -> None:
    values = [1.0] * 30
    values[10:20] = [math.nan] * 10
    curve = Curve.of("a", np.arange(30), values)
    picture = draw_line_chart([curve], ChartView(x_range=(0, 30)), 15, 3)
    seen = np.asarray(dots(picture).any(axis=0))
    assert seen[:10].all()
    assert not seen[10:20].any()
    assert seen[20:].all()
    assert "10 NaN" in text(draw_line_chart([curve], ChartView(), 40, 8))
    # A gap that lies outside is not counted.
    assert "NaN" not in text(draw_line_chart([curve], ChartView(x_range=(20, 30)), 40, 8))


def test_neighboring_dots_of_a_curve_touch() -> None:
    for count in (7, 40, 5000):
        x = np.linspace(0, 1, count)
        curve = Curve.of("a", x, np.sin(20 * x))
        seen = dots(draw_line_chart([curve], ChartView(x_unit="m"), 15, 40))
        for left, right in zip(seen.T, seen.T[1:], strict=False):
            if left.any() and right.any():
                gap = np.abs(np.flatnonzero(left)[:, None] - np.flatnonzero(right)).min()
                assert gap <= 1


def test_a_logarithmic_axis_counts_what_has_no_place_on_it() -> None:
    curve = Curve.of("a", np.arange(6), [100.0, 10.0, 1.0, 0.0, -1.0, 0.1])
    drawn = text(draw_line_chart([curve], ChartView(log_y=True), 50, 14))
    assert "2 ≤ 0" in drawn
    for label in ("100", "10", "1", "0.1"):
        assert any(
            line.split("┤")[0].strip() == label for line in drawn.splitlines() if "┤" in line
        )


def test_a_logarithmic_axis_of_less_than_a_decade_is_filled_and_named() -> None:
    x = np.arange(200)
    curve = Curve.of("a", x, 16 - 2.5 * x / 199)
    view = ChartView(log_y=True)
    assert frame_of([curve], view).y == (13.5, 16.0)
    lines = draw_line_chart([curve], view, 60, 12).lines()
    labels = [line.split("┤")[0].strip() for line in lines if "┤" in line]
    assert labels == ["16", "15", "14"]
    filled = [any("\u2800" < c <= "\u28ff" for c in line.split("│")[-1]) for line in lines[:10]]
    assert all(filled), "the curve goes through every row"
    # A zoomed-out neighbor keeps its powers of ten.
    wide = Curve.of("a", x, 100.0 ** (x / 199))
    assert frame_of([wide], view).y == (1.0, 100.0)


def test_curves_can_be_told_apart_without_color() -> None:
    x = np.arange(50)
    curves = [Curve.of(name, x, x * k, f"series-{k}") for k, name in ((1, "slow"), (2, "fast"))]
    for columns in (40, 90):
        lines = draw_line_chart(curves, ChartView(), columns, 14).lines()
        drawn = "\n".join(lines)
        assert "1 slow" in drawn
        assert "2 fast" in drawn
        plot = [line.partition("│")[2] + line.partition("┤")[2] for line in lines]
        assert any("1" in line for line in plot)
        assert any("2" in line for line in plot)


def test_a_growing_chart_keeps_its_axes_for_most_points() -> None:
    view = ChartView(is_growing=True)
    frame, changes = None, 0
    for count in range(2, 2000):
        x = np.arange(count)
        now = frame_of([Curve.of("a", x, 5 / (1 + x / 50))], view, frame)
        changes += now != frame
        frame = now
    assert changes < 60
    planned = ChartView(is_growing=True, planned_end=5000)
    assert frame_of([Curve.of("a", [0, 1], [1, 2])], planned).x == (0, 5000)


def test_the_axes_of_an_empty_chart_say_nothing_about_its_first_values() -> None:
    view = ChartView(is_growing=True)
    load = Curve.of("load", np.arange(50), np.linspace(0, 100, 50))
    assert frame_of([load], view, frame_of([], view)) == frame_of([load], view)


def test_a_rare_spike_may_leave_the_plot_and_is_told() -> None:
    values = np.sin(np.arange(600) / 40)
    values[300] = 1e17
    curve = Curve.of("a", np.arange(600), values)
    assert frame_of([curve], ChartView(fits_typical=False)).y[1] >= 1e17
    # It would make all else one flat line, so it leaves the plot without being asked.
    assert frame_of([curve], ChartView()).y[1] < 3
    assert "↑ 1.00e+17" in text(draw_line_chart([curve], ChartView(), 60, 12))
    # A stretch that lies beyond the edge is seen there.
    begun_badly = Curve.of("a", np.arange(600), np.where(np.arange(600) < 30, 1e17, values))
    first_row = draw_line_chart([begun_badly], ChartView(), 60, 12).row(0)
    assert any(style == "alert" and not part.isascii() for part, style in first_row)
    values[300] = 40.0
    curve = Curve.of("a", np.arange(600), values)
    assert frame_of([curve], ChartView()).y[1] >= 40
    view = ChartView(fits_typical=True)
    assert frame_of([curve], view).y[1] < 3
    assert "↑ 40" in text(draw_line_chart([curve], view, 60, 12))
    # Spikes of a constant are all that it shows.
    events = Curve.of("a", np.arange(600), np.where(np.arange(600) == 7, 5.0, 0.0))
    assert frame_of([events], ChartView()).y[1] >= 5
    # Without one, nothing is cut off.
    smooth = [Curve.of("a", np.arange(600), np.sin(np.arange(600) / 40))]
    assert "↑" not in text(draw_line_chart(smooth, view, 60, 12))


def test_the_cursor_reads_the_nearest_point_of_every_curve() -> None:
    curves = [
        Curve.of("a", [0, 10, 20], [1.0, 2.5, math.nan]),
        Curve.of("b", [0, 9, 20], [7.0, 8.25, 9.0], "series-2"),
    ]
    drawn = text(draw_line_chart(curves, ChartView(cursor_x=10.25), 50, 10))
    assert "step 10" in drawn
    assert "2.5" in drawn
    assert "8.25" in drawn


def test_the_cursor_reads_nothing_where_a_curve_is_not() -> None:
    """Neither beyond the last point of a shorter curve nor in a gap, and it puts no point there."""
    own = Curve.of("a", [0, 2000, 4400], [20.0, 18.5, 14.0])
    ghost = Curve.of("b", [0, 300, 704], [22.0, 16.5, 13.91], "series-2", "ghost")

    def at(x: float, curves: list[Curve]) -> str:
        return text(draw_line_chart(curves, ChartView(cursor_x=x), 80, 12))

    beyond = at(4045.0, [own, ghost])
    assert "ghost -" in beyond
    assert "13.91" not in beyond
    assert beyond.count("●") == 1, "that of the run's own curve"
    assert "ghost 13.91" in at(720.0, [own, ghost]), "less than a cell beyond its end"
    assert "ghost 16.5" in at(480.0, [own, ghost]), "between two points that a line joins"
    gap = Curve.of("a", [0, 100, 200, 300], [1.0, math.nan, math.nan, 4.0])
    assert "●" not in at(250.0, [gap])
    assert "●" in at(299.0, [gap])


@pytest.mark.parametrize("cursor_x", [2.0, 30.0, 70.0, 97.0])
@pytest.mark.parametrize("is_high", [False, True])
def test_the_readout_hides_no_curve_and_no_axis(cursor_x: float, is_high: bool) -> None:
    """It has a corner of its own beside the line; axes, curve and names stay as they were."""
    x = np.arange(101)
    # Above on both sides of the cursor and below far from it, or the other way around.
    away = np.abs(x - cursor_x) > 40
    curves = [Curve.of("a", x, np.where(away, 1.0, 9.0) if is_high else np.where(away, 9.0, 1.0))]
    view = ChartView(y_range=(0.0, 10.0))
    before = draw_line_chart(curves, view, 60, 14)
    after = draw_line_chart(curves, replace(view, cursor_x=cursor_x), 60, 14)
    assert f"step {cursor_x:.0f}" in text(after)
    # One cell is the point itself.
    lost = (before.codes != after.codes) & is_curve(before)
    assert lost.sum() <= 1
    area = area_of(curves, view, frame_of(curves, view), 60, 14)
    assert area is not None
    assert (before.codes[:, : area.column] == after.codes[:, : area.column]).all()
    below = area.row + area.rows
    assert (before.codes[below:] == after.codes[below:]).all()


def is_curve(picture: Picture) -> npt.NDArray[np.bool_]:
    """Which cells the curve is drawn in."""
    series = [n for n, name in enumerate(picture.style_names) if name.startswith("series")]
    found: npt.NDArray[np.bool_] = np.isin(picture.styles, series) & (picture.codes != SPACE)
    return found


@pytest.mark.parametrize("columns", [8, 30, 90])
def test_a_pointer_finds_the_place_it_points_at(columns: int) -> None:
    view = ChartView(x_range=(0, 1000))
    curves = [Curve.of("a", [0, 1000], [0.0, 1.0]), Curve.of("b", [0], [1.0])]
    area = area_of(curves, view, frame_of(curves, view), columns, 12)
    assert area is not None
    for column in (area.column, area.column + area.columns - 1):
        x = area.x_at(column)
        assert x is not None
        assert area.cell_column(x) == column - area.column
    assert area.x_at(area.column - 1) is None
    assert area.x_at(area.column + area.columns) is None
