"""How much of val and test stands beside a session that was trained on."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from training_core.data.blocks import IndexArray
from training_core.data.splits import Split
from training_core.data.store import SessionStore
from training_core.data.tables import NO_TIME, time_ns

WITHIN_M = 30.0
WITHIN_S = 60.0

_PIECE = 2048


def leakage(
    store: SessionStore, split: Split, within_m: float = WITHIN_M, within_s: float = WITHIN_S
) -> dict[str, float]:
    """Share of val and test sessions that lie close to a training session, and how close.

    Close means within `within_m` meters *and* `within_s` seconds. Where a time is
    unknown, the distance alone decides.

    Returns:
        For `val` and `test`: `<part>_share` (0 to 1, by both), `<part>_share_by_place`
        (by distance alone) and `<part>_nearest_m` (median distance to the nearest
        training session); NaN where the part or the training is empty.
    """
    label = store.label_m()
    times = time_ns(store.sessions)
    result: dict[str, float] = {}
    for name in ("val", "test"):
        part = split.part(name)
        if len(part) == 0 or len(split.train) == 0:
            result |= {
                f"{name}_{what}": np.nan for what in ("share", "share_by_place", "nearest_m")
            }
            continue
        nearest, _ = cKDTree(label[split.train]).query(label[part])
        close = _close(label, times, split.train, part, within_m, within_s)
        result[f"{name}_share"] = float(close.mean())
        result[f"{name}_share_by_place"] = float(np.mean(np.asarray(nearest) <= within_m))
        result[f"{name}_nearest_m"] = float(np.median(nearest))
    return result


def _close(
    label: NDArray[np.float64],
    times: IndexArray,
    train: IndexArray,
    part: IndexArray,
    within_m: float,
    within_s: float,
) -> NDArray[np.bool_]:
    # An unknown time is close to every time, so it gets a tree without that axis.
    known = times[train] != NO_TIME
    close = _within(label[part], label[train[~known]], within_m)
    timeless = times[part] == NO_TIME
    close[timeless] |= _within(label[part[timeless]], label[train[known]], within_m)
    timed = np.flatnonzero(~timeless)
    if not known.any() or len(timed) == 0:
        return close
    # Seconds become meters so that the cube of the maximum norm holds the cylinder asked for.
    first = times[train[known]].min()
    scale = within_m / max(within_s, 1e-9) * 1e-9

    def coordinates(rows: IndexArray) -> NDArray[np.float64]:
        return np.column_stack([label[rows], (times[rows] - first) * scale])

    train_points = coordinates(train[known])
    tree = cKDTree(train_points)
    for start in range(0, len(timed), _PIECE):
        piece = timed[start : start + _PIECE]
        points = coordinates(part[piece])
        # A touch more, so that rounding loses nobody who is exactly at the limit.
        found = tree.query_ball_point(points, within_m * (1 + 1e-9), p=np.inf)
        length = tree.query_ball_point(points, within_m * (1 + 1e-9), p=np.inf, return_length=True)
        if not length.sum():
            continue
        owner = np.repeat(np.arange(len(piece)), length)
        neighbor = np.concatenate([np.asarray(rows, dtype=np.int64) for rows in found])
        offset = points[owner, :2] - train_points[neighbor, :2]
        near = np.hypot(offset[:, 0], offset[:, 1]) <= within_m
        close[piece[owner[near]]] = True
    return close


def _within(
    points: NDArray[np.float64], others: NDArray[np.float64], within_m: float
) -> NDArray[np.bool_]:
    if len(others) == 0 or len(points) == 0:
        return np.zeros(len(points), dtype=np.bool_)
    nearest, _ = cKDTree(others).query(points)
    close: NDArray[np.bool_] = np.asarray(nearest) <= within_m
    return close
