"""The list of runs as a person has it now: filtered, sorted, in groups."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from heimdall_console.query import Query
from heimdall_console.query_names import Names
from heimdall_console.query_text import QueryError
from heimdall_console.run_arrangement import Line, arrange
from heimdall_console.run_columns import (
    BUILTIN_COLUMNS,
    DEFAULT_COLUMNS,
    Column,
    Context,
    column_of,
    sorted_rows,
)
from heimdall_console.run_figures import FigureStore
from heimdall_console.run_rows import RunRow, RunRows

if TYPE_CHECKING:
    from collections.abc import Mapping

_POSITION_ERROR: Final = "val/median_m"
_READ_COLUMNS: Final = frozenset({"best", "last", "min", "max", "curve"})
_LEARNED: Final = frozenset({"min", "max"})


class RunList:
    """Rows and what is wanted of them.

    Attributes:
        rows: Every run.
        query_error: What is wrong with what is being typed; the last good query counts until then.
        metric: The chosen one; empty for the one that most runs are judged by.
        shown: How many runs the query means.
    """

    def __init__(self, directions: "Mapping[str, str]", *, ascii_only: bool = False) -> None:
        self.rows = RunRows()
        self.names = Names()
        self.figures = FigureStore(directions)
        self.context = Context(self.figures, ascii_only=ascii_only)
        self.columns: tuple[Column, ...] = usable_columns(DEFAULT_COLUMNS)
        self.sort_id, self.is_descending = "age", True
        self.group_by = ""
        self.closed: set[str] = set()
        self.archived: frozenset[str] = frozenset()
        self.shows_archived = False
        self.metric = ""
        self.query_text = ""
        self.query_error: QueryError | None = None
        self.shown = 0
        self._query: Query | None = None
        self._ordered: list[RunRow] = []
        self._ordered_as: object = None
        self._changes = 0

    @property
    def total(self) -> int:
        """How many runs there are."""
        return len(self.rows.rows)

    def learn(self, keys: Iterable[str]) -> None:
        """Take note of what changed rows say: names, and which way their metric is better."""
        self._changes += 1
        known = self.rows.rows
        changed = [row for key in keys if (row := known.get(key)) is not None]
        self.names.add(changed)
        for row in changed:
            monitor = row.params.get("checkpoint.monitor", "")
            mode = row.params.get("checkpoint.mode", "")
            if monitor and mode in _LEARNED:
                self.figures.learn(monitor, mode)
        if not self.context.metric or not self.metric:
            self.context.metric = self.metric or self._usual_metric()
        if self.query_error is not None or (self._query is None and self.query_text):
            # The name that was not known may have come.
            self.set_query(self.query_text)

    def seen_columns(self) -> tuple[Column, ...]:
        """The chosen columns, without the time left where nothing runs.

        Where nobody has said which way the metric is better, the best checkpoint's value stands
        under `best?`.
        """
        has_eta = any(row.eta_s is not None for row in self.rows.rows.values())
        metric = self.context.metric
        is_known = metric in self.figures.directions or not metric
        return tuple(
            column if column.id != "best" or is_known else replace(column, title="best?")
            for column in self.columns
            if has_eta or column.id != "eta"
        )

    def choose_metric(self, name: str) -> None:
        """Show another metric; empty for the usual one."""
        self.metric = name
        self.context.metric = name or self._usual_metric()

    def set_query(self, text: str) -> None:
        """Filter by a query; one that cannot be understood changes nothing but the error."""
        self.query_text = text
        try:
            self._query = Query(
                text, self.names, self.figures.value, self.context.now_s, self.archived
            )
            self.query_error = None
        except QueryError as error:
            self.query_error = error

    def refresh_query(self) -> None:
        """Understand the query again: ages, names and the archive have changed."""
        if self._query is None:
            return
        typed, self.query_text = self.query_text, self._query.text
        error = self.query_error
        self.set_query(self.query_text)
        self.query_text = typed
        self.query_error = error or self.query_error

    def visible_rows(self) -> list[RunRow]:
        """The rows that the query means, in their order."""
        rows: Iterable[RunRow] = self._sorted()
        asks_for_archived = self._query is not None and self._query.asks_for_archived
        if self.archived and not self.shows_archived and not asks_for_archived:
            rows = [row for row in rows if row.key not in self.archived]
        return self._query.filter(rows) if self._query is not None else list(rows)

    def lines(self) -> list[Line]:
        """The lines of the table."""
        rows = self.visible_rows()
        self.shown = len(rows)
        return arrange(rows, self.group_by, self.closed, self.rows.parent_of)

    def _sorted(self) -> list[RunRow]:
        """Every row in its order, sorted again only where it may have changed."""
        column = column_of(self.sort_id) or BUILTIN_COLUMNS["age"]
        wanted = (
            *(self._changes, self.figures.changes, column.id, self.is_descending),
            *(self.context.metric, self.context.now_s if column.id == "took" else 0.0),
            *(len(self.rows.rows), tuple(self.figures.directions.items())),
        )
        if wanted != self._ordered_as:
            self._ordered = sorted_rows(
                list(self.rows.rows.values()),
                column,
                self.context,
                is_descending=self.is_descending,
            )
            self._ordered_as = wanted
        return self._ordered

    def sort_by(self, column_id: str) -> None:
        """Sort by a column; by the same one again in the other direction."""
        if column_id == self.sort_id:
            self.is_descending = not self.is_descending
            return
        column = column_of(column_id)
        if column is None:
            return
        self.sort_id = column_id
        is_best_large = self.figures.directions.get(self.context.metric) == "max"
        self.is_descending = column.is_large_first or (column_id == "best" and is_best_large)

    def needs_every_figure(self) -> bool:
        """Whether sorting or filtering asks for figures of runs that are not seen."""
        if self.sort_id in _READ_COLUMNS - {"last"}:
            return True
        return self._query is not None and any(which != "last" for _, which in self._query.metrics)

    def wanted_metrics(self) -> list[str]:
        """Metrics whose figures are to be read, the most urgent first."""
        shown = {column.id for column in self.columns}
        wanted = [name for name, _ in (self._query.metrics if self._query is not None else ())]
        if shown & _READ_COLUMNS or self.sort_id in _READ_COLUMNS:
            wanted.insert(0, self.context.metric)
        return [name for name in dict.fromkeys(wanted) if name]

    def metric_names(self) -> list[str]:
        """Every metric of any run, the ones that runs are judged by first."""
        usual = [name for name, _ in self._judged().most_common()]
        return list(dict.fromkeys([*usual, *sorted(self.names.metrics)]))

    def _judged(self) -> "Counter[str]":
        counted: Counter[str] = Counter()
        for row in self.rows.rows.values():
            if row.monitor:
                counted[row.monitor] += 1
            if _POSITION_ERROR in row.at_best or _POSITION_ERROR in row.metrics:
                counted[_POSITION_ERROR] += 2
        return counted

    def _usual_metric(self) -> str:
        judged = self._judged().most_common(1)
        if judged:
            return judged[0][0]
        counted = Counter(name for row in self.rows.rows.values() for name in row.metrics)
        for name, _ in counted.most_common():
            if name.startswith("val"):
                return name
        return counted.most_common(1)[0][0] if counted else ""


def usable_columns(ids: Iterable[str]) -> tuple[Column, ...]:
    """The columns of some ids, without those that mean nothing; state and name at least."""
    found = tuple(column for known in ids if (column := column_of(str(known))) is not None)
    return found or usable_columns(("state", "name"))
