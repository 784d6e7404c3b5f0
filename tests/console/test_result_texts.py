"""Results of jobs as lines."""

from typing import Any

from heimdall_console.check_text import check_lines, has_errors
from heimdall_console.error_text import error_lines
from heimdall_console.evaluation_spread import comparison_text
from heimdall_console.evaluation_text import evaluation_lines
from heimdall_console.exporting import export_lines
from heimdall_console.formatting import cell_width
from heimdall_console.layout import Column, table_lines
from heimdall_console.terminal import Terminal
from training_core.contract.errors import DatasetError

NARROW = Terminal(width=80)


def evaluation() -> dict[str, Any]:
    def method(scale: float, **more: float | None) -> dict[str, Any]:
        errors: dict[str, Any] = {
            "median_m": scale,
            "mean_m": 1.2 * scale,
            "p90_m": 2 * scale,
            "within_100m": 0.4,
        }
        return {"metrics": {**errors, **more}, "cdf_m": [scale * i / 50 for i in range(101)]}

    return {
        "model": "x.ckpt",
        "dataset": "campus\x1b[2J",
        "version": None,
        "split": {"name": "place", "part": "test", "rows": 301, "train_rows": 1349},
        "methods": {
            "network": method(132.4, coverage_50=0.48, coverage_90=0.889, coverage_95=None),
            "weighted_neighbors": method(146.1),
            "radio_map": method(120.5, coverage_50=0.47, coverage_90=0.877),
            "path_loss": method(200.5),
            "extra_trees": method(140.5),
            "training_centroid": method(1088.6),
        },
        "bounds": {"power": {"median_m": 77.7, "mean_m": 88.8, "p90_m": None}},
        "warnings": ["This split says little about new places: [bold]leaks[/bold]."],
    }


def test_an_evaluation_shows_every_method_and_warning() -> None:
    lines = evaluation_lines(evaluation(), "@last", NARROW)
    text = "\n".join(lines)
    assert all(cell_width(line) <= 80 for line in lines)
    for part in (
        "132.4 m",
        "146.1 m",
        "1,088.6 m",
        "40.0 %",
        "301 test sessions",
        "@last on campus",
        "radio map",
        "87.7 %",
        "bound, power",
        "77.7 m",
        "88.8 m",
        "Cramér and Rao",
    ):
        assert part in text
    curves = next(line for line in lines if "1 network" in line)
    # The best ones and the worst: more would hide one another.
    assert "radio map" in curves
    assert "extra trees" in curves
    assert "training centroid" in curves
    assert "path loss" not in curves
    assert "path loss" in text
    assert "the 50 / 90 % ellipses of the network cover 48.0 / 88.9 %" in text
    assert "[bold]leaks[/bold]" in text
    assert "\x1b" not in text


def test_an_evaluation_can_be_ascii() -> None:
    lines = evaluation_lines(evaluation(), "@last", NARROW, ascii_only=True)
    assert "\n".join(lines).replace("\u2026", "").isascii()


def judged_with_intervals(low: float, high: float) -> dict[str, Any]:
    told = evaluation()
    of = {"median_m": [126.0, 138.6], "mean_m": [140.0, 180.0], "p90_m": [11_000.0, 41_000.0]}
    told["intervals"] = {
        "unit": "tracks[b]\x1b",
        "blocks": 42,
        "of": {"network": of},
        "network_less_best": {
            "method": "radio_map",
            "median_m": (low + high) / 2,
            "median_interval_m": [low, high],
        },
    }
    told["bounds"]["power"]["error_over_bound"] = {"network": 1.52}
    group = {"from": 2.0, "to": 4.0, "sessions": 60, "coverage_50": 0.41, "coverage_90": 0.83}
    told["calibration"] = {
        "by_receivers": [group, {**group, "from": 5.0, "to": 5.0}],
        "by_distance_m": [{**group, "from": 12.0, "to": 340.0}, {"from": "x"}, 7],
    }
    told["split"]["warning"] = told["warnings"][0]
    return told


