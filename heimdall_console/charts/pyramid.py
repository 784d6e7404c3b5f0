"""The least and greatest value of any stretch of a series, at a cost its length hardly moves."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

_SHIFT: Final = 4
_FAN: Final = 1 << _SHIFT  # values to a bucket, buckets to a bucket of the next level
_PLACES: Final = np.arange(_FAN)
_FIRST_ROWS: Final = 4

# Arrays are kept as rows of sixteen: a bucket of the next level is one row of this one.
_Rows = npt.NDArray[np.float64]  # (rows, 16)


class PyramidView:
    """A series as it was at one moment; it never changes.

    Args:
        rows: The values in rows of sixteen, with room at the end.
        length: How many of them count.
        levels: Least and greatest of every complete bucket, from the finest level up.
        odd: Positions of NaN and infinities, rising.
        generation: Rises whenever values were taken away.
    """

    def __init__(
        self,
        rows: _Rows,
        length: int,
        levels: Sequence[tuple[_Rows, _Rows]],
        odd: Whole,
        generation: int = 0,
    ) -> None:
        self._rows = rows
        self._levels = tuple(levels)
        self._length = length
        self.odd = odd
        self.generation = generation

    @classmethod
    def of(cls, values: "npt.ArrayLike") -> "PyramidView":
        """The view of values that are known at once."""
        pyramid = Pyramid()
        pyramid.extend(values)
        return pyramid.view()

    def __len__(self) -> int:
        return self._length

    @property
    def values(self) -> Floats:
        """Every value, NaN and infinities among them."""
        return self._rows.reshape(-1)[: self._length]

    def odd_between(self, first: int, last: int) -> tuple[int, int]:
        """How many NaN and how many infinities lie at positions from `first` to before `last`."""
        begin, end = np.searchsorted(self.odd, (first, last))
        if begin >= end:
            return 0, 0
        missing = int(np.isnan(self.values[self.odd[begin:end]]).sum())
        return missing, int(end - begin) - missing

    def min_max(self, edges: Whole) -> tuple[Floats, Floats]:
        """Least and greatest finite value between each two neighboring edges.

        Args:
            edges: Positions, never falling; column i holds those from edge i to before edge i+1.

        Returns:
            Two arrays one shorter than the edges; NaN where a column has no finite value.
        """
        bounds = np.clip(edges, 0, self._length)
        first, last = bounds[:-1], bounds[1:]
        low = np.full(len(first), np.inf)
        high = np.full(len(first), -np.inf)
        for lows, highs in ((self._rows, self._rows), *self._levels):
            if not (first < last).any():
                break
            inner_first, inner_last = (first + _FAN - 1) >> _SHIFT, last >> _SHIFT
            is_single = inner_first > inner_last  # both ends lie within one row
            head = np.where(is_single, last, inner_first << _SHIFT)
            _fold(lows, highs, first, head, low, high)
            _fold(lows, highs, np.maximum(inner_last << _SHIFT, head), last, low, high)
            first, last = inner_first, np.maximum(inner_first, inner_last)
        is_empty = low > high
        low[is_empty] = high[is_empty] = np.nan
        return low, high


class Pyramid:
    """A growing series with its levels; what a view has seen is never written again."""

    def __init__(self) -> None:
        self._length = 0
        self._generation = 0
        self._rows: _Rows = np.empty((_FIRST_ROWS, _FAN))
        self._levels: list[tuple[_Rows, _Rows, int]] = []
        self._odd: Whole = np.empty(0, np.int64)

    def __len__(self) -> int:
        return self._length

    def extend(self, values: npt.ArrayLike) -> None:
        """Add values at the end."""
        new = np.asarray(values, np.float64).reshape(-1)
        if not len(new):
            return
        begin = self._length
        self._length += len(new)
        self._rows = _with_room(self._rows, self._length, begin)
        self._rows.reshape(-1)[begin : self._length] = new
        is_odd = ~np.isfinite(new)
        if is_odd.any():
            self._odd = np.concatenate([self._odd, np.flatnonzero(is_odd) + begin])
        self._raise_levels()

    def truncate(self, length: int) -> None:
        """Keep only the first `length` values."""
        if length >= self._length:
            return
        # What follows is written anew: it must not be where views still look.
        kept = self._rows.reshape(-1)[: max(0, length)].copy()
        self._length = 0
        self._generation += 1
        self._rows = np.empty((_FIRST_ROWS, _FAN))
        self._levels = []
        self._odd = np.empty(0, np.int64)
        self.extend(kept)

    def view(self) -> PyramidView:
        """The series as it is now."""
        levels = [(lows, highs) for lows, highs, _ in self._levels]
        return PyramidView(self._rows, self._length, levels, self._odd, self._generation)

    def _raise_levels(self) -> None:
        """Fold the buckets that became complete, level by level."""
        lows = highs = self._rows
        is_raw = True
        count = self._length
        for height in range(64):
            complete = count >> _SHIFT
            if not complete:
                return
            if height == len(self._levels):
                self._levels.append(
                    (np.empty((_FIRST_ROWS, _FAN)), np.empty((_FIRST_ROWS, _FAN)), 0)
                )
            own_lows, own_highs, known = self._levels[height]
            if known < complete:
                own_lows = _with_room(own_lows, complete, known)
                own_highs = _with_room(own_highs, complete, known)
                place = slice(known, complete)
                low_part, high_part = lows[place], highs[place]
                if is_raw and len(self._odd) and self._odd[-1] >= known << _SHIFT:
                    is_finite = np.isfinite(low_part)
                    low_part = np.where(is_finite, low_part, np.inf)
                    high_part = np.where(is_finite, high_part, -np.inf)
                own_lows.reshape(-1)[place] = low_part.min(axis=1)
                own_highs.reshape(-1)[place] = high_part.max(axis=1)
                self._levels[height] = (own_lows, own_highs, complete)
            lows, highs, count, is_raw = own_lows, own_highs, complete, False


def _fold(lows: _Rows, highs: _Rows, first: Whole, last: Whole, low: Floats, high: Floats) -> None:
    """Fold stretches that lie within one row each into `low` and `high`."""
    touched = np.flatnonzero(first < last)
    if not len(touched):
        return
    start, stop = first[touched], last[touched]
    rows = start >> _SHIFT
    offset = rows << _SHIFT
    place = offset[:, None] + _PLACES
    inside = (place >= start[:, None]) & (place < stop[:, None])
    low_part = lows[rows]
    if lows is highs:
        inside &= np.isfinite(low_part)
        high_part = low_part
    else:
        high_part = highs[rows]
    low[touched] = np.minimum(low[touched], np.where(inside, low_part, np.inf).min(axis=1))
    high[touched] = np.maximum(high[touched], np.where(inside, high_part, -np.inf).max(axis=1))


def _with_room(rows: _Rows, length: int, used: int) -> _Rows:
    """The rows, or a larger copy of them where `length` values do not fit."""
    if rows.size >= length:
        return rows
    larger = np.empty((max(-(-length // _FAN), len(rows) * 3 // 2 + 1), _FAN))
    larger.reshape(-1)[:used] = rows.reshape(-1)[:used]
    return larger
