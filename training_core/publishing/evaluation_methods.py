"""Methods without a network on the rows of an evaluation, judged as the network is."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training_core.contract.jobs import Report
from training_core.data.method_inputs import fixed_receivers, method_inputs
from training_core.data.store import SessionStore
from training_core.models.metrics import position_errors, position_metrics
from training_core.radio.geo import LocalFrame
from training_core.radio.methods import METHODS, QUICK, run_methods

CDF_SHARES: Final = tuple(round(number / 100, 2) for number in range(101))
"""Shares of the rows at which the distribution of the error is told."""

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.int64]


@dataclass(frozen=True)
class JudgedMethods:
    """What was found of the methods without a network."""

    told: dict[str, Any]
    """Plain JSON: `methods` by name, as `judged` gives them; `bounds` by what is measured (`power`,
    `time`) with `median_m`, `mean_m` and `p90_m` of the sessions' rms bounds and `unbounded`, the
    share of sessions whose geometry bounds nothing; `neighbors`, k; `dropped_receivers`, ids of
    those whose floor moved; `notes`, sentences."""
    errors_m: dict[str, Float64Array]
    """Of single sessions, (rows,), by method."""
    bounds_m: dict[str, Float64Array]
    """Of single sessions, (rows,), by what is measured."""


def judged_methods(
    store: SessionStore,
    frame: LocalFrame,
    train: IndexArray,
    rows: IndexArray,
    report: Report,
    *,
    quick: bool = False,
) -> JudgedMethods:
    """Learn from the training rows and judge the others with every method that applies.

    Args:
        store: the dataset.
        frame: of positions in meters.
        train: sessions that teach.
        rows: sessions to judge on.
        report: told the method at work.
        quick: leave out those that take more than a moment.

    Raises:
        DatasetError: training holds no row.
    """
    chosen: Collection[str] = QUICK if quick else METHODS
    results = run_methods(method_inputs(store, frame, train, rows), chosen, report)
    target = store.label_m(frame)[rows]
    methods: dict[str, dict[str, Any]] = {}
    errors: dict[str, Float64Array] = {}
    for name in METHODS:
        if name not in results.answers:
            continue
        answer = results.answers[name]
        errors[name] = position_errors(answer.mean_m, target)
        methods[name] = judged(answer.mean_m, answer.covariance_m2, target)
        if answer.judged is not None:
            methods[name]["metrics"] |= _of_regions(*answer.judged(target))
    names = fixed_receivers(store)
    dropped = [names[number] for number in results.dropped]
    notes = list(results.notes)
    if dropped:
        notes.append(
            f"Left out of the methods without a network, because their floors moved since "
            f"training: {', '.join(dropped)}."
        )
    told = {
        "methods": methods,
        "bounds": {name: _of_bound(bound) for name, bound in results.bounds_m.items()},
        "neighbors": results.neighbors,
        "dropped_receivers": dropped,
        "notes": notes,
    }
    return JudgedMethods(told, errors, dict(results.bounds_m))


def judged(
    mean_m: Float64Array, covariance_m2: Float64Array | None, target_m: Float64Array
) -> dict[str, Any]:
    """Metrics of estimates, and the errors `cdf_m` at `CDF_SHARES`; None where not a number."""
    errors = position_errors(mean_m, target_m)
    return {
        "metrics": finite(position_metrics(mean_m, covariance_m2, target_m)),
        "cdf_m": [float(value) for value in np.quantile(errors, CDF_SHARES)],
    }


def finite(values: Mapping[str, float]) -> dict[str, float | None]:
    """The values, None for what JSON cannot say."""
    return {name: float(value) if math.isfinite(value) else None for name, value in values.items()}


def _of_regions(level: Float64Array, log_density: Float64Array) -> dict[str, float | None]:
    """Coverage by highest-density regions: a map's posterior is no ellipse."""
    shares = {f"coverage_{p}": float(np.mean(level <= p / 100.0)) for p in (50, 90, 95)}
    return finite({**shares, "nll": -float(np.mean(log_density))})


def _of_bound(bound_m: Float64Array) -> dict[str, float | None]:
    told = bound_m[np.isfinite(bound_m)]
    if len(told) == 0:
        return {"median_m": None, "mean_m": None, "p90_m": None, "unbounded": 1.0}
    return {
        "median_m": float(np.median(told)),
        "mean_m": float(told.mean()),
        "p90_m": float(np.quantile(told, 0.9)),
        "unbounded": 1.0 - len(told) / len(bound_m),
    }