def test_an_evaluation_says_how_sure_its_numbers_are() -> None:
    lines = evaluation_lines(judged_with_intervals(-21.0, -3.0), "@last", Terminal(width=120))
    text = "\n".join(lines)
    for part in (
        "132.4 ±6.3 m",
        "158.9 ±20 m",
        "264.8 m ±15.0 km",
        "the network is better than radio map: median by 12.0 m (3.00 m to 21.0 m)",
        "95 % intervals, by drawing 42 tracks[b]\\x1b",
        "power: median error 1.52 times the bound",
        "2 to 4",
        "12.0 m to 340.0 m",
        "41.0 %",
        "83.0 %",
    ):
        assert part in text
    (leak,) = [row for row, line in enumerate(lines) if "[bold]leaks[/bold]" in line]
    assert leak == 3, "beside the split, and said once"
    narrow = evaluation_lines(judged_with_intervals(-21.0, -3.0), "@last", NARROW)
    assert all(cell_width(line) <= 80 for line in narrow)
    assert "132.4 ±6.3 m" in "\n".join(narrow)
    plain = evaluation_lines(judged_with_intervals(2.0, 4.0), "@last", NARROW, ascii_only=True)
    assert "132.4 +-6.3 m" in "\n".join(plain)
    assert "the network is worse than radio map: median by 3.00 m" in "\n".join(plain)


def test_a_difference_that_may_be_chance_is_called_none() -> None:
    text = comparison_text(judged_with_intervals(-9.0, 1.0))
    assert text == (
        "no difference can be told between the network and radio map: median "
        "-4.00 m (-9.00 m to +1.00 m)"
    )
    assert comparison_text({"intervals": {"network_less_best": None}}) == ""
    assert comparison_text({"intervals": 5}) == ""


def test_a_check_shows_the_worst_and_gives_a_verdict() -> None:
    finding = {"severity": "error", "what": "labels out of range", "count": 3, "examples": ["s1"]}
    split = {"train": 10, "val": 2, "test": 3, "val_share": 0.5, "test_share": None}
    result = {"name": "x", "errors": 1, "warnings": 0, "findings": [finding]}
    text = "\n".join(check_lines({**result, "splits": {"place": split}}, NARROW))
    assert has_errors(result)
    for part in (
        "labels out of range (3)",
        "s1",
        "unfit for training",
        "50.0 %",
        "1 kind of error",
    ):
        assert part in text
    assert not has_errors({"errors": 0})
    assert "nothing was found" in "\n".join(check_lines({"name": "x"}, NARROW))


def test_an_export_names_what_to_type_next() -> None:
    registered = {"name": "campus", "version": 3, "alias": "champion", "uri": "file:///m/v3"}
    proof = {"ok": True, "max_abs_difference_mean_m": 2.3e-5, "speedup_batch_1": 2.4}
    result = {
        "model": "/m/model.onnx",
        "size_bytes": 456_000,
        "proof": proof,
        "registered": registered,
    }
    text = "\n".join(export_lines(result, NARROW))
    words = " ".join(text.split())
    assert "agrees with PyTorch; largest difference mean_m 2.3e-05" in words
    assert "speed 2.4 x at batch 1" in words
    assert "campus version 3 @champion" in text
    assert "predict campus@champion DATASET" in text


def test_a_failed_proof_is_not_called_one() -> None:
    result = {"model": "/m/model.onnx", "size_bytes": 1, "proof": {"ok": False}}
    assert "does NOT agree with PyTorch" in "\n".join(export_lines(result, NARROW))


def test_an_error_is_four_sentences() -> None:
    error = DatasetError(
        "It failed", why="The disk\x1b[2J is full", unharmed="Nothing", action="Free"
    )
    assert error_lines(error, NARROW) == [
        "error  It failed.",
        "       The disk\\x1b[2J is full.",
        "       Nothing.",
        "       Free.",
    ]


def test_a_table_that_is_too_wide_shrinks_where_it_may() -> None:
    columns = [Column("id"), Column("name", shrinks=True), Column("best", right=True)]
    lines = table_lines(columns, [["20261124", "n" * 100, "1.5 m"]], Terminal(width=40))
    assert all(cell_width(line) <= 40 for line in lines)
    assert "20261124" in lines[1]
    assert lines[1].endswith("1.5 m")


def test_styles_are_sent_to_terminals_only() -> None:
    assert NARROW.style("x", "bad") == "x"
    assert Terminal(color=True).style("x", "bad") == "\x1b[31mx\x1b[0m"
