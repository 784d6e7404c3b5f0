"""A run query against rows: every name resolved once, then one call a row."""

import math
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from heimdall_console.query_names import Names
from heimdall_console.query_text import (
    All,
    AnyOf,
    Compare,
    Not,
    QueryError,
    Term,
    Word,
    parse_query,
)
from heimdall_console.run_rows import STATES

if TYPE_CHECKING:
    from heimdall_console.run_rows import RunRow

Predicate = Callable[["RunRow"], bool]
MetricValue = Callable[["RunRow", str, str], float | None]
"""Row, metric, and best, last, min or max → value; None where it is not known."""
Getter = Callable[["RunRow"], float | str | None]

_UNITS_S: Final[dict[str, float]] = {
    **dict.fromkeys(("s", "sec"), 1.0),
    **dict.fromkeys(("m", "min"), 60.0),
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)(sec|min|s|m|h|d|w)")
_DATES: Final = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d", "%Y-%m")
_ORDERS: Final[dict[str, Callable[[float, float], bool]]] = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}
_YES_NO: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Query:
    """A query that was understood.

    Args:
        text: As it was typed.
        names: The names that rows have.
        metric_value: Looks up what is known of a metric.
        now_s: Seconds since 1970, for ages.
        archived: Keys of the runs that were put away.

    Raises:
        QueryError: It cannot be understood.
    """

    def __init__(
        self,
        text: str,
        names: Names,
        metric_value: MetricValue,
        now_s: float,
        archived: frozenset[str] = frozenset(),
    ) -> None:
        self.text = text
        self.metrics: set[tuple[str, str]] = set()
        """Metrics that are asked for, each with best, last, min or max."""
        self.asks_for_archived = False
        self._names = names
        self._metric_value = metric_value
        self._now_s = now_s
        self._archived = archived
        term = parse_query(text)
        self._matches: Predicate = self._compiled(term) if term is not None else _everything

    def filter(self, rows: Iterable["RunRow"]) -> "list[RunRow]":
        """The rows that the query means, in their order."""
        return list(filter(self._matches, rows))

    def matches(self, row: "RunRow") -> bool:
        """Whether the query means a row."""
        return self._matches(row)

    def _compiled(self, term: Term) -> Predicate:
        if isinstance(term, Word):
            return _contains_word(term.text.lower())
        if isinstance(term, Compare):
            return self._comparison(term)
        if isinstance(term, Not):
            inner = self._compiled(term.term)
            return lambda row: not inner(row)
        parts = [self._compiled(part) for part in term.terms]
        if len(parts) == 2:
            first, second = parts
            if isinstance(term, All):
                return lambda row: first(row) and second(row)
            return lambda row: first(row) or second(row)
        if isinstance(term, All):
            return lambda row: all(part(row) for part in parts)
        assert isinstance(term, AnyOf)
        return lambda row: any(part(row) for part in parts)

    def _comparison(self, term: Compare) -> Predicate:
        if term.function:
            return _number_predicate(self._metric_getter(term), term)
        field = self._names.builtin(term.field)
        special = {
            "tag": _has_any("tags"),
            "param": _has_any("params"),
            "metric": _has_any("metrics"),
            "archived": self._is_archived,
            "age": self._age,
            "took": self._took,
            "created": self._created,
        }.get(field)
        if special is not None:
            return special(term)
        if field == "state":
            _refuse_unknown_state(term)
        if field:
            return _value_predicate(_BUILTINS[field], term)
        kinds = self._names.resolve(term.field, term.position)
        for kind, name in kinds:
            if kind == "metric":
                self.metrics.add((name, "last"))
        return _value_predicate(self._first_known(kinds), term)

    def _first_known(self, kinds: list[tuple[str, str]]) -> Getter:
        if len(kinds) == 1:
            kind, name = kinds[0]
            if kind == "param":
                return lambda row: row.params.get(name)
            if kind == "tag":
                return lambda row: row.tags.get(name)
            return lambda row: self._metric_value(row, name, "last")

        def get(row: "RunRow") -> float | str | None:
            for kind, name in kinds:
                found: float | str | None
                if kind == "param":
                    found = row.params.get(name)
                elif kind == "tag":
                    found = row.tags.get(name)
                else:
                    found = self._metric_value(row, name, "last")
                if found is not None:
                    return found
            return None

        return get

    def _metric_getter(self, term: Compare) -> Getter:
        name = self._names.metric(term.field, term.position)
        self.metrics.add((name, term.function))
        return lambda row: self._metric_value(row, name, term.function)

    def _is_archived(self, term: Compare) -> Predicate:
        wanted = _YES_NO.get(term.value.lower())
        if wanted is None or term.operator in _ORDERS:
            raise QueryError("write archived:yes or archived:no", term.position)
        self.asks_for_archived = True
        wanted, archived = wanted != (term.operator == "!="), self._archived
        return lambda row: (row.key in archived) == wanted

    def _age(self, term: Compare) -> Predicate:
        now_s = self._now_s

        def get(row: "RunRow") -> float | None:
            return None if row.created_s is None else now_s - row.created_s

        return _order_predicate(get, term, _span_s(term))

    def _took(self, term: Compare) -> Predicate:
        now_s = self._now_s
        return _order_predicate(lambda row: row.took_s(now_s), term, _span_s(term))

    def _created(self, term: Compare) -> Predicate:
        value = term.value
        for form in _DATES:
            try:
                moment_s = time.mktime(time.strptime(value, form))
            except (ValueError, OverflowError):
                continue
            return _order_predicate(lambda row: row.created_s, term, moment_s)
        raise QueryError(f"{value!r} is no date such as 2026-11-24", term.position)


