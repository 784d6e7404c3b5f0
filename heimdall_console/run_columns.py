"""The columns of the table of runs: what each says of a run, and what it sorts by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from heimdall_console.formatting import age, duration, metric, plain
from heimdall_console.status_text import STATUS_STYLES

if TYPE_CHECKING:
    from heimdall_console.query_names import Names
    from heimdall_console.run_figures import FigureStore
    from heimdall_console.run_rows import RunRow

_ASCII_GLYPHS: Final[dict[str, str]] = {
    "queued": "o",
    "starting": "o",
    "running": "*",
    "paused": "=",
    "finished": "+",
    "stopped": "-",
    "failed": "x",
    "killed": "x",
    "crashed": "?",
}
_STATUS_ORDER: Final = tuple(STATUS_STYLES)


@dataclass
class Context:
    """What the cells need beside the row."""

    figures: "FigureStore"
    metric: str = ""
    """The chosen one: best, last, min, max and the sparkline are of it."""
    now_s: float = 0.0
    ascii_only: bool = False


Value = float | str | None
"""What a column sorts by; None stands last, whatever the direction."""


@dataclass(frozen=True)
class Column:
    """One column."""

    id: str
    """`state`, or `param:`, `metric:` or `tag:` and a name."""
    title: str
    about: str
    """In the picker."""
    text: Callable[["RunRow", Context], str]
    value: Callable[["RunRow", Context], Value]
    width: int
    """Cells; for the name, the fewest."""
    is_number: bool = False
    """Right-aligned."""
    drops: int = 0
    """Where the screen is narrow, those with large numbers go first."""
    is_large_first: bool = False
    """Whether the first press sorts the largest to the top."""


def state_text(status: str, *, ascii_only: bool) -> str:
    """Glyph and word."""
    glyph = _ASCII_GLYPHS.get(status, "?") if ascii_only else STATUS_STYLES.get(status, ("?",))[0]
    return f"{glyph} {plain(status)}"


def _status_rank(row: "RunRow", context: Context) -> Value:
    return _STATUS_ORDER.index(row.status) if row.status in _STATUS_ORDER else 99


def _progress(row: "RunRow", context: Context) -> str:
    done = row.epochs_done
    if done is not None and row.epochs:
        return f"{done:,}" + (f"/{row.epochs:,}" if row.is_live else "")
    if row.share_done is not None and row.is_live:
        return f"{100 * row.share_done:.0f} %"
    return "" if row.step is None else f"st. {row.step:,}"


def _progress_value(row: "RunRow", context: Context) -> Value:
    return row.share_done if row.share_done is not None else row.epoch


def _eta(row: "RunRow", context: Context) -> str:
    return "" if row.eta_s is None else duration(row.eta_s)


def _age(row: "RunRow", context: Context) -> str:
    return "" if row.created_s is None else age(max(0.0, context.now_s - row.created_s))


def _took(row: "RunRow", context: Context) -> str:
    took_s = row.took_s(context.now_s)
    return "" if took_s is None else rough_duration(took_s, is_live=row.is_live)


def rough_duration(seconds: float, *, is_live: bool) -> str:
    """A time span; of what still runs in whole minutes, which change once a minute."""
    if not is_live or seconds >= 3600:
        return duration(seconds)
    return f"{int(seconds // 60)} min" if seconds >= 60 else "< 1 min"


def _figure(which: str) -> tuple[Callable[..., str], Callable[..., Value]]:
    def value(row: "RunRow", context: Context) -> Value:
        return context.figures.value(row, context.metric, which) if context.metric else None

    def text(row: "RunRow", context: Context) -> str:
        found = value(row, context)
        return "" if not isinstance(found, int | float) else metric(context.metric, found)

    return text, value


def _source(row: "RunRow", context: Context) -> str:
    if row.path:
        return "both" if row.mlflow_id else "local"
    return "MLflow"


def _note(row: "RunRow", context: Context) -> str:
    """Drawn as a sparkline by the table; of a run that failed, why."""
    if row.reason and row.status in ("failed", "crashed", "killed"):
        return row.reason
    return row.wrong


def _plain_field(name: str) -> tuple[Callable[..., str], Callable[..., Value]]:
    def value(row: "RunRow", context: Context) -> Value:
        found = getattr(row, name)
        return found.lower() if isinstance(found, str) and found else found or None

    def text(row: "RunRow", context: Context) -> str:
        return str(getattr(row, name) or "")

    return text, value


def _column(
    id: str,
    title: str,
    about: str,
    functions: tuple[Callable[..., str], Callable[..., Value]],
    width: int,
    *,
    is_number: bool = False,
    drops: int = 0,
    is_large_first: bool = False,
) -> Column:
    return Column(id, title, about, *functions, width, is_number, drops, is_large_first)


NAME_ID: Final = "name"
SPARKLINE_ID: Final = "curve"
STATE_ID: Final = "state"

BUILTIN_COLUMNS: Final[dict[str, Column]] = {
    column.id: column
    for column in (
        _column(
            STATE_ID,
            "state",
            "what it does, or how it ended",
            (lambda row, c: state_text(row.status, ascii_only=c.ascii_only), _status_rank),
            10,
        ),
        _column(NAME_ID, "name", "its name", _plain_field("name"), 16),
        _column(
            "experiment", "experiment", "group of runs", _plain_field("experiment"), 21, drops=6
        ),
        _column("best", "best", "best value of the metric", _figure("best"), 10, is_number=True),
        _column("last", "last", "last value", _figure("last"), 10, is_number=True, drops=3),
        _column("min", "min", "smallest value", _figure("min"), 10, is_number=True),
        _column("max", "max", "largest value", _figure("max"), 10, is_number=True),
        _column(
            "progress",
            "epochs",
            "epochs done, and planned while it runs",
            (_progress, _progress_value),
            9,
            is_number=True,
            drops=2,
            is_large_first=True,
        ),
        _column(
            "eta",
            "left",
            "time left at this rate",
            (_eta, lambda row, c: row.eta_s),
            11,
            is_number=True,
            drops=5,
        ),
        _column(
            "took",
            "took",
            "from its start to its end",
            (_took, lambda row, c: row.took_s(c.now_s)),
            11,
            is_number=True,
            drops=7,
            is_large_first=True,
        ),
        _column(
            "age",
            "started",
            "how long ago it was made",
            (_age, lambda row, c: row.created_s),
            10,
            drops=1,
            is_large_first=True,
        ),
        _column(
            SPARKLINE_ID,
            "curve",
            "the metric over its steps; why it failed, or what is odd in MLflow",
            (_note, lambda row, c: c.figures.value(row, c.metric, "last") if c.metric else None),
            12,
            drops=4,
        ),
        _column("source", "source", "this disk, MLflow, or both", (_source, _source), 6),
        _column("user", "user", "who made it", _plain_field("user"), 10),
        _column("host", "host", "machine", _plain_field("host"), 12),
        _column("id", "id", "our id", _plain_field("run_id"), 22),
        _column("mlflow", "MLflow id", "MLflow's id", _plain_field("mlflow_id"), 32),
        _column("reason", "reason", "why it ended", _plain_field("reason"), 30),
        _column(
            "step",
            "step",
            "optimizer steps",
            (lambda row, c: "" if row.step is None else f"{row.step:,}", lambda row, c: row.step),
            10,
            is_number=True,
            is_large_first=True,
        ),
    )
}
"""Columns that every run has, by id."""

DEFAULT_COLUMNS: Final = (
    *("state", "name", "experiment", "best", "last", "progress", "eta", "took", "age", "curve"),
)


def column_of(id: str) -> Column | None:
    """The column of an id; None where the id means none."""
    builtin = BUILTIN_COLUMNS.get(id)
    if builtin is not None:
        return builtin
    kind, _, name = id.partition(":")
    if not name or kind not in ("param", "metric", "tag"):
        return None
    title = name.rpartition("/")[2] if kind == "metric" else name.rpartition(".")[2]
    about = {"param": "parameter", "metric": "last value", "tag": "tag"}[kind]
    if kind == "metric":
        return Column(id, title, about, *_metric_functions(name), 10, is_number=True)
    part = "params" if kind == "param" else "tags"

    def value(row: "RunRow", context: Context) -> Value:
        found: str | None = getattr(row, part).get(name)
        if found is None:
            return None
        try:
            return float(found)
        except ValueError:
            return found.lower()

    def text(row: "RunRow", context: Context) -> str:
        return str(getattr(row, part).get(name, ""))

    return Column(id, title or name, about, text, value, max(8, min(16, len(title) + 1)))


def _metric_functions(name: str) -> tuple[Callable[..., str], Callable[..., Value]]:
    def value(row: "RunRow", context: Context) -> Value:
        return context.figures.value(row, name, "last")

    def text(row: "RunRow", context: Context) -> str:
        found = context.figures.value(row, name, "last")
        return "" if found is None else metric(name, found)

    return text, value


def possible_columns(names: "Names") -> list[tuple[str, str]]:
    """Id and explanation of every column that some rows could fill."""
    listed = [(column.id, column.about) for column in BUILTIN_COLUMNS.values()]
    listed += [(f"param:{name}", "parameter") for name in sorted(names.params)]
    listed += [(f"metric:{name}", "last value") for name in sorted(names.metrics)]
    listed += [(f"tag:{name}", "tag") for name in sorted(names.tags)]
    return listed


def sorted_rows(
    rows: "Sequence[RunRow]", column: Column, context: Context, *, is_descending: bool
) -> "list[RunRow]":
    """The rows by a column; those without a value last, equal ones newest first."""
    known: list[tuple[tuple[int, float | str], float, str, RunRow]] = []
    unknown: list[RunRow] = []
    value_of = column.value
    for row in rows:
        value = value_of(row, context)
        if value is None or value != value:
            unknown.append(row)
            continue
        place = (1, value) if isinstance(value, str) else (0, value)
        known.append((place, -(row.created_s or 0.0), row.key, row))
    known.sort(key=lambda entry: (entry[1], entry[2]))
    known.sort(key=lambda entry: entry[0], reverse=is_descending)
    unknown.sort(key=lambda row: (-(row.created_s or 0.0), row.key))
    return [entry[3] for entry in known] + unknown
