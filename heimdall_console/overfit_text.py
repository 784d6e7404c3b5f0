"""Whether a model learned one batch, as lines."""

import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from heimdall_console.charts.curve import curve_lines
from heimdall_console.formatting import counted, meters, number, plain
from heimdall_console.layout import pair_lines
from heimdall_console.terminal import Terminal

_CURVE_COLUMNS = 72
_CURVE_ROWS = 9


def overfit_lines(result: Mapping[str, Any], terminal: Terminal) -> list[str]:
    """Verdict, the fall of loss and error, a curve, and what to look at."""
    learned = bool(result["learned"])
    by_error = result["judged"] == "position_error_m"
    losses, errors = result["losses"], result["errors_m"]
    examples = result.get("examples")
    batch = "one batch" if examples is None else f"one batch of {counted(int(examples), 'example')}"
    pairs = [("trained on", f"{batch}, {counted(len(losses), 'step')}, {plain(result['device'])}")]
    pairs.append(("loss", _fall(losses, number)))
    if errors:
        pairs.append(("position error", _fall(errors, meters)))
    judged = errors if by_error else losses
    title = terminal.style("position error over the steps" if by_error else "loss", "dim")
    lines = ["", *pair_lines(pairs, terminal), "", f" {title}", ""]
    lines += _curve(judged, meters if by_error else number, terminal)
    verdict = terminal.style("learned" if learned else "not learned", "good" if learned else "bad")
    lines += ["", f" {verdict}: {plain(result['verdict'])}"]
    if result["own_model"]:
        note = "Your model was trained in training mode, with its own dropout and schedule."
        lines += [f" {terminal.style(note, 'dim')}"]
    if result["look_at"]:
        lines += ["", " what to look at"]
        for text in result["look_at"]:
            lines += textwrap.wrap(
                plain(text),
                terminal.width - 1,
                initial_indent="   - ",
                subsequent_indent="     ",
                break_on_hyphens=False,
            )
    return [*lines, ""]


def _fall(values: list[float | None], label: Callable[[float], str]) -> str:
    first, last = values[0], values[-1]
    return f"{_labeled(first, label)} to {_labeled(last, label)}"


def _labeled(value: float | None, label: Callable[[float], str]) -> str:
    # JSON has no NaN: it arrives as null.
    return "NaN" if value is None else label(value)


def _curve(
    values: list[float | None], label: Callable[[float], str], terminal: Terminal
) -> list[str]:
    points = [(step, value) for step, value in enumerate(values) if value is not None]
    if not points:
        return [" no finite value"]
    return curve_lines(
        points,
        min(_CURVE_COLUMNS, terminal.width - 1),
        _CURVE_ROWS,
        label,
        unit="step",
        ascii_only=not terminal.unicode,
    )
