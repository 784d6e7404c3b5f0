"""The metrics of a run over its steps, folded from the records of its log as they come."""

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Final, TypeGuard

import numpy as np

from heimdall_console.point_columns import Floats, PointColumns, Points, Whole
from training_core.contract.records import decode_number

_LARGEST: Final = 2**63 - 1


class Series:
    """One metric: columns, one point a step, steps rising.

    What the properties give are views that are never written again.
    """

    def __init__(self, name: str, columns: PointColumns) -> None:
        self.name = name
        self.columns = columns

    def __len__(self) -> int:
        return len(self.columns.points)

    @property
    def steps(self) -> Whole:
        """Optimizer steps completed."""
        return self.columns.points.steps

    @property
    def epochs(self) -> Whole:
        """Epoch of each point, counted from 0."""
        return self.columns.points.epochs

    @property
    def times_s(self) -> Floats:
        """When each was recorded, seconds since 1970; NaN where the record does not say."""
        return self.columns.points.times_s

    @property
    def values(self) -> Floats:
        """The values; not-a-number and infinities are among them."""
        return self.columns.points.values[self.name]


class SeriesStore:
    """The series of a run.

    Attributes:
        series: Metric name → its points. Metrics of the test split are among them, at the step
            of the checkpoint that was judged.
        skipped: Metric records without a step: their points have no place.
    """

    def __init__(self) -> None:
        self.series: dict[str, Series] = {}
        self.skipped = 0
        self._epoch = 0

    def take(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Fold in records of the run's log, in their order.

        Points beyond the step of a `resumed` record are dropped, so that the curves join.
        """
        told = [record for record in records if record["kind"] in ("metrics", "resumed")]
        begin = 0
        for place, record in enumerate(told):
            if record["kind"] == "resumed":
                self._add(told[begin:place])
                self._resume(record.get("step"))
                begin = place + 1
        self._add(told[begin:])

    def _resume(self, step: object) -> None:
        if _is_whole(step):
            for columns in {series.columns for series in self.series.values()}:
                columns.drop_after(step)

    def _add(self, records: list[Mapping[str, Any]]) -> None:
        fields = _fields(records)
        if not _are_usual(*fields):
            mended = [self._mended(record) for record in records]
            fields = _fields([record for record in mended if record is not None])
        steps, epochs, times_s, rows = fields
        if not rows:
            return
        self._epoch = epochs[-1]
        places = Points(
            np.array(steps, np.int64), np.array(epochs, np.int64), np.array(times_s, np.float64), {}
        )
        for which, values in _recorded_together(rows):
            chosen = places.at(which)
            self._extend(Points(chosen.steps, chosen.epochs, chosen.times_s, values))

    def _mended(self, record: Mapping[str, Any]) -> dict[str, Any] | None:
        """The record with fields of their types; None where its points have no place."""
        step, epoch, time_s = record.get("step"), record.get("epoch"), record.get("t")
        values = record.get("values")
        if not _is_whole(step) or type(values) is not dict:
            self.skipped += 1
            return None
        if _is_whole(epoch):
            self._epoch = epoch
        time_s = time_s if type(time_s) in (float, int) else math.nan
        return {"step": step, "epoch": self._epoch, "t": time_s, "values": values}

    def _extend(self, points: Points) -> None:
        """Add points of some metrics; they share columns as long as they come together."""
        names_of: dict[PointColumns | None, list[str]] = {}
        for name in points.values:
            series = self.series.get(name)
            names_of.setdefault(series.columns if series else None, []).append(name)
        for shared, names in names_of.items():
            columns = shared
            if columns is None:
                columns = PointColumns(names)
                self.series |= {name: Series(name, columns) for name in names}
            elif len(names) < len(columns.names):
                columns = columns.split(names)
                for name in names:
                    self.series[name].columns = columns
            columns.extend(points.of(names))


def _fields(
    records: Iterable[Mapping[str, Any]],
) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    """Steps, epochs, times and values of metric records."""
    listed = list(records)
    return (
        [record.get("step") for record in listed],
        [record.get("epoch") for record in listed],
        [record.get("t") for record in listed],
        [record.get("values") for record in listed],
    )


def _are_usual(steps: list[Any], epochs: list[Any], times_s: list[Any], rows: list[Any]) -> bool:
    """Whether every field has its type, which a few passes tell faster than a look at each."""
    return (
        set(map(type, steps)) | set(map(type, epochs)) == {int}
        and set(map(type, times_s)) <= {float, int}
        and set(map(type, rows)) == {dict}
        and min(min(steps), min(epochs)) >= 0
        and max(max(steps), max(epochs)) <= _LARGEST
    )


def _recorded_together(rows: list[dict[str, Any]]) -> Iterator[tuple[Whole, dict[str, Floats]]]:
    """The metrics of some records, those that stand in the same records together.

    Yields:
        Positions of the records, and the values of each metric there.
    """
    shapes: dict[tuple[str, ...], list[int]] = {}
    shape_of = list(map(tuple, rows))
    if shape_of.count(shape_of[0]) == len(rows):
        shapes[shape_of[0]] = list(range(len(rows)))
    else:
        for place, shape in enumerate(shape_of):
            shapes.setdefault(shape, []).append(place)
    found: dict[str, list[tuple[Whole, Floats]]] = {}
    for names, listed in shapes.items():
        places = np.array(listed, np.int64)
        numbers, is_known = _numbers([rows[place] for place in listed])
        for column, name in enumerate(names):
            every = slice(column, None, len(names))
            part = (places, numbers[every])
            if is_known is not None and not is_known[every].all():
                part = (places[is_known[every]], numbers[every][is_known[every]])
            found.setdefault(name, []).append(part)
    groups: dict[tuple[int, ...], list[str]] = {}
    for name, parts in found.items():
        groups.setdefault(tuple(id(places) for places, _ in parts), []).append(name)
    for names_together in groups.values():
        columns = {name: [values for _, values in found[name]] for name in names_together}
        pieces = [places for places, _ in found[names_together[0]]]
        if len(pieces) == 1:
            yield pieces[0], {name: parts[0] for name, parts in columns.items()}
            continue
        # Records of several shapes hold the metric: back into the order of the log.
        places = np.concatenate(pieces)
        order = np.argsort(places)
        yield places[order], {n: np.concatenate(parts)[order] for n, parts in columns.items()}


def _numbers(rows: list[dict[str, Any]]) -> tuple[Floats, Any]:
    """The values of rows one after the other, and which of them are numbers; None for all."""
    written = list(chain.from_iterable(map(dict.values, rows)))
    if set(map(type, written)) <= {float, int}:
        return np.array(written, np.float64), None
    decoded = [decode_number(value) for value in written]
    is_known = np.array([number is not None for number in decoded])
    return np.array([math.nan if n is None else n for n in decoded], np.float64), is_known


def _is_whole(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= _LARGEST
