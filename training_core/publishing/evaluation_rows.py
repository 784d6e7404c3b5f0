"""Single sessions of an evaluation, thinned to what a map can show; the worst ones always."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training_core.data.store import SessionStore
from training_core.data.tables import float_column
from training_core.models.metrics import position_errors, squared_mahalanobis
from training_core.publishing.evaluation_calibration import receiver_counts
from training_core.radio.geo import LocalFrame

MOST_ROWS: Final = 5000
WORST: Final = 50
_NOMINAL: Final = (*(round(0.05 * n, 2) for n in range(1, 20)), 0.99)

Float64Array = NDArray[np.float64]


def session_rows(
    store: SessionStore,
    frame: LocalFrame,
    mean_m: Float64Array,
    covariance_m2: Float64Array | None,
    target_m: Float64Array,
    bounds_m: Mapping[str, Float64Array],
) -> dict[str, Any]:
    """True and estimated positions of single sessions, and where receivers stand.

    Args:
        store: The sessions that were judged, in their order.
        frame: Of the model: east and north are meters from its origin.
        mean_m: (sessions, 2) estimates.
        covariance_m2: (sessions, 2, 2), or None.
        target_m: (sessions, 2) true positions.
        bounds_m: By what is measured, (sessions,) each.

    Returns:
        Plain JSON, columns of equal length: `session_id`, `track`, `truth_m` and `estimate_m`
        (east, north), `covariance_m2` (east-east, east-north, north-north; empty without any),
        `error_m`, `receivers` (how many heard it), `bound_m` (by what is measured); beside them `receivers_m` (positions of fixed
        receivers) and `of` (sessions that were judged: at most 5,000 are told, spread evenly
        over them, and the 50 worst).
    """
    errors = position_errors(mean_m, target_m)
    chosen = _chosen(errors)
    some = store.sessions.take(chosen)
    ids = [str(name) for name in some["session_id"].to_pylist()]
    flat = np.empty((0, 4)) if covariance_m2 is None else covariance_m2[chosen].reshape(-1, 4)
    return {
        "of": len(errors),
        "session_id": ids,
        "track": ["" if name is None else str(name) for name in some["track"].to_pylist()],
        "truth_m": _rounded(target_m[chosen]),
        "estimate_m": _rounded(mean_m[chosen]),
        "covariance_m2": _rounded(flat[:, [0, 1, 3]]),
        "error_m": _rounded(errors[chosen]),
        "receivers": receiver_counts(store)[chosen].tolist(),
        "bound_m": {name: _rounded(bound[chosen]) for name, bound in bounds_m.items()},
        "receivers_m": _receivers(store, frame),
    }


def coverage(
    mean_m: Float64Array, covariance_m2: Float64Array, target_m: Float64Array
) -> list[list[float]]:
    """How much the ellipses hold of what they should: pairs of stated and observed share."""
    distance = squared_mahalanobis(mean_m, covariance_m2, target_m)
    # Chi-square with two degrees of freedom.
    return [[share, float(np.mean(distance <= -2.0 * np.log(1.0 - share)))] for share in _NOMINAL]


def _chosen(errors: Float64Array) -> NDArray[np.int64]:
    if len(errors) <= MOST_ROWS:
        return np.arange(len(errors))
    spread = np.linspace(0, len(errors) - 1, MOST_ROWS - WORST).astype(np.int64)
    worst = np.argsort(errors, kind="stable")[-WORST:]
    return np.unique(np.concatenate([spread, worst]))


def _receivers(store: SessionStore, frame: LocalFrame) -> list[Any]:
    latitude = float_column(store.receivers, "latitude_deg")
    longitude = float_column(store.receivers, "longitude_deg")
    is_mobile = store.receivers["mobile"].to_numpy(zero_copy_only=False).astype(np.bool_)
    is_shown = np.isfinite(latitude) & np.isfinite(longitude) & ~is_mobile
    east_m, north_m = frame.to_local(latitude[is_shown], longitude[is_shown])
    return _rounded(np.stack([east_m, north_m], axis=1)[:MOST_ROWS])


def _rounded(values: Float64Array) -> list[Any]:
    """Plain numbers to the centimeter; None where there is none."""
    rounded = np.round(np.asarray(values, np.float64), 2)
    plain = np.where(np.isfinite(rounded), rounded, np.nan).astype(object)
    plain[~np.isfinite(rounded)] = None
    found: list[Any] = plain.tolist()
    return found
