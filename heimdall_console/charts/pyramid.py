"""The least and greatest value of any stretch of a series, at a cost its length hardly moves."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

_SHIFT: Final = 4
_FAN: Final = 1 << _SHIFT  # values to a bucket, buckets to a bucket of the next level
_PLACES: Final = np.arange(_FAN)[:, None]
_FIRST_ROWS: Final = 4
_FEW: Final = 128
"""Up to so many values a column are looked at one by one: faster than by levels."""

# Arrays are kept as rows of sixteen: a bucket of the next level is one row of this one.
_Rows = npt.NDArray[np.float64]  # (rows, 16)
_Pairs = npt.NDArray[np.float64]  # (2, rows, 16): least values, greatest with the sign turned


class PyramidView:
    """A series as it was at one moment; it never changes.

    Args:
        rows: The values in rows of sixteen, with room at the end.
        length: How many of them count.
        levels: Of every complete bucket the least value and the greatest with its sign turned,
            from the finest level up.
        odd: Positions of NaN and infinities, rising.
        generation: Rises whenever values were taken away.
    """

    def __init__(
        self,
        rows: _Rows,
        length: int,
        levels: Sequence[_Pairs],
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

    def extent(self, first: int, last: int) -> tuple[float, float]:
        """Least and greatest finite value at positions from `first` to before `last`.

        NaN where there is none.
        """
        first, last = max(0, first), min(last, self._length)
        parts: list[_Pairs] = []
        for level in (None, *self._levels):
            if first >= last:
                break
            inner_first, inner_last = (first + _FAN - 1) >> _SHIFT, last >> _SHIFT
            if inner_first >= inner_last:
                stretches = [(first, last)]
                inner_first = inner_last
            else:
                stretches = [(first, inner_first << _SHIFT), (inner_last << _SHIFT, last)]
            for begin, end in stretches:
                if begin < end:
                    parts.append(self._pairs(level, begin, end))
            first, last = inner_first, inner_last
        if not parts:
            return np.nan, np.nan
        low, turned = np.concatenate(parts, axis=1).min(axis=1).tolist()
        return (low, -turned) if low <= -turned else (np.nan, np.nan)

    def min_max(self, edges: Whole) -> tuple[Floats, Floats]:
        """Least and greatest finite value between each two neighboring edges.

        Args:
            edges: Positions, never falling; column i holds those from edge i to before edge i+1.

        Returns:
            Two arrays one shorter than the edges; NaN where a column has no finite value.
        """
        bounds = np.clip(edges, 0, self._length)
        first, last = bounds[:-1], bounds[1:]
        if 0 < self._length <= _FEW * len(first):
            return self._min_max_of_few(first, last)
        found = np.full((2, len(first)), np.inf)
        for level in (None, *self._levels):
            inner_first, inner_last = (first + _FAN - 1) >> _SHIFT, last >> _SHIFT
            is_single = inner_first > inner_last  # both ends lie within one row
            head = np.where(is_single, last, inner_first << _SHIFT)
            tail = np.maximum(inner_last << _SHIFT, head)
            self._fold(level, first, head, tail, last, found)
            first, last = inner_first, np.maximum(inner_first, inner_last)
            if not (first < last).any():
                break
        low, high = found[0], -found[1]
        is_empty = low > high
        low[is_empty] = high[is_empty] = np.nan
        return low, high

    def _min_max_of_few(self, first: Whole, last: Whole) -> tuple[Floats, Floats]:
        low = np.full(len(first), np.nan)
        high = low.copy()
        filled = np.flatnonzero(first < last)
        if len(filled):
            # Each begins where the one before it ends: there is nothing between filled columns.
            starts = first[filled]
            values = least = greatest = self.values[starts[0] : last[-1]]
            if len(self.odd):
                is_finite = np.isfinite(values)
                least = np.where(is_finite, values, np.inf)
                greatest = np.where(is_finite, values, -np.inf)
            low[filled] = np.minimum.reduceat(least, starts - starts[0])
            high[filled] = np.maximum.reduceat(greatest, starts - starts[0])
            is_without = low > high
            low[is_without] = high[is_without] = np.nan
        return low, high

    def _pairs(self, level: _Pairs | None, begin: int, end: int) -> _Pairs:
        """Least and turned greatest of single places of a level; of the values for None."""
        if level is not None:
            return level.reshape(2, -1)[:, begin:end]
        values = self._rows.reshape(-1)[begin:end]
        return np.where(np.isfinite(values), np.stack([values, -values]), np.inf)

    def _fold(
        self,
        level: _Pairs | None,
        first: Whole,
        head: Whole,
        tail: Whole,
        last: Whole,
        found: _Pairs,
    ) -> None:
        """Fold the two ends of every column, each within one row, into what was found."""
        begin, end = np.concatenate([first, tail]), np.concatenate([head, last])
        touched = np.flatnonzero(begin < end)
        if not len(touched):
            return
        # Sixteen places for each, its last one again where it has fewer.
        place = np.minimum(begin[touched] + _PLACES, end[touched] - 1)
        if level is None:
            values = self._rows.reshape(-1).take(place)
            if len(self.odd):
                is_odd = ~np.isfinite(values)
                low, turned = values.copy(), -values
                low[is_odd] = turned[is_odd] = np.inf
                folded = np.stack([low.min(axis=0), turned.min(axis=0)])
            else:
                folded = np.stack([values.min(axis=0), -values.max(axis=0)])
        else:
            folded = level.reshape(2, -1).take(place, axis=1).min(axis=1)
        both = np.full((2, len(first) * 2), np.inf)
        both[:, touched] = folded
        np.minimum(found, both[:, : len(first)], out=found)
        np.minimum(found, both[:, len(first) :], out=found)


class Pyramid:
    """A growing series with its levels; what a view has seen is never written again."""

    def __init__(self) -> None:
        self._length = 0
        self._generation = 0
        self._rows: _Rows = np.empty((_FIRST_ROWS, _FAN))
        self._levels: list[tuple[_Pairs, int]] = []
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
        levels = [level for level, _ in self._levels]
        return PyramidView(self._rows, self._length, levels, self._odd, self._generation)

    def _raise_levels(self) -> None:
        """Fold the buckets that became complete, level by level."""
        count = self._length
        for height in range(64):
            complete = count >> _SHIFT
            if not complete:
                return
            if height == len(self._levels):
                self._levels.append((np.empty((2, _FIRST_ROWS, _FAN)), 0))
            level, known = self._levels[height]
            if known < complete:
                place = slice(known, complete)
                level = _with_room(level, complete, known)
                flat = level.reshape(2, -1)
                if height:
                    flat[:, place] = self._levels[height - 1][0][:, place].min(axis=2)
                else:
                    flat[:, place] = self._fold_values(place)
                self._levels[height] = (level, complete)
            count = complete

    def _fold_values(self, rows: slice) -> _Pairs:
        values = self._rows[rows]
        if len(self._odd) and self._odd[-1] >= rows.start << _SHIFT:
            is_finite = np.isfinite(values)
            low = np.where(is_finite, values, np.inf).min(axis=1)
            return np.stack([low, -np.where(is_finite, values, -np.inf).max(axis=1)])
        return np.stack([values.min(axis=1), -values.max(axis=1)])


def _with_room(rows: npt.NDArray[np.float64], length: int, used: int) -> npt.NDArray[np.float64]:
    """The rows, or a larger copy of them where `length` values do not fit."""
    count = rows.shape[-2]
    if count * _FAN >= length:
        return rows
    larger = np.empty((*rows.shape[:-2], max(-(-length // _FAN), count * 3 // 2 + 1), _FAN))
    # All that was written before, and no more: what lies behind may be anything.
    kept = -(-used // _FAN)
    larger[..., :kept, :] = rows[..., :kept, :]
    return larger
