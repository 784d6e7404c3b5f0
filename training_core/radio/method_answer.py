"""What a method says of sessions, and how its uncertainty is calibrated on folds by place."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training_core.radio.calibration import ellipse_temperature
from training_core.radio.place_folds import place_folds

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.int64]
Prediction = tuple[Float64Array, Float64Array]
"""Means (rows, 2) and covariances (rows, 2, 2)."""
Learned = Callable[[IndexArray], Prediction]
"""Rows of the dataset → prediction."""

FOLDS: Final = 3
"""So many parts of the training cells are left out in turn: each costs a training."""
_CELLS_PER_SIDE: Final = 12
_MOST_JUDGED: Final = 400
_FEWEST_ROWS: Final = 30


@dataclass(frozen=True)
class MethodAnswer:
    """Estimates of the test sessions."""

    mean_m: Float64Array
    """(rows, 2) east, north."""
    covariance_m2: Float64Array | None = None
    """(rows, 2, 2), calibrated on folds of training; None where a method states none."""
    judged: Callable[[Float64Array], tuple[Float64Array, Float64Array]] | None = None
    """Of a posterior that is no Gaussian: true places (rows, 2) → their credible levels and
    log-densities a square meter, (rows,) each."""


def calibration_folds(
    target_m: Float64Array, train: IndexArray
) -> Iterator[tuple[IndexArray, IndexArray]]:
    """Training rows to learn from and others to judge on, apart in place; none for tiny trainings.

    The rows that are judged are at most `_MOST_JUDGED` a fold.

    Args:
        target_m: (rows, 2) of all sessions.
        train: which of them teach, in the order of recording.
    """
    if len(train) < _FEWEST_ROWS:
        return
    fold = place_folds(target_m[train], FOLDS, _CELLS_PER_SIDE)
    if fold.max() == 0:
        return
    for number in range(int(fold.max()) + 1):
        held_out = train[fold == number]
        step = max(len(held_out) // _MOST_JUDGED, 1)
        yield train[fold != number], held_out[::step]


def gaussian_temperature(
    learn: Callable[[IndexArray], Learned], target_m: Float64Array, train: IndexArray
) -> float:
    """What to multiply the covariances of a method with; 1 where training is too small to tell.

    Args:
        learn: training rows → prediction.
        target_m: (rows, 2) of all sessions.
        train: which of them teach.
    """
    means, covariances, targets = [], [], []
    for taught, held_out in calibration_folds(target_m, train):
        mean, covariance = learn(taught)(held_out)
        known = np.isfinite(mean).all(axis=1) & np.isfinite(covariance).all(axis=(1, 2))
        means.append(mean[known])
        covariances.append(covariance[known])
        targets.append(target_m[held_out][known])
    if sum(map(len, means)) == 0:
        return 1.0
    return ellipse_temperature(
        np.concatenate(means), np.concatenate(covariances), np.concatenate(targets)
    )
