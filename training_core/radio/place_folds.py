"""Training rows divided by place, so that a choice is judged where nothing was learned."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

FOLDS: Final = 6
_CELLS_PER_SIDE: Final = 8


def place_folds(
    target_m: NDArray[np.float64], folds: int = FOLDS, cells_per_side: int = _CELLS_PER_SIDE
) -> NDArray[np.int64]:
    """Number of the fold of each row, such that the rows of one cell of a grid stay together.

    Args:
        target_m: (rows, 2) east, north.
        folds: how many; fewer where fewer cells are occupied.
        cells_per_side: cells along the longer side of the area.
    """
    corner = target_m.min(axis=0)
    side_m = float((target_m.max(axis=0) - corner).max()) / cells_per_side
    if side_m == 0.0:
        return np.zeros(len(target_m), dtype=np.int64)
    cell = np.floor((target_m - corner) / side_m).astype(np.int64)
    _, of_row = np.unique(cell, axis=0, return_inverse=True)
    count = int(of_row.max()) + 1
    fold_of_cell = np.random.default_rng(0).permutation(count) % min(folds, count)
    of_rows: NDArray[np.int64] = fold_of_cell[of_row.ravel()]
    return of_rows
