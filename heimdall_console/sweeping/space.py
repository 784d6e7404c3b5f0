"""The space of a sweep: what of a configuration is tried, read from `space.toml`."""

import copy
import difflib
import json
import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_WORDS: Final = ("low", "high", "step", "log", "choices")

Path = tuple[str, ...]
Complain = Callable[[Path, str], None]
"""Told where in the file something is wrong, and what."""


@dataclass(frozen=True)
class Dimension:
    """One key of a configuration and the values that are tried of it."""

    key: str
    """Dotted."""
    place: Path
    """Where its table stands in the file."""
    low: float = 0.0
    high: float = 0.0
    step: float | None = None
    """Distance of two values; None for any value between."""
    log: bool = False
    """Whether factors count, not differences."""
    choices: tuple[Any, ...] = ()
    """The values instead; empty for a range."""
    is_whole: bool = False
    """Whether only whole numbers are tried."""

    @property
    def bounds(self) -> tuple[tuple[Path, Any], ...]:
        """Values that say whether all of them are valid, with where they stand."""
        if self.choices:
            return tuple(((*self.place, "choices"), choice) for choice in self.choices)
        return ((*self.place, "low"), self.low), ((*self.place, "high"), self.high)

    @property
    def labels(self) -> dict[Any, Any]:
        """What the study stores of each choice → the choice; it stores no lists."""
        return {
            json.dumps(choice) if isinstance(choice, list | dict) else choice: choice
            for choice in self.choices
        }

    def draw(self, chance: random.Random) -> Any:
        """One value at random."""
        if self.choices:
            return chance.choice(self.choices)
        if self.step:
            return self.low + self.step * chance.randint(0, self.step_count)
        if self.log:
            value = math.exp(chance.uniform(math.log(self.low), math.log(self.high)))
        else:
            value = chance.uniform(self.low, self.high)
        return round(value) if self.is_whole else value

    @property
    def step_count(self) -> int:
        """How many steps fit between low and high; for ranges with a step."""
        # 0.3 / 0.1 is a little less than 3.
        return math.floor((self.high - self.low) / (self.step or 1) + 1e-9)

    def text(self) -> str:
        """What is tried, in words."""
        if self.choices:
            return " | ".join(json.dumps(choice) for choice in self.choices)
        more = " (log)" if self.log else f" step {self.step:g}" if self.step else ""
        return f"{self.low:g} … {self.high:g}{more}"


def tables(values: Mapping[str, Any], place: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every table that describes one key, with where it stands: `["a.b"]` and `[a.b]` do."""
    for name, value in values.items():
        here = (*place, name)
        is_outer = isinstance(value, dict) and value
        if is_outer and all(isinstance(inner, dict) for inner in value.values()):
            yield from tables(value, here)
        else:
            yield here, value


def read_dimension(place: Path, table: Any, complain: Complain) -> Dimension | None:
    """One table as a dimension; None where it says too little, which is complained of."""
    key = ".".join(place)
    if not isinstance(table, dict) or not table:
        complain(place, "expected a table with low and high, or with choices")
        return None
    for word in table:
        if word not in _WORDS:
            near = difflib.get_close_matches(word, _WORDS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"expected {', '.join(_WORDS)}"
            complain((*place, word), f"unknown; {hint}")
    if "choices" in table:
        return _choices(key, place, table, complain)
    return _range(key, place, table, complain)


def _choices(
    key: str, place: Path, table: Mapping[str, Any], complain: Complain
) -> Dimension | None:
    for word in table:
        if word in _WORDS and word != "choices":
            complain((*place, word), "has no meaning beside choices")
    choices = table["choices"]
    if not isinstance(choices, list) or not choices:
        complain((*place, "choices"), "expected a list of values")
        return None
    seen = []
    for choice in choices:
        # `1`, `1.0` and `true` are equal in Python and three values in TOML.
        form = (type(choice), choice)
        if form in seen:
            complain((*place, "choices"), f"names {json.dumps(choice, default=str)} twice")
            return None
        seen.append(form)
    return Dimension(key, place, choices=tuple(choices))


def _range(key: str, place: Path, table: Mapping[str, Any], complain: Complain) -> Dimension | None:
    missing = [word for word in ("low", "high") if word not in table]
    if missing:
        beside = "" if len(missing) == 1 else ", or choices"
        complain(place, f"needs {' and '.join(missing)}{beside}")
        return None
    numbers = {word: table[word] for word in ("low", "high", "step") if word in table}
    wrong = [word for word, value in numbers.items() if not _is_number(value)]
    for word in wrong:
        complain((*place, word), f"expected a number, found {json.dumps(table[word], default=str)}")
    log = table.get("log", False)
    if not isinstance(log, bool):
        wrong.append("log")
        complain((*place, "log"), "expected true or false")
    if wrong:
        return None
    low, high, step = table["low"], table["high"], table.get("step")
    found = len(wrong)
    if low >= high:
        found += 1
        complain((*place, "high"), f"must be above low, {low:g}")
    if log and low <= 0:
        found += 1
        complain((*place, "low"), "must be above 0 where log is true")
    if step is not None:
        if log:
            found += 1
            complain((*place, "step"), "has no meaning where log is true")
        if not 0 < step <= high - low:
            found += 1
            complain((*place, "step"), "must be above 0, and not above high − low")
    is_whole = all(isinstance(value, int) for value in numbers.values())
    return None if found else Dimension(key, place, low, high, step, log, is_whole=is_whole)


def _is_number(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)  # type: ignore[arg-type]  # a number by now


def with_values(values: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a configuration with some of them replaced by dotted key."""
    changed: dict[str, Any] = copy.deepcopy(dict(values))
    for key, value in params.items():
        *sections, name = key.split(".")
        table = changed
        for section in sections:
            table = table.setdefault(section, {})
        table[name] = value
    return changed
