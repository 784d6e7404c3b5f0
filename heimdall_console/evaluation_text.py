"""What an evaluation found, as a table and a plot."""

import math
from collections.abc import Mapping
from typing import Any, Final

from heimdall_console.charts.cdf import cdf_lines
from heimdall_console.evaluation_spread import (
    GROUPS,
    calibration_groups,
    comparison_text,
    ends_of,
    over_bound_texts,
    resampled_text,
    with_spread,
)
from heimdall_console.formatting import count, meters, percent, plain
from heimdall_console.layout import Column, table_lines
from heimdall_console.terminal import Terminal

METHOD_NAMES: Final = {"weighted_neighbors": "weighted nearest neighbors"}
"""Of methods that are not called by their own name."""
_LEAST = "training_centroid"
_CURVES = 4
_ERRORS = (("median_m", "median"), ("mean_m", "mean"), ("p90_m", "90 %"))
_SHARES = (
    ("within_100m", "≤ 100 m"),
    ("coverage_50", "in 50 %"),
    ("coverage_90", "in 90 %"),
)
_ROOMY = 100
"""Columns of a terminal that has room for the interval of every error."""
_COVERAGES = ("coverage_50", "coverage_90", "coverage_95")


def evaluation_lines(
    result: Mapping[str, Any], model: str, terminal: Terminal, *, ascii_only: bool = False
) -> list[str]:
    """Split, table of methods, calibration, distribution and warnings."""
    methods: dict[str, dict[str, Any]] = result.get("methods", {})
    lines = ["", f" {terminal.style(_title(result, model), 'bold')}", f" {_split_text(result)}"]
    leak = str(_split(result).get("warning") or "")
    if leak:
        lines.append(f" {terminal.style('leaks', 'warning')}  {plain(leak)}")
    lines.append("")
    bounds: dict[str, dict[str, Any]] = result.get("bounds") or {}
    lines += _method_table(result, methods, bounds, terminal, ascii_only)
    if comparison := comparison_text(result, METHOD_NAMES):
        lines += ["", f" {comparison}"]
    if resampled := resampled_text(result):
        lines += ["", f" {terminal.style(resampled, 'dim')}"]
    if bounds:
        said = "bound: rms error that an unbiased estimator can reach (Cram\u00e9r and Rao)"
        said = said.replace("\u00e9", "e") if ascii_only or not terminal.unicode else said
        lines += ["", f" {terminal.style(said, 'dim')}"]
    calibration = _calibration(methods.get("network", {}).get("metrics", {}))
    if calibration:
        lines += ["", f" {calibration}"]
    lines += [f" {name}: median error {text}" for name, text in over_bound_texts(result)]
    lines += _coverage_tables(result, terminal)
    errors = {name_of(name): methods[name].get("cdf_m", []) for name in drawn_methods(methods)}
    lines += ["", f" {terminal.style('share of sessions located within', 'dim')}", ""]
    lines += cdf_lines(errors, terminal, ascii_only=ascii_only)
    warnings = [text for text in result.get("warnings", []) if text != leak]
    if not_logged := result.get("not_logged"):
        warnings.append(f"The page was not logged to MLflow. {not_logged}")
    if warnings:
        lines += ["", *(f" {terminal.style('note', 'warning')}  {plain(w)}" for w in warnings)]
    return [*lines, ""]


def name_of(method: str) -> str:
    """A method's name for people."""
    return METHOD_NAMES.get(method, plain(method).replace("_", " "))


def bound_name(measured: str) -> str:
    """What the bound of a measurement is called in a table."""
    return plain(f"bound, {measured}")


def _title(result: Mapping[str, Any], model: str) -> str:
    version = result.get("version")
    suffix = f" (version {version})" if version else ""
    return plain(f"{model}{suffix} on {result.get('dataset', '')}")


def _split_text(result: Mapping[str, Any]) -> str:
    split = _split(result)
    return (
        f"{count(int(split.get('rows', 0)))} {plain(split.get('part', ''))} sessions of the split "
        f"{plain(split.get('name', ''))}; {count(int(split.get('train_rows', 0)))} train"
    )


def _split(result: Mapping[str, Any]) -> dict[str, Any]:
    split: dict[str, Any] = result.get("split", {})
    return split


def drawn_methods(methods: Mapping[str, dict[str, Any]]) -> list[str]:
    """The network, the best of the others, and the centroid: more curves hide one another."""

    def median(name: str) -> float:
        value = methods[name].get("metrics", {}).get("median_m")
        return float(value) if isinstance(value, int | float) else math.inf

    others = [name for name in methods if name not in ("network", _LEAST)]
    best = sorted(others, key=median)[: _CURVES - 2]
    chosen = {"network", _LEAST, *best}
    return [name for name in methods if name in chosen]


def _method_table(
    result: Mapping[str, Any],
    methods: Mapping[str, dict[str, Any]],
    bounds: Mapping[str, dict[str, Any]],
    terminal: Terminal,
    ascii_only: bool,
) -> list[str]:
    titles = [title for _, title in (*_ERRORS, *_SHARES)]
    is_plain = ascii_only or not terminal.unicode
    told = [key for key, _ in _ERRORS][: None if terminal.width >= _ROOMY else 1]
    if is_plain:
        titles = [title.replace("≤", "<=") for title in titles]
    columns = [
        Column("method", shrinks=True),
        *(Column(title, right=True) for title in titles),
    ]
    rows = []
    for name, method in methods.items():
        metrics = method.get("metrics", {})
        cells = [
            with_spread(metrics.get(key), ends_of(result, name, key) if key in told else None)
            for key, _ in _ERRORS
        ]
        if is_plain:
            cells = [cell.replace("±", "+-") for cell in cells]
        cells += [percent(metrics.get(key)) for key, _ in _SHARES]
        rows.append([name_of(name), *cells])
    for name, bound in bounds.items():
        cells = [meters(bound.get(key)) for key, _ in _ERRORS]
        rows.append([bound_name(name), *cells, *("" for _ in _SHARES)])
    return table_lines(columns, rows, terminal)


def _coverage_tables(result: Mapping[str, Any], terminal: Terminal) -> list[str]:
    lines = []
    for key, title in GROUPS:
        if rows := calibration_groups(result, key):
            heads = ("sessions", "in 50 %", "in 90 %")
            columns = [Column(title), *(Column(head, right=True) for head in heads)]
            lines += ["", *table_lines(columns, rows, terminal)]
    return lines


def _calibration(metrics: Mapping[str, Any]) -> str:
    known = [key for key in _COVERAGES if metrics.get(key) is not None]
    if not known:
        return ""
    stated = " / ".join(key.removeprefix("coverage_") for key in known)
    covered = " / ".join(f"{100 * float(metrics[key]):.1f}" for key in known)
    return f"the {stated} % ellipses of the network cover {covered} % of the positions"
