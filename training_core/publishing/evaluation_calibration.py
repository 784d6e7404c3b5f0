"""Where a network's regions hold what they should, and how near the bounds its errors come."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from training_core.data.store import SessionStore
from training_core.data.tables import float_column
from training_core.models.metrics import position_errors, squared_mahalanobis
from training_core.radio.geo import LocalFrame

_GROUPS: Final = 5
_FEWEST: Final = 5
"""Sessions; the coverage of fewer says nothing."""

Float64Array = NDArray[np.float64]


def calibration(
    sessions: SessionStore,
    frame: LocalFrame,
    mean_m: Float64Array,
    covariance_m2: Float64Array,
    target_m: Float64Array,
) -> dict[str, list[dict[str, Any]]]:
    """Coverage of the ellipses by what makes a session easy or hard.

    Args:
        sessions: those that were judged, in their order.
        frame: of positions in meters.
        mean_m: (sessions, 2) estimates.
        covariance_m2: (sessions, 2, 2).
        target_m: (sessions, 2) true positions.

    Returns:
        Plain JSON: `by_receivers` (how many heard the session) and `by_distance_m` (from the true
        position to the nearest fixed receiver), each groups of about equal size with `from` and
        `to` (both belong to the group), `sessions`, `median_m`, `coverage_50`, `coverage_90`.
    """
    errors = position_errors(mean_m, target_m)
    squared = squared_mahalanobis(mean_m, covariance_m2, target_m)

    def groups(value: Float64Array) -> list[dict[str, Any]]:
        return [_group(value[inside], errors[inside], squared[inside]) for inside in _parts(value)]

    return {
        "by_receivers": groups(receiver_counts(sessions).astype(np.float64)),
        "by_distance_m": groups(_nearest_m(sessions, frame, target_m)),
    }


def receiver_counts(store: SessionStore) -> NDArray[np.int64]:
    """How many receivers heard each session, (sessions,)."""
    heard = store.observations["session_id"].value_counts()
    counts = {entry["values"]: entry["counts"] for entry in heard.to_pylist()}
    names = store.sessions["session_id"].to_pylist()
    return np.array([counts.get(name, 0) for name in names], np.int64)


def error_over_bound(
    errors_m: Mapping[str, Float64Array], bound_m: Float64Array
) -> dict[str, float]:
    """Method → median of error over bound where the bound is finite; empty where none is."""
    known = np.isfinite(bound_m) & (bound_m > 0)
    if not known.any():
        return {}
    return {
        name: float(np.median(errors[known] / bound_m[known])) for name, errors in errors_m.items()
    }


def _parts(value: Float64Array) -> list[NDArray[np.bool_]]:
    """Rows of each group; equal values stay together, unknown ones are in none."""
    known = value[np.isfinite(value)]
    if len(known) < _FEWEST:
        return []
    edges = np.unique(np.quantile(known, np.linspace(0, 1, _GROUPS + 1), method="lower"))
    # A group ends with its edge, the first one also begins with it.
    number = np.maximum(np.searchsorted(edges, value, side="left"), 1)
    number[~np.isfinite(value)] = 0
    parts = [number == place for place in range(1, len(edges) + 1)]
    return [part for part in parts if part.sum() >= _FEWEST]


def _group(value: Float64Array, errors: Float64Array, squared: Float64Array) -> dict[str, Any]:
    # Chi-square with two degrees of freedom.
    covered = {
        f"coverage_{p}": float(np.mean(squared <= -2.0 * np.log(1.0 - p / 100))) for p in (50, 90)
    }
    return {
        "from": float(value.min()),
        "to": float(value.max()),
        "sessions": len(value),
        "median_m": float(np.median(errors)),
        **covered,
    }


def _nearest_m(store: SessionStore, frame: LocalFrame, target_m: Float64Array) -> Float64Array:
    latitude = float_column(store.receivers, "latitude_deg")
    longitude = float_column(store.receivers, "longitude_deg")
    is_mobile = store.receivers["mobile"].to_numpy(zero_copy_only=False).astype(np.bool_)
    stands = np.isfinite(latitude) & np.isfinite(longitude) & ~is_mobile
    if not stands.any():
        return np.full(len(target_m), np.nan)
    east_m, north_m = frame.to_local(latitude[stands], longitude[stands])
    nearest, _ = cKDTree(np.stack([east_m, north_m], axis=1)).query(target_m)
    return np.asarray(nearest, np.float64)
