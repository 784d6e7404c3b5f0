"""Columns of points that grow at their end, shared by metrics that are recorded together."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

_FIRST_CAPACITY: Final = 64


@dataclass(frozen=True)
class Points:
    """Points of some metrics at the same steps."""

    steps: Whole
    epochs: Whole
    times_s: Floats
    values: dict[str, Floats]

    def __len__(self) -> int:
        return len(self.steps)

    def at(self, which: "npt.NDArray[Any] | slice") -> "Points":
        """Some of the points: a mask, a slice, or positions in a new order."""
        return Points(
            self.steps[which],
            self.epochs[which],
            self.times_s[which],
            {name: column[which] for name, column in self.values.items()},
        )

    def of(self, names: Iterable[str]) -> "Points":
        """The points of some of the metrics."""
        values = {name: self.values[name] for name in names}
        return Points(self.steps, self.epochs, self.times_s, values)

    def followed_by(self, other: "Points") -> "Points":
        """These points and then others of the same metrics."""
        return Points(
            np.concatenate([self.steps, other.steps]),
            np.concatenate([self.epochs, other.epochs]),
            np.concatenate([self.times_s, other.times_s]),
            {n: np.concatenate([column, other.values[n]]) for n, column in self.values.items()},
        )


class PointColumns:
    """The points of some metrics: one a step, steps rising.

    Args:
        names: The metrics.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._length = 0
        self._settled = 0
        self._room = _empty(names, _FIRST_CAPACITY)

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics."""
        return tuple(self._room.values)

    @property
    def points(self) -> Points:
        """Views of the points; what they show is never written again."""
        return self._room.at(slice(self._length))

    def settle(self) -> int:
        """How many points, from the first on, have stayed as they were at the last call."""
        settled, self._settled = self._settled, self._length
        return settled

    def extend(self, new: Points) -> None:
        """Add points; one at a step that is there already replaces it."""
        if not len(new):
            return
        if not _is_rising(new.steps) or (
            self._length and new.steps[0] <= self._room.steps[self._length - 1]
        ):
            new = self._take_back(int(new.steps.min())).followed_by(new)
            new = new.at(np.argsort(new.steps, kind="stable"))
            # Of equal steps the one that was written last counts.
            new = new.at(np.append(new.steps[1:] != new.steps[:-1], True))
        start, self._length = self._length, self._length + len(new)
        if self._length > len(self._room):
            # Half as much again: a point costs the same however many there are.
            self._make_room(start, max(self._length, len(self._room) * 3 // 2))
        _copy(new, self._room, start)

    def drop_after(self, step: int) -> None:
        """Forget what lies beyond a step."""
        self._shrink(int(np.searchsorted(self.points.steps, step, side="right")))

    def split(self, names: Iterable[str]) -> "PointColumns":
        """Give some of the metrics columns of their own, with the points they have."""
        taken = PointColumns(names)
        taken.extend(self.points.of(taken.names))
        taken._settled = min(self._settled, self._length)
        self._room = self._room.of(name for name in self.names if name not in taken.names)
        return taken

    def _take_back(self, step: int) -> Points:
        """Remove the points from a step on and give them."""
        kept = int(np.searchsorted(self.points.steps, step, side="left"))
        removed = self._room.at(slice(kept, self._length))
        self._shrink(kept)
        return removed

    def _shrink(self, length: int) -> None:
        if length < self._length:
            self._length = length
            self._settled = min(self._settled, length)
            # Views look at what is to be written anew: it is written elsewhere.
            self._make_room(length, len(self._room))

    def _make_room(self, used: int, capacity: int) -> None:
        room = _empty(self.names, capacity)
        _copy(self._room.at(slice(used)), room, 0)
        self._room = room


def _empty(names: Iterable[str], length: int) -> Points:
    return Points(
        np.empty(length, np.int64),
        np.empty(length, np.int64),
        np.empty(length, np.float64),
        {name: np.empty(length, np.float64) for name in names},
    )


def _copy(points: Points, room: Points, start: int) -> None:
    place = slice(start, start + len(points))
    room.steps[place] = points.steps
    room.epochs[place] = points.epochs
    room.times_s[place] = points.times_s
    for name, column in points.values.items():
        room.values[name][place] = column


def _is_rising(steps: Whole) -> bool:
    return bool((steps[1:] > steps[:-1]).all())
