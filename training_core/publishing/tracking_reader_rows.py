"""One line of a list of MLflow runs, as plain data of bounded size."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mlflow.entities import Run

Row = dict[str, Any]
"""A run: id, name, experiment, status, start_ms, end_ms, user, params, tags, metrics."""

LONGEST_TEXT: Final = 300
"""Characters of a name, a parameter or a tag that a list carries."""
LEFT_OUT_TAGS: Final = frozenset(
    {"mlflow.log-model.history", "mlflow.note.content", "mlflow.datasets", "mlflow.loggedModels"}
)
"""Tags that may be very long and that nobody filters by."""
_LARGEST_DOUBLE: Final = 1.797e308


def cut(text: object) -> str:
    """A text of a list, shortened."""
    text = str(text or "")
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def cut_all(texts: Mapping[str, str]) -> dict[str, str]:
    """Names and values of a list, shortened, without those that are not for lists."""
    return {cut(k): cut(v) for k, v in texts.items() if k not in LEFT_OUT_TAGS}


def plain_number(value: float) -> float | str:
    """A value as it stands in JSON, as the run log writes it.

    MLflow stores an infinity as the largest double.
    """
    if math.isnan(value):
        return "NaN"
    if abs(value) >= _LARGEST_DOUBLE:
        return "Infinity" if value > 0 else "-Infinity"
    return value


def time_ms(value: object) -> float | None:
    """A time as it stands in a row; None where a database of loose types holds something else."""
    return value if type(value) in (int, float) and math.isfinite(value) else None  # type: ignore[return-value, arg-type]  # a number


def row_of(run: "Run", experiment: str) -> Row:
    """The row of a run that MLflow's client gave."""
    info, data = run.info, run.data
    return {
        "id": info.run_id,
        "name": cut(info.run_name),
        "experiment": cut(experiment),
        "status": info.status,
        "start_ms": time_ms(info.start_time),
        "end_ms": time_ms(info.end_time),
        "user": cut(info.user_id or data.tags.get("mlflow.user")),
        "params": cut_all(data.params),
        "tags": cut_all(data.tags),
        "metrics": {cut(key): plain_number(value) for key, value in data.metrics.items()},
    }
