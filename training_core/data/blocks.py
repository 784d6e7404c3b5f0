"""Sessions that must stay together in a split: a cell of a grid, a track, a day."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training_core.contract.errors import DatasetError
from training_core.data.info import Block
from training_core.data.store import SessionStore
from training_core.data.tables import NO_TIME, time_ns

IndexArray = NDArray[np.int64]

_CELLS_ACROSS = 20
_DAY_NS = 86_400_000_000_000


@dataclass(frozen=True)
class Blocks:
    """A partition of sessions."""

    block: IndexArray
    """(rows,) number of each row's block, from 0."""
    count: int
    unit: str
    """What a block is, for people: "cells of 140 m"."""


def blocks_of(
    store: SessionStore, rows: IndexArray, by: Block, cell_m: float | None = None
) -> Blocks:
    """Partition the sessions at `rows`.

    Args:
        store: The dataset.
        rows: Indices into its sessions, all labeled.
        by: What stays together.
        cell_m: Side of a cell, meters; chosen from the extent of all labels when None.

    Raises:
        DatasetError: The sessions have no track or no time.
    """
    if by == "place":
        side = cell_m or suggested_cell_m(store)
        cells = np.floor(store.label_m()[rows] / side).astype(np.int64)
        _, block = np.unique(cells, axis=0, return_inverse=True)
        return _numbered(block.reshape(-1), f"cells of {side:g} m")
    if by == "track":
        tracks = store.sessions["track"].take(pa.array(rows))
        if tracks.null_count:
            raise _lacking(tracks.null_count, "track")
        encoded = pc.rank(tracks, tiebreaker="dense").to_numpy().astype(np.int64) - 1
        return _numbered(encoded, "tracks")
    times = time_ns(store.sessions)[rows]
    unknown = int((times == NO_TIME).sum())
    if unknown:
        raise _lacking(unknown, "time")
    _, block = np.unique(times // _DAY_NS, return_inverse=True)
    return _numbered(block, "days")


def suggested_cell_m(store: SessionStore) -> float:
    """Side of a cell so that about twenty by twenty cover the labels, meters, two digits."""
    label = store.label_m()
    label = label[np.isfinite(label).all(axis=1)]
    if len(label) == 0:
        return 1.0
    # A stray label must not decide the size of every cell.
    low, high = np.quantile(label, [0.02, 0.98], axis=0)
    side = float(np.sqrt(np.prod(np.maximum(high - low, 1.0)))) / _CELLS_ACROSS
    digits = 1 - int(np.floor(np.log10(side)))
    return round(side, digits)


def _numbered(block: NDArray[np.int64], unit: str) -> Blocks:
    count = int(block.max(initial=-1)) + 1
    return Blocks(block=block.astype(np.int64), count=count, unit=unit)


def _lacking(count: int, what: str) -> DatasetError:
    return DatasetError(
        f"The sessions cannot be split by {'date' if what == 'time' else what}",
        why=f"{count} labeled sessions have no {what}",
        unharmed="Nothing was changed",
        action="Split by place, or import the dataset with a mapping that names the "
        f"{what} of its sessions",
    )
