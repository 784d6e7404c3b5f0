"""What a run's hardware was doing over its steps and time, folded from its log."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from heimdall_console.charts.pyramid import Pyramid, PyramidView
from heimdall_console.run_places import Places

if TYPE_CHECKING:
    from heimdall_console.point_columns import Floats, Whole

_OF_GPU: Final = (
    "utilization_percent",
    "used_bytes",
    "total_bytes",
    "temperature_c",
    "power_w",
    "power_limit_w",
    "worker_bytes",
)
_OF_TORCH: Final = ("allocated_bytes", "reserved_bytes", "peak_bytes")
_OF_MACHINE: Final = (
    "rss_bytes",
    "cpu_percent",
    "memory_available_bytes",
    "disk_free_bytes",
    "data_wait_share",
)


@dataclass(frozen=True, eq=False)
class HardwareView:
    """The history as it was at one moment."""

    places: Places
    series: Mapping[str, PyramidView] = field(default_factory=dict)
    """`gpu0/used_bytes`, `gpu0/allocated_bytes` (of torch), `rss_bytes` → the values; NaN where
    a record does not say."""
    gpus: tuple[int, ...] = ()
    """Indices of the GPUs."""
    last: Mapping[str, Any] = field(default_factory=dict)
    """The last record."""

    def latest(self, key: str) -> float | None:
        """The value of the last record; None where it does not say."""
        series = self.series.get(key)
        if series is None or not len(series):
            return None
        value = float(series.values[-1])
        return value if np.isfinite(value) else None


class HardwareHistory:
    """Takes hardware records with the step and epoch that were reached then."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, float, Mapping[str, Any]]] = []
        self._steps: Whole = np.empty(0, np.int64)
        self._epochs: Whole = np.empty(0, np.int64)
        self._times_s: Floats = np.empty(0)
        self._length = 0
        self._pyramids: dict[str, Pyramid] = {}
        self._last: Mapping[str, Any] = {}
        self._view: HardwareView | None = None

    def take(self, record: Mapping[str, Any], step: int, epoch: int) -> None:
        """Add a record."""
        time_s = record.get("t")
        is_known = type(time_s) in (float, int)
        self._waiting.append((step, epoch, float(time_s) if is_known else np.nan, record))  # type: ignore[arg-type]  # a number

    def drop_after(self, step: int) -> None:
        """Forget what was measured beyond a step that the run went back to."""
        self._fold()
        kept = int(np.searchsorted(self._steps[: self._length], step, side="right"))
        if kept < self._length:
            # Views look at what is to be written anew: it is written elsewhere.
            self._steps, self._epochs = self._steps[:kept].copy(), self._epochs[:kept].copy()
            self._times_s, self._length = self._times_s[:kept].copy(), kept
            for pyramid in self._pyramids.values():
                pyramid.truncate(kept)
            self._view = None

    def view(self) -> HardwareView:
        """The history as it is now; the same object as long as nothing was added."""
        self._fold()
        if self._view is not None:
            return self._view
        until = slice(self._length)
        places = Places(self._steps[until], self._epochs[until], self._times_s[until])
        names = sorted(
            {int(key[3 : key.index("/")]) for key in self._pyramids if key.startswith("gpu")}
        )
        self._view = HardwareView(
            places, {k: p.view() for k, p in self._pyramids.items()}, tuple(names), self._last
        )
        return self._view

    def _fold(self) -> None:
        if not self._waiting:
            return
        taken, self._waiting = self._waiting, []
        self._view = None
        begin = self._length
        self._length += len(taken)
        steps, epochs, times_s, records = zip(*taken, strict=True)
        # A step that fell without a word of a resume stays where it was: places never fall.
        floor = int(self._steps[begin - 1]) if begin else 0
        rising = np.maximum.accumulate(np.array((floor, *steps), np.int64))[1:]
        self._steps = _joined(self._steps, begin, rising)
        self._epochs = _joined(self._epochs, begin, np.array(epochs, np.int64))
        self._times_s = _joined(self._times_s, begin, np.array(times_s, np.float64))
        self._last = records[-1]
        columns: dict[str, Floats] = {}
        for place, record in enumerate(records):
            for key, value in _figures(record):
                column = columns.get(key)
                if column is None:
                    column = columns[key] = np.full(len(records), np.nan)
                column[place] = value
        for key in self._pyramids.keys() | columns.keys():
            pyramid = self._pyramids.setdefault(key, Pyramid())
            if len(pyramid) < begin:
                pyramid.extend(np.full(begin - len(pyramid), np.nan))
            column = columns.get(key)
            pyramid.extend(np.full(len(records), np.nan) if column is None else column)


def _joined(room: Any, used: int, new: Any) -> Any:
    """The room with values behind those that are used, or a larger one."""
    length = used + len(new)
    if length > len(room):
        larger = np.empty(max(64, length, len(room) * 3 // 2), room.dtype)
        larger[:used] = room[:used]
        room = larger
    room[used:length] = new
    return room


def _figures(record: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Every number of a record with its key."""
    for key in _OF_MACHINE:
        value = record.get(key)
        if type(value) in (int, float):
            yield key, value  # type: ignore[misc]  # a number
    gpus = _objects(record.get("gpus"))
    for gpu in gpus:
        index = gpu.get("index")
        if type(index) is int:
            yield from _numbers(gpu, f"gpu{index}/", _OF_GPU)
    for index, device in _torch_devices(gpus, _objects(record.get("torch"))):
        yield from _numbers(device, f"gpu{index}/", _OF_TORCH)


def _torch_devices(
    gpus: list[Mapping[str, Any]], devices: list[Mapping[str, Any]]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Devices as torch counts them, with the driver's numbers of their GPUs.

    Torch counts the GPUs that it may see: those on which the worker holds memory, in their order.
    """
    held = [gpu["index"] for gpu in gpus if gpu.get("worker_bytes") and type(gpu["index"]) is int]
    if len(held) != len(devices):
        held = []
    for place, device in enumerate(devices):
        index = held[place] if held else device.get("device")
        if not held and len(gpus) == 1:
            index = gpus[0].get("index")
        if type(index) is int:
            yield index, device


def _numbers(
    given: Mapping[str, Any], prefix: str, names: Iterable[str]
) -> Iterator[tuple[str, float]]:
    for name in names:
        value = given.get(name)
        if type(value) in (int, float):
            yield prefix + name, value  # type: ignore[misc]  # a number


def _objects(given: object) -> list[Mapping[str, Any]]:
    return [part for part in given if isinstance(part, dict)] if isinstance(given, list) else []