_BUILTINS: Final[dict[str, Getter]] = {
    "name": lambda row: row.name,
    "id": lambda row: f"{row.run_id} {row.mlflow_id}",
    "experiment": lambda row: row.experiment,
    "state": lambda row: row.status,
    "user": lambda row: row.user,
    "host": lambda row: row.host,
    "reason": lambda row: row.reason,
    "monitor": lambda row: row.monitor,
    "source": lambda row: ("local " if row.path else "") + ("mlflow" if row.mlflow_id else ""),
    "best": lambda row: row.best,
    "step": lambda row: row.step,
    "epoch": lambda row: row.epochs_done,
    "epochs": lambda row: row.epochs_done,
}


def _refuse_unknown_state(term: Compare) -> None:
    wanted, is_part = term.value.lower(), term.operator == ":"
    if not any(wanted in state if is_part else wanted == state for state in STATES):
        raise QueryError(f"the states are {', '.join(STATES)}", term.position)


def _everything(row: "RunRow") -> bool:
    return True


def _contains_word(word: str) -> Predicate:
    return lambda row: word in row.text or word in row.mlflow_id


def _has_any(part: str) -> Callable[[Compare], Predicate]:
    """`tag:baseline`, `param:lr`, `metric:val/loss`: a name, or a tag's value, contains it."""

    def make(term: Compare) -> Predicate:
        wanted = term.value.lower()
        is_exact, is_not = term.operator in ("=", "=="), term.operator == "!="
        if term.operator in _ORDERS:
            raise QueryError(f"compare a {part[:-1]} by its own name", term.position)

        def holds(row: "RunRow") -> bool:
            found: Mapping[str, object] = getattr(row, part)
            if part == "metrics":
                found = {**found, **row.at_best}
            for name, value in found.items():
                texts = (name, str(value)) if part == "tags" else (name,)
                for text in texts:
                    text = text.lower()
                    if text == wanted or (not is_exact and wanted in text):
                        return True
            return False

        return (lambda row: not holds(row)) if is_not else holds

    return make


def _value_predicate(get: Getter, term: Compare) -> Predicate:
    """A comparison by number where both sides are numbers, else by text."""
    if term.operator in _ORDERS:
        return _number_predicate(get, term)
    wanted = term.value.lower()
    wanted_number = _number(term.value)
    is_part, is_not = term.operator == ":", term.operator == "!="

    def holds(row: "RunRow") -> bool:
        found = get(row)
        if found is None:
            return False
        if wanted_number is not None:
            number = found if not isinstance(found, str) else _number(found)
            if number is not None:
                return (number == wanted_number) != is_not
        text = str(found).lower()
        if is_part:
            return wanted in text
        return (text == wanted) != is_not

    return holds


def _number_predicate(get: Getter, term: Compare) -> Predicate:
    wanted = _number(term.value)
    if wanted is None:
        raise QueryError(f"{term.value!r} is no number", term.position)
    return _order_predicate(get, term, wanted)


def _order_predicate(get: Getter, term: Compare, wanted: float) -> Predicate:
    order = _ORDERS.get(term.operator)
    if order is None:
        is_not = term.operator == "!="

        def equals(row: "RunRow") -> bool:
            found = _number(get(row))
            return found is not None and (found == wanted) != is_not

        return equals

    def holds(row: "RunRow") -> bool:
        found = get(row)
        if found is None:
            return False
        if isinstance(found, str):
            number = _number(found)
            return number is not None and order(number, wanted)
        return order(found, wanted)

    return holds


def _number(value: float | str | None) -> float | None:
    if value is None or not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        return None
    return number if not math.isnan(number) else None


def _span_s(term: Compare) -> float:
    spans = _SPAN.findall(term.value)
    if not spans or "".join(n + unit for n, unit in spans) != term.value:
        raise QueryError(f"{term.value!r} is no time such as 45min, 12h or 2d", term.position)
    if term.operator == ":":
        raise QueryError("compare a time with < or >", term.position)
    return sum(float(number) * _UNITS_S[unit] for number, unit in spans)
