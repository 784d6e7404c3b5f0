"""Positions and regions from a likelihood over a grid, block by block of sessions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training_core.radio.calibration import TEMPERATURES, best_temperature
from training_core.radio.posterior_map import PlaceGrid, PosteriorMap

_BLOCK_ROWS: Final = 1_024

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.int64]
Likelihood = Callable[[IndexArray], Float32Array]
"""Rows of the dataset → log-likelihood (rows, cells)."""


@dataclass(frozen=True)
class GridEstimator:
    """A likelihood, a grid and the temperatures at which it is right."""

    grid: PlaceGrid
    log_likelihood: Likelihood
    temperature: float = 1.0
    position_temperature: float = 1.0

    def posterior(self, rows: IndexArray) -> PosteriorMap:
        """The posterior of the given sessions; it takes 4 bytes a session and cell."""
        return PosteriorMap(
            self.grid, self.log_likelihood(rows), self.temperature, self.position_temperature
        )

    def predict(self, rows: IndexArray) -> tuple[Float64Array, Float64Array]:
        """Posterior means (rows, 2) and covariances (rows, 2, 2) around them."""
        mean, covariance = np.empty((len(rows), 2)), np.empty((len(rows), 2, 2))
        for block in _blocks(len(rows)):
            posterior = self.posterior(rows[block])
            mean[block] = posterior.mean_m()
            covariance[block] = posterior.covariance_m2()
        return mean, covariance

    def judged(self, rows: IndexArray, target_m: Float64Array) -> tuple[Float64Array, Float64Array]:
        """Credible level and log-density a square meter of true places (rows, 2), (rows,) each."""
        level, log_density = np.empty(len(rows)), np.empty(len(rows))
        for block in _blocks(len(rows)):
            posterior = self.posterior(rows[block])
            level[block] = posterior.credible_level(target_m[block])
            log_density[block] = posterior.log_density(target_m[block])
        return level, log_density


def fit_temperatures(
    judged: list[tuple[PosteriorMap, Float64Array]],
) -> tuple[float, float]:
    """Temperatures of regions and of estimates, from folds that were not learned from.

    Regions get the one at which they hold their share, estimates the one of the least mean error.

    Args:
        judged: for each fold its raw posterior and true places (rows, 2).
    """

    def level_at(temperature: float) -> Float64Array:
        levels = [posterior.credible_level(target, temperature) for posterior, target in judged]
        return np.concatenate(levels)

    def error_at(temperature: float) -> float:
        errors = [
            np.hypot(*(posterior.mean_m(temperature) - target).T) for posterior, target in judged
        ]
        return float(np.concatenate(errors).mean())

    return best_temperature(level_at), min(TEMPERATURES, key=error_at)


def _blocks(rows: int) -> Iterator[slice]:
    for start in range(0, rows, _BLOCK_ROWS):
        yield slice(start, start + _BLOCK_ROWS)
