"""How far medians, means and 90 % errors would move if other tracks or places had been judged."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

DRAWS: Final = 1000
LEVEL: Final = 0.95
FEWEST_BLOCKS: Final = 5
"""Fewer blocks than these say nothing about their spread."""
STATISTICS: Final = ("median_m", "mean_m", "p90_m")
_QUANTILES: Final = (0.5, 0.9)
_MOST_WEIGHTS: Final = 400_000
"""At once: what fits into a cache is read fast."""

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.int64]


@dataclass(frozen=True)
class Resampling:
    """Draws with replacement of whole blocks: sessions of one track or place err alike.

    The cluster bootstrap (Davison and Hinkley, Bootstrap Methods and their Application, 1997,
    section 3.8). Every method is judged on the same draws, so that differences are paired.
    """

    block: IndexArray
    """(rows,) number of each row's block, from 0."""
    weight: IndexArray
    """(draws, blocks) how often each block was drawn."""

    def statistics(self, errors_m: Float64Array) -> Float64Array:
        """Median, mean and 90 % of (rows,) errors in each draw, (draws, 3), meters.

        Quantiles interpolate between neighbors, as those of `position_metrics` do.
        """
        order = np.argsort(errors_m, kind="stable")
        ordered, block = errors_m[order], self.block[order]
        blocks = self.weight.shape[1]
        total = self.weight @ np.bincount(block, minlength=blocks)
        mean = (self.weight @ np.bincount(block, ordered, minlength=blocks)) / total
        quantiles = np.empty((len(self.weight), len(_QUANTILES)))
        step = max(_MOST_WEIGHTS // max(len(errors_m), 1), 1)
        for start in range(0, len(self.weight), step):
            weight = self.weight[start : start + step].astype(np.int32)
            quantiles[start : start + step] = _quantiles(ordered, weight.take(block, axis=1))
        return np.stack([quantiles[:, 0], mean, quantiles[:, 1]], axis=1)


def resampling(block: IndexArray, seed: int = 0) -> Resampling | None:
    """Draw blocks; None where there are too few of them.

    Args:
        block: (rows,) number of each row's block, from 0 without gaps.
        seed: of the draws.
    """
    count = int(block.max(initial=-1)) + 1
    if count < FEWEST_BLOCKS:
        return None
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1.0 / count), DRAWS)
    return Resampling(block, drawn.astype(np.int64))


def interval(values: Float64Array) -> Float64Array:
    """What the middle 95 % of the draws span, (2, columns) of (draws, columns)."""
    tail = (1.0 - LEVEL) / 2.0
    return np.asarray(np.quantile(values, [tail, 1.0 - tail], axis=0))


def _quantiles(ordered: Float64Array, weight: NDArray[np.int32]) -> Float64Array:
    """Quantiles of ascending values, (rows,), that occur (draws, rows) times each."""
    draws, rows = weight.shape
    # One running count over all draws lets one search find every quantile.
    running = np.cumsum(weight.reshape(-1), dtype=np.int64)
    before = np.concatenate([[0], running[rows - 1 :: rows][:-1]])
    total = running[rows - 1 :: rows] - before
    first = np.arange(draws) * rows
    columns = []
    for share in _QUANTILES:
        place = share * (total - 1)
        low = np.floor(place).astype(np.int64)
        lower, upper = (
            ordered[np.searchsorted(running, before + k, side="right") - first]
            for k in (low, np.minimum(low + 1, total - 1))
        )
        columns.append(lower + (place - low) * (upper - lower))
    return np.stack(columns, axis=1)
