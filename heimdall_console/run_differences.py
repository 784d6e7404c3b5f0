"""What differs between runs: parameters side by side, and which run is best at what."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from heimdall_console.run_figures import FigureStore
    from heimdall_console.run_rows import RunRow

# Of every run another, and saying nothing about it.
_TRIVIAL: Final = frozenset({"checkpoint.directory"})


@dataclass(frozen=True)
class Comparison:
    """One line: a value for each run."""

    name: str
    values: tuple[str, ...]
    """Empty where a run has none."""
    differs: bool


def compared_params(rows: "Sequence[RunRow]", *, only_differences: bool) -> list[Comparison]:
    """The parameters of some runs; numbers that are equal count as the same."""
    names = sorted({name for row in rows for name in row.params} - _TRIVIAL)
    found = []
    for name in names:
        values = tuple(row.params.get(name, "") for row in rows)
        differs = len({_canonical(value) for value in values}) > 1
        if differs or not only_differences:
            found.append(Comparison(name, values, differs))
    return found


@dataclass(frozen=True)
class MetricComparison:
    """One metric: best and last value for each run, and who is best."""

    name: str
    best: tuple[float | None, ...]
    last: tuple[float | None, ...]
    winner: int | None
    """Place of the run with the best value; None where the direction is not known."""


def compared_metrics(
    rows: "Sequence[RunRow]", names: Sequence[str], figures: "FigureStore"
) -> list[MetricComparison]:
    """The metrics of some runs."""
    found = []
    for name in names:
        best = tuple(figures.value(row, name, "best") for row in rows)
        last = tuple(figures.value(row, name, "last") for row in rows)
        direction = figures.directions.get(name)
        known = [(value, place) for place, value in enumerate(best) if value is not None]
        winner = None
        if direction is not None and len(known) > 1:
            winner = (min(known) if direction == "min" else max(known))[1]
        if any(value is not None for value in (*best, *last)):
            found.append(MetricComparison(name, best, last, winner))
    return found


def _canonical(value: str) -> float | str:
    try:
        return float(value)
    except ValueError:
        return value
