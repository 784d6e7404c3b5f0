"""One line of a list of MLflow runs, as plain data of bounded size."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mlflow.entities import Run

Row = dict[str, Any]
"""A run: id, name, experiment, status, start_ms, end_ms, user, params, tags, metrics, wrong.

`wrong` says what MLflow holds of it that cannot be; empty where everything is in order.
"""

LONGEST_TEXT: Final = 300
"""Characters of a name, a parameter or a tag that a list carries."""
LEFT_OUT_TAGS: Final = frozenset(
    {"mlflow.log-model.history", "mlflow.note.content", "mlflow.datasets", "mlflow.loggedModels"}
)
"""Tags that may be very long and that nobody filters by."""
_LARGEST_DOUBLE: Final = 1.797e308
NOT_A_NUMBER: Final = "NaN"
_LONGEST_QUOTE: Final = 40


def cut(text: object) -> str:
    """A text of a list, shortened."""
    if not isinstance(text, str):
        text = str(text or "")
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def cut_all(texts: Mapping[Any, object]) -> dict[str, str]:
    """Names and values of a list, shortened, without those that are not for lists."""
    return {cut(k): cut(v) for k, v in texts.items() if k not in LEFT_OUT_TAGS}


def plain_number(value: object) -> float | str | None:
    """A value as it stands in JSON, as the run log writes it; None for what is no number.

    MLflow stores an infinity as the largest double.
    """
    if not isinstance(value, (int, float)):  # a union takes three times as long
        return None
    if math.isnan(value):
        return NOT_A_NUMBER
    if abs(value) >= _LARGEST_DOUBLE:
        return "Infinity" if value > 0 else "-Infinity"
    return value


def time_ms(value: object) -> float | None:
    """A time as it stands in a row; None where a database of loose types holds something else."""
    return value if type(value) in (int, float) and math.isfinite(value) else None  # type: ignore[return-value, arg-type]  # a number


def make_row(
    run_id: object,
    name: object,
    experiment: object,
    status: object,
    start: object,
    end: object,
    user: object,
    *,
    params: Mapping[Any, object],
    tags: Mapping[Any, object],
    metrics: Mapping[Any, object],
) -> Row:
    """A row of what MLflow holds; what is of another type than its own is unknown, and named.

    Other programs write to the same store, and SQLite takes a text for any number.
    """
    shown_tags = cut_all(tags)
    wrong = [
        f"its {which} is {quoted(value)}, which is no time"
        for which, value in (("start", start), ("end", end))
        if value is not None and time_ms(value) is None
    ]
    numbers: dict[str, float | str] = {}
    for key, value in metrics.items():
        number = plain_number(value)
        if number is None:
            wrong.append(f"its metric {cut(key)} is {quoted(value)}, which is no number")
            number = NOT_A_NUMBER
        numbers[cut(key)] = number
    return {
        "id": str(run_id),
        "name": cut(name) or shown_tags.get("mlflow.runName", ""),
        "experiment": cut(experiment),
        "status": cut(status),
        "start_ms": time_ms(start),
        "end_ms": time_ms(end),
        "user": cut(user) or shown_tags.get("mlflow.user", ""),
        "params": cut_all(params),
        "tags": shown_tags,
        "metrics": numbers,
        "wrong": cut("; ".join(wrong)),
    }


def quoted(value: object) -> str:
    """What stands where something else should, short enough for a sentence."""
    text = repr(value)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"


def row_of(run: "Run", experiment: str) -> Row:
    """The row of a run that MLflow's client gave."""
    info, data = run.info, run.data
    return make_row(
        info.run_id,
        info.run_name,
        experiment,
        info.status,
        info.start_time,
        info.end_time,
        info.user_id,
        params=data.params,
        tags=data.tags,
        metrics=data.metrics,
    )


def unreadable_row(number: int, after: str, why: str) -> Row:
    """A row for a run that the server fails to hand out, so that nothing of it is known.

    Args:
        number: Counted from 1 among those that stand together.
        after: Id of the last run before them in the list.
        why: What the server said.
    """
    row = make_row(
        f"unreadable {number} after {after or 'nothing'}",
        "(a run that cannot be read)",
        "",
        "unknown",
        None,
        None,
        "",
        params={},
        tags={},
        metrics={},
    )
    return {**row, "wrong": cut(f"the server fails at this run: {why}")}
