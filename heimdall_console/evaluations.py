"""Past and running evaluations of a home, and what each found."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from heimdall_console.evaluation_spread import ends_of, spread_text
from heimdall_console.evaluation_text import bound_name, drawn_methods, name_of
from heimdall_console.formatting import meters, percent, plain
from heimdall_console.job_rows import JobRow

if TYPE_CHECKING:
    from heimdall_console.charts.position_map import MapPoints

KIND: Final = "evaluate"
MOST_WORST: Final = 50
_ERRORS: Final = ("median_m", "mean_m", "p90_m")
_STEP: Final = re.compile(r"step=(\d{1,18})(?!\d)")


@dataclass(frozen=True)
class Evaluation:
    """What was found of one model on one part of a dataset."""

    job: JobRow
    result: dict[str, Any]

    @property
    def dataset(self) -> str:
        """Name of the dataset."""
        return Path(str(self.job.arguments.get("dataset", ""))).name

    @property
    def part(self) -> str:
        """train, val or test."""
        return str(self.job.arguments.get("split", ""))

    @property
    def methods(self) -> dict[str, dict[str, Any]]:
        """By name, each with `metrics` and `cdf_m`; the network first."""
        found: dict[str, dict[str, Any]] = self.result.get("methods", {})
        return found

    @property
    def bounds(self) -> dict[str, dict[str, Any]]:
        """By what is measured, the sessions' least rms errors; empty in evaluations of before."""
        found = self.result.get("bounds")
        if not isinstance(found, dict):
            return {}
        return {str(name): bound for name, bound in found.items() if isinstance(bound, dict)}

    @property
    def warnings(self) -> list[str]:
        """Sentences that belong beside the numbers."""
        found = self.result.get("warnings")
        return [str(text) for text in found] if isinstance(found, list) else []


@dataclass(frozen=True)
class Session:
    """One judged session."""

    place: int
    """Among those of the map."""
    id: str
    track: str
    error_m: float
    receivers: int
    """How many heard it."""


def evaluation_jobs(jobs: Iterable[JobRow]) -> list[JobRow]:
    """Jobs that evaluate, the newest first."""
    return [job for job in jobs if job.kind == KIND]


def read_evaluation(job: JobRow) -> Evaluation:
    """What an evaluation found; empty while it runs, or where it failed."""
    return Evaluation(job, job.read_result() if job.status.has_ended else {})


def model_name(model: str, run_names: Mapping[str, str] | None = None) -> str:
    """A model for people: run and step of a checkpoint, or `name@alias`.

    Args:
        model: As a job was given it: a path, or `name@alias`.
        run_names: Run id → name; a run that is not among them is called by its id.
    """
    if "/" not in model:
        return model
    path = Path(model)
    run_id = path.parent.parent.name if path.parent.name == "checkpoints" else ""
    if path.name == "model.onnx":
        run_id = path.parent.parent.parent.name if path.parent.parent.name == "exports" else ""
        what = f"export {path.parent.name}"
    else:
        step = _STEP.search(path.stem)
        what = f"step {int(step[1])}" if step and run_id else path.stem
    return f"{(run_names or {}).get(run_id, run_id)} {what}".strip()


def method_rows(evaluation: Evaluation) -> list[tuple[str, list[str]]]:
    """Each method with median, mean, 90 %, shares within 30, 50 and 100 m, coverage of 90 %.

    Behind each of the three errors stands half of its 95 % interval, empty where it is not told.
    Below them the bounds: the rms errors that an unbiased estimator can reach.
    """
    rows = []
    for name, method in evaluation.methods.items():
        metrics = method["metrics"]
        errors = []
        for key in _ERRORS:
            spread = spread_text(ends_of(evaluation.result, name, key))
            errors += [meters(_number(metrics.get(key))), spread]
        shares = [
            percent(_number(metrics.get(key)))
            for key in ("within_30m", "within_50m", "within_100m", "coverage_90")
        ]
        rows.append((name_of(name), errors + shares))
    for name, bound in evaluation.bounds.items():
        errors = []
        for key in _ERRORS:
            errors += [meters(_number(bound.get(key))), ""]
        rows.append((bound_name(name), errors + [""] * 4))
    return rows


