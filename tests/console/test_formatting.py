"""Values to text."""

import math

import pytest

from heimdall_console.formatting import (
    age,
    cell_width,
    duration,
    memory,
    meters,
    metric,
    number,
    plain,
    shortened,
    size,
)
from heimdall_console.hardware_figures import machine_lines
from heimdall_console.hardware_history import HardwareHistory
from heimdall_console.hardware_text import hardware_text
from heimdall_console.layout import Column, pair_lines, table_lines
from heimdall_console.terminal import Terminal


@pytest.mark.parametrize(
    "hostile",
    [
        "\x1b[31mred\x1b[0m",
        "a\rb",
        "a\x9bK",
        "\u202egnp.exe",
        "zero\u200bwidth",
        "\ud800",
        "bell\x07",
    ],
)
def test_what_a_terminal_would_obey_is_spelled_out(hostile: str) -> None:
    shown = plain(hostile)
    assert shown.isprintable()
    assert "\\" in shown


def test_ordinary_text_stays_as_it_is() -> None:
    assert plain("Straße [bold]x[/bold] 東京") == "Straße [bold]x[/bold] 東京"


def test_line_ends_stay_where_asked_for() -> None:
    assert plain("a\nb\x1b", keep_lines=True) == "a\nb\\x1b"
    assert plain("a\nb") == "a\\x0ab"


@pytest.mark.parametrize(
    ("value", "text"),
    [(132.44, "132.4 m"), (3.456, "3.46 m"), (1_234.5, "1,234.5 m"), (25_000, "25.0 km")],
)
def test_distances_carry_their_unit(value: float, text: str) -> None:
    assert meters(value) == text


def test_what_is_unknown_or_not_finite_is_said() -> None:
    assert meters(None) == "-"
    assert meters(math.nan) == "NaN"
    assert number(-math.inf) == "-∞"


def test_a_metric_has_the_unit_of_its_name() -> None:
    assert metric("val/median_m", 132.44) == "132.4 m"
    assert metric("val/coverage_90", 0.889) == "88.9 %"
    assert metric("val/within_100m", 0.5) == "50.0 %"
    assert metric("val/loss", -0.8123) == "-0.8123"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.25, "0.2 s"),
        (59.7, "1 min 00 s"),
        (372, "6 min 12 s"),
        (7440, "2 h 04 min"),
        (90000, "1 d 01 h"),
    ],
)
def test_durations_have_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_ages_have_one_unit() -> None:
    assert [age(s) for s in (5, 120, 7200, 200_000)] == [
        "just now",
        "2 min ago",
        "2 h ago",
        "2 d ago",
    ]


def test_sizes_are_decimal() -> None:
    assert [size(s) for s in (12, 1_500, 41_000_000, 2_300_000_000)] == [
        "12 B",
        "1.5 kB",
        "41 MB",
        "2.3 GB",
    ]


def test_memory_is_counted_in_one_unit_wherever_it_is() -> None:
    """Of the machine and of its GPUs: as a driver says it, and never beside another unit."""
    gib = 2.0**30
    assert [memory(s * gib) for s in (0, 0.02, 0.6, 80, 1536)] == [
        "0.0 GiB",
        "0.02 GiB",
        "0.60 GiB",
        "80.0 GiB",
        "1,536.0 GiB",
    ]
    gpu = {"index": 0, "used_bytes": 9 * gib, "total_bytes": 24 * gib}
    record = {"gpus": [gpu], "rss_bytes": 3 * gib, "memory_available_bytes": 30 * gib}
    assert hardware_text(record) == "GPU 9.0 of 24.0 GiB   memory 3.0 GiB"
    history = HardwareHistory()
    history.take({"t": 0.0, **record}, 0, 0)
    cpu, free, _ = machine_lines(history.view())
    assert cpu.endswith("run's RAM 3.0 GiB")
    assert free.startswith("RAM free 30.0 GiB")


def test_wide_characters_take_two_columns() -> None:
    assert cell_width("東京") == 4
    assert cell_width("e\u0301") == 1
    assert shortened("東京都庁", 5) == "東京…"
    assert shortened("short", 5) == "short"


@pytest.mark.parametrize("width", range(40, 100))
def test_a_value_stays_with_its_unit(width: int) -> None:
    value = "network   794.0 m   1.2 km, 18.0 % of 12 GB, 3 min 04 s at 5 steps/s   41 °C"
    lines = pair_lines([("test", value)], Terminal(width=width))
    assert "\u00a0" not in "".join(lines)
    assert all(cell_width(line) <= width for line in lines)
    for part in ("794.0 m", "1.2 km", "18.0 %", "12 GB", "3 min", "04 s", "5 steps/s", "41 °C"):
        assert any(part in line for line in lines), part


def test_columns_are_left_out_in_their_order_before_anything_is_cut() -> None:
    columns = [Column("id"), Column("name", shrinks=True, drops=2), Column("age", drops=1)]
    row = ["x" * 25, "n" * 30, "just now"]
    assert table_lines(columns, [row], Terminal(width=80))[0].split() == ["id", "name", "age"]
    assert table_lines(columns, [row], Terminal(width=50))[0].split() == ["id", "name"]
    assert table_lines(columns, [row], Terminal(width=40)) == [" id", " " + "x" * 25]


def test_text_that_shows_nothing_is_spelled_out() -> None:
    assert plain("a\u034fb\u00adc\u3164d\U000e0041e") == "a\\u034fb\\xadc\\u3164d\\U000e0041e"
