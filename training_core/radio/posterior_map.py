"""Where an emitter may be: a probability for every cell of a grid."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]

CELLS: Final = 4_000
"""About as many cells cover the area of a grid."""
_MARGIN_SHARE: Final = 0.04
_PRIOR_SHARE: Final = 0.07
_UNIFORM_SHARE: Final = 0.1
_BLOCK_ROWS: Final = 1_024


@dataclass(frozen=True)
class PlaceGrid:
    """Square cells over an area."""

    center_m: Float64Array
    """(cells, 2) east, north."""
    side_m: float
    log_prior: Float64Array
    """(cells,) logarithm of each cell's probability before anything is heard."""

    def nearest_cell(self, position_m: Float64Array) -> NDArray[np.int64]:
        """Index of the cell of each position (rows, 2); of the nearest one outside the grid."""
        _, index = cKDTree(self.center_m).query(position_m)
        return np.asarray(index, dtype=np.int64)


def place_grid(target_m: Float64Array, cells: int = CELLS) -> PlaceGrid:
    """Cover the training positions, and how likely each cell is before anything is heard.

    The prior is a kernel density of the cells that training visited, each counted once however
    long somebody stood there, and a tenth of it the same everywhere.

    Args:
        target_m: (rows, 2) training positions.
        cells: about how many.
    """
    low, high = target_m.min(axis=0), target_m.max(axis=0)
    extent = np.maximum(high - low, 1.0)
    margin = _MARGIN_SHARE * float(extent.max())
    low, extent = low - margin, extent + 2.0 * margin
    side = float(np.sqrt(np.prod(extent) / cells))
    axes = [low[axis] + side * (np.arange(np.ceil(extent[axis] / side)) + 0.5) for axis in (0, 1)]
    center = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    visited = np.unique(np.floor((target_m - low) / side), axis=0) * side + low + 0.5 * side
    width = _PRIOR_SHARE * float(np.sqrt(np.prod(extent)))
    # exp(-(a - b)²) of a plane is a product over its axes, but visited cells are few enough.
    density = np.zeros(len(center))
    for start in range(0, len(visited), _BLOCK_ROWS):
        some = visited[start : start + _BLOCK_ROWS]
        east = np.exp(-0.5 * ((center[:, None, 0] - some[:, 0]) / width) ** 2)
        north = np.exp(-0.5 * ((center[:, None, 1] - some[:, 1]) / width) ** 2)
        density += np.einsum("cv,cv->c", east, north)
    density /= density.sum()
    prior = (1.0 - _UNIFORM_SHARE) * density + _UNIFORM_SHARE / len(center)
    return PlaceGrid(center, side, np.log(prior))


@dataclass(frozen=True)
class PosteriorMap:
    """What sessions say of their emitters' places: prior times tempered likelihood.

    `position_temperature` divides the log-likelihood for the estimate, `temperature` for the
    regions: neighboring receivers are shadowed alike, so that their product counts the same
    evidence more than once.
    """

    grid: PlaceGrid
    log_likelihood: Float32Array
    """(rows, cells), up to a constant a row."""
    temperature: float = 1.0
    position_temperature: float = 1.0

    def mean_m(self, temperature: float | None = None) -> Float64Array:
        """The posterior mean, (rows, 2): of all estimates it has the least squared error."""
        tempered = self.position_temperature if temperature is None else temperature
        mean = np.empty((len(self.log_likelihood), 2))
        for rows in self._blocks():
            mean[rows] = self._probability(rows, tempered) @ self.grid.center_m
        return mean

    def covariance_m2(self) -> Float64Array:
        """Spread of the posterior around the estimate, (rows, 2, 2)."""
        mean = self.mean_m()
        covariance = np.empty((len(mean), 2, 2))
        east, north = self.grid.center_m.T
        moments = np.stack([east, north, east * east, east * north, north * north], axis=1)
        for rows in self._blocks():
            m = self._probability(rows, self.temperature) @ moments
            a, b = mean[rows].T
            covariance[rows, 0, 0] = m[:, 2] - 2.0 * a * m[:, 0] + a * a
            covariance[rows, 1, 1] = m[:, 4] - 2.0 * b * m[:, 1] + b * b
            covariance[rows, 0, 1] = m[:, 3] - a * m[:, 1] - b * m[:, 0] + a * b
            covariance[rows, 1, 0] = covariance[rows, 0, 1]
        # An emitter is anywhere within its cell.
        covariance[:, (0, 1), (0, 1)] += self.grid.side_m**2 / 12.0
        return covariance

    def credible_level(
        self, position_m: Float64Array, temperature: float | None = None
    ) -> Float64Array:
        """The smallest highest-density region that reaches each position, (rows,) from 0 to 1.

        The truth lies inside the region of 90 % where its level is at most 0.9; a posterior is
        calibrated where the levels of true positions are uniform (Hyndman: "Computing and graphing
        highest density regions", The American Statistician 50(2), 1996).
        """
        level, _ = self._level_and_density(position_m, temperature or self.temperature)
        return level

    def log_density(self, position_m: Float64Array) -> Float64Array:
        """Logarithm of the probability a square meter at each position, (rows,)."""
        _, log_probability = self._level_and_density(position_m, self.temperature)
        density: Float64Array = log_probability - 2.0 * np.log(self.grid.side_m)
        return density

    def region(self, row: int, share: float) -> NDArray[np.bool_]:
        """The cells of one row's highest-density region that holds `share`, (cells,)."""
        probability = self._probability(slice(row, row + 1), self.temperature)[0]
        order = np.argsort(-probability, kind="stable")
        count = int(np.searchsorted(np.cumsum(probability[order]), share)) + 1
        inside = np.zeros(len(probability), dtype=np.bool_)
        inside[order[:count]] = True
        return inside

    def _level_and_density(
        self, position_m: Float64Array, temperature: float
    ) -> tuple[Float64Array, Float64Array]:
        cell = self.grid.nearest_cell(position_m)
        level, log_probability = np.empty(len(cell)), np.empty(len(cell))
        for rows in self._blocks():
            probability = self._probability(rows, temperature)
            own = np.take_along_axis(probability, cell[rows, None], axis=1)
            denser = np.where(probability > own, probability, 0.0).sum(axis=1)
            level[rows] = denser + 0.5 * own[:, 0]
            log_probability[rows] = np.log(np.maximum(own[:, 0], np.finfo(np.float32).tiny))
        return level, log_probability

    def _probability(self, rows: slice, temperature: float) -> Float64Array:
        tempered = self.log_likelihood[rows] * np.float32(1.0 / temperature)
        tempered += self.grid.log_prior.astype(np.float32)
        tempered -= tempered.max(axis=1, keepdims=True)
        np.exp(tempered, out=tempered)
        probability: Float64Array = tempered.astype(np.float64)
        probability /= probability.sum(axis=1, keepdims=True)
        return probability

    def _blocks(self) -> Sequence[slice]:
        rows = len(self.log_likelihood)
        return [slice(start, start + _BLOCK_ROWS) for start in range(0, rows, _BLOCK_ROWS)]
