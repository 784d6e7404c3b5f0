"""What differs between two configurations, key by key, also where one of them is not valid."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from heimdall_console.config_fields import config_fields, toml_literal
from heimdall_console.formatting import plain, shortened
from training_core.contract.toml_text import parse_toml

if TYPE_CHECKING:
    from heimdall_console.run_index import RunSummary

Flat = Mapping[str, Any]
"""Dotted key → value, defaults included."""


@dataclass(frozen=True)
class Difference:
    """One key whose values differ."""

    key: str
    there: Any
    here: Any

    def __str__(self) -> str:
        """As one reads it: `optimizer.learning_rate 0.001 → 0.002`."""
        return f"{self.key} {value_text(self.there)} → {value_text(self.here)}"


def flat_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The value of every field as the text says it, or else its default; never an error."""
    found = {}
    for key, field in config_fields().items():
        table: Any = values
        for part in field.path:
            table = table.get(part, _Missing) if isinstance(table, dict) else _Missing
        found[key] = field.default if table is _Missing else table
    return found


def flat_of_text(text: str) -> dict[str, Any]:
    """The same of TOML text; the defaults where it does not parse."""
    try:
        return flat_of(parse_toml(text))
    except tomllib.TOMLDecodeError:
        return flat_of({})


def differences(there: Flat, here: Flat) -> tuple[Difference, ...]:
    """Every key whose value is not the same, in the order of the form."""
    return tuple(
        Difference(key, there.get(key), value)
        for key, value in here.items()
        if not is_same(there.get(key), value)
    )


def is_same(there: Any, here: Any) -> bool:
    """Whether two values mean the same: 1 and 1.0 do, 1 and true do not."""
    return bool(there == here) and isinstance(there, bool) == isinstance(here, bool)


def value_text(value: Any, width: int = 60) -> str:
    """A value as it is read in a list of changes."""
    if value in ("", {}):
        return "empty"
    text = value if isinstance(value, str) else toml_literal(value)
    return shortened(plain(text), width)


def best_run(
    runs: Iterable["RunSummary"], experiment: str, monitor: str, mode: str
) -> "RunSummary | None":
    """The run of an experiment whose best checkpoint is best by a metric; None without any."""
    judged = [
        run
        for run in runs
        if run.info.experiment == experiment and run.monitor == monitor and run.best is not None
    ]
    sign = 1.0 if mode == "min" else -1.0
    return min(judged, key=lambda run: sign * (run.best or 0.0), default=None)


class _Missing:
    """No value was given."""