def error_quantiles(evaluation: Evaluation) -> dict[str, list[float]]:
    """Method → its errors at equal steps of share, meters; of the best and the worst methods."""
    found = {}
    for name in drawn_methods(evaluation.methods):
        values = [_number(value) for value in evaluation.methods[name]["cdf_m"]]
        if values:
            found[name_of(name)] = [math.inf if v is None else v for v in values]
    return found


def coverage_pairs(evaluation: Evaluation) -> list[tuple[float, float]]:
    """Stated and observed share of the network's ellipses."""
    pairs = []
    for pair in _list(evaluation.result.get("coverage")):
        if isinstance(pair, list) and len(pair) == 2:
            stated, observed = _number(pair[0]), _number(pair[1])
            if stated is not None and observed is not None:
                pairs.append((stated, observed))
    if pairs:
        return pairs
    # Evaluations of before tell three shares only.
    metrics = evaluation.methods.get("network", {}).get("metrics", {})
    known = [(n, _number(metrics.get(f"coverage_{n}"))) for n in (50, 90, 95)]
    return [(n / 100, value) for n, value in known if value is not None]


def sessions_of(evaluation: Evaluation) -> list[Session]:
    """The sessions that were told, in the order of the map."""
    told = _positions(evaluation)
    ids, tracks = _list(told.get("session_id")), _list(told.get("track"))
    heard = _list(told.get("receivers"))
    return [
        Session(
            place=place,
            id=str(ids[place]) if place < len(ids) else "",
            track=str(tracks[place]) if place < len(tracks) else "",
            error_m=math.nan if (value := _number(error)) is None else value,
            receivers=int(_number(heard[place]) or 0) if place < len(heard) else 0,
        )
        for place, error in enumerate(_list(told.get("error_m")))
    ]


def worst_sessions(sessions: Sequence[Session]) -> list[Session]:
    """The sessions of the largest errors, the worst first."""
    known = [session for session in sessions if math.isfinite(session.error_m)]
    return sorted(known, key=lambda session: -session.error_m)[:MOST_WORST]


def map_points(evaluation: Evaluation) -> "MapPoints":
    """Receivers, true and estimated positions with their covariances."""
    import numpy as np

    from heimdall_console.charts.position_map import MapPoints

    told = _positions(evaluation)

    def columns(key: str, width: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
        rows = [
            [math.nan if (v := _number(value)) is None else v for value in row]
            for row in _list(told.get(key))
            if isinstance(row, list) and len(row) == width
        ]
        return np.array(rows, np.float64).reshape(len(rows), width)

    variances = columns("covariance_m2", 3)
    truths, estimates = columns("truth_m", 2), columns("estimate_m", 2)
    covariances = variances[:, [0, 1, 1, 2]].reshape(-1, 2, 2)
    sessions = sessions_of(evaluation)
    return MapPoints(
        receivers=columns("receivers_m", 2),
        truths=truths,
        estimates=estimates if len(estimates) == len(truths) else np.full_like(truths, np.nan),
        covariances=covariances if len(covariances) == len(truths) else None,
        names=tuple(session.id or f"{session.place + 1:,}" for session in sessions),
        errors_m=np.array([session.error_m for session in sessions], np.float64),
    )


def split_text(evaluation: Evaluation) -> str:
    """Which sessions were judged, and what the others learned from."""
    split = evaluation.result.get("split")
    if not isinstance(split, dict):
        return ""
    note = f" ({split['note']})" if split.get("note") else ""
    return plain(
        f"{int(_number(split.get('rows')) or 0):,} {split.get('part', '')} sessions of the split "
        f"{split.get('name', '')}{note}; {int(_number(split.get('train_rows')) or 0):,} train"
    )


def _positions(evaluation: Evaluation) -> Mapping[str, Any]:
    found = evaluation.result.get("positions")
    return found if isinstance(found, dict) else {}


def _list(found: object) -> list[Any]:
    return found if isinstance(found, list) else []


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
