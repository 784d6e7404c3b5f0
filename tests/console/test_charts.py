"""Numbers to braille and ASCII cells."""

import math

from heimdall_console.charts.braille import Canvas
from heimdall_console.charts.cdf import cdf_lines
from heimdall_console.charts.curve import curve_lines
from heimdall_console.charts.site_map import map_lines
from heimdall_console.formatting import cell_width
from heimdall_console.terminal import Terminal
from training_core.contract.datasets import Occupancy

PLAIN = Terminal(width=80)


def test_every_dot_of_a_cell_has_its_own_bit() -> None:
    seen = set()
    for x in range(2):
        for y in range(4):
            canvas = Canvas(1, 1)
            canvas.dot(x, y)
            seen.add(canvas.lines()[0])
    assert len(seen) == 8
    full = Canvas(1, 1)
    for x in range(2):
        for y in range(4):
            full.dot(x, y)
    assert full.lines() == ["⣿"]


def test_dots_outside_are_ignored_and_marks_lie_on_top() -> None:
    canvas = Canvas(2, 1)
    canvas.dot(-1, 0)
    canvas.dot(4, 0)
    canvas.line((0, 0), (3, 3))
    canvas.mark(3, 3, "▲")
    assert canvas.lines()[0][1] == "▲"
    assert Canvas(2, 2).lines() == ["", ""]


def occupancy(rows: int, columns: int, north_deg: float, east_deg: float) -> Occupancy:
    counts = [[0] * columns for _ in range(rows)]
    counts[0][0] = counts[rows - 1][columns - 1] = 3
    return Occupancy(
        south_deg=0.0, west_deg=0.0, north_deg=north_deg, east_deg=east_deg, counts=counts
    )


def test_the_map_has_north_up_and_east_right() -> None:
    lines = map_lines(occupancy(10, 10, 0.01, 0.01), [], PLAIN, rows=10)
    drawn = [line for line in lines[:-2] if line.strip()]
    # Southwest and northeast were visited.
    first, last = drawn[0], drawn[-1]
    assert len(first) - len(first.lstrip()) > len(last.rstrip())


def test_a_receiver_is_marked_where_it_stands() -> None:
    lines = map_lines(occupancy(10, 10, 0.01, 0.01), [(0.01, 0.0)], PLAIN, rows=10)
    assert lines[0].strip().startswith("▲")


def test_the_scale_bar_is_true() -> None:
    # One hundredth of a degree is 1,113 m; the map is 10 lines high, four dots a line.
    lines = map_lines(occupancy(10, 10, 0.01, 0.01), [], PLAIN, rows=10)
    bar = lines[-1].split("┤")[0].strip() + "┤"
    dot_m = 1113.2 / 38
    assert abs(cell_width(bar) * 2 * dot_m - 1000) < 2 * dot_m
    assert "1,000 m" in lines[-1]


def test_the_map_fits_whatever_its_shape() -> None:
    for north, east in ((1e-6, 0.1), (0.1, 1e-6), (1e-7, 1e-7), (60.0, 170.0)):
        lines = map_lines(occupancy(2, 2, north, east), [], Terminal(width=60), rows=12)
        assert len(lines) <= 14
        assert all(cell_width(line) <= 100 for line in lines)


def test_ascii_is_enough_for_a_map_and_a_distribution() -> None:
    drawn = map_lines(occupancy(4, 4, 0.01, 0.01), [(0.0, 0.0)], PLAIN, ascii_only=True)
    drawn += cdf_lines({"network": [1.0, 2.0, 3.0]}, PLAIN, ascii_only=True)
    assert "".join(drawn).isascii()


def test_a_distribution_rises_and_names_its_methods() -> None:
    lines = cdf_lines({"network": [10.0, 20, 30, 40], "centroid": [100.0, 200, 300, 400]}, PLAIN)
    assert "1 network" in lines[-1]
    assert "2 centroid" in lines[-1]
    body = "\n".join(lines[:-1])
    assert "1" in body
    assert "2" in body
    assert all(cell_width(line) <= 80 for line in lines)


def test_a_distribution_without_numbers_is_nothing() -> None:
    assert cdf_lines({"network": [math.nan]}, PLAIN) == []
    assert cdf_lines({}, PLAIN) == []
    assert cdf_lines({"perfect": [0.0, 0.0]}, PLAIN)


def test_a_falling_curve_falls() -> None:
    lines = curve_lines([(0, 400.0), (5, 100.0)], 40, 8, lambda v: f"{v:.0f} m")
    assert lines[0].strip().startswith("400 m")
    assert "100 m" in lines[5]
    assert lines[-1].rstrip().endswith("epoch 6")
    # It ends at the last epoch that was trained, at the right edge.
    assert len(lines[0].rstrip()) < len(lines[5].rstrip()) == 40


def test_a_flat_curve_is_drawn() -> None:
    assert curve_lines([(0, 1.0), (1, 1.0)], 40, 8, str)
