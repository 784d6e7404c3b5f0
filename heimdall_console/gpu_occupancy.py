"""Which GPUs of this machine may be given away, asked of the driver (NVML)."""

import os
import queue
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_BUSY_SHARE: Final = 0.25
_ANSWER_S: Final = 3.0


@dataclass(frozen=True)
class Gpu:
    """One GPU that this user may use."""

    index: int
    """As the driver counts them, by their place on the bus."""
    is_busy: bool
    """Whether some process computes on it or holds much of its memory."""


class GpuOccupancy:
    """Asks the driver, which stays open; without one there are no GPUs."""

    def __init__(self) -> None:
        self._nvml: Any = None
        self._is_tried = False
        self._asking: threading.Thread | None = None

    def look(self) -> list[Gpu] | None:
        """The GPUs as they are now, without those that `CUDA_VISIBLE_DEVICES` hides from us.

        Returns:
            None where the driver hangs.
        """
        if self._asking is not None and self._asking.is_alive():
            return None
        answer: queue.SimpleQueue[list[Gpu]] = queue.SimpleQueue()
        # A thread can be left behind in a call that never comes back.
        self._asking = threading.Thread(target=lambda: answer.put(self._ask()), daemon=True)
        self._asking.start()
        try:
            return answer.get(timeout=_ANSWER_S)
        except queue.Empty:
            return None

    def _ask(self) -> list[Gpu]:
        nvml = self._opened()
        if nvml is None:
            return []
        uuids: dict[int, str] = {}
        busy: dict[int, bool] = {}
        try:
            count = nvml.nvmlDeviceGetCount()
        except nvml.NVMLError:
            return []
        for index in range(count):
            try:
                handle = nvml.nvmlDeviceGetHandleByIndex(index)
                uuids[index] = str(nvml.nvmlDeviceGetUUID(handle))
                busy[index] = _computes(nvml, handle) or _is_filled(nvml, handle)
            except nvml.NVMLError:
                # Lost from the bus: nobody can use it, but it keeps its number.
                uuids[index], busy[index] = "", True
        chosen = visible(uuids, os.environ.get("CUDA_VISIBLE_DEVICES"))
        return [Gpu(index, busy[index]) for index in chosen]

    def _opened(self) -> Any:
        if not self._is_tried:
            self._is_tried = True
            import pynvml

            try:
                pynvml.nvmlInit()
            except pynvml.NVMLError:
                return None
            self._nvml = pynvml
        return self._nvml


def visible(uuids: Mapping[int, str], variable: str | None) -> Sequence[int]:
    """The GPUs that a value of `CUDA_VISIBLE_DEVICES` leaves, in its order; all without one.

    Args:
        uuids: Index → UUID.
        variable: Indices or beginnings of UUIDs; what follows an unknown one is hidden too.
    """
    if variable is None:
        return sorted(uuids)
    chosen: list[int] = []
    for part in (part.strip() for part in variable.split(",")):
        matching = [
            index
            for index, uuid in uuids.items()
            if (part.isdecimal() and int(part) == index)
            or (part.startswith("GPU-") and uuid.startswith(part))
        ]
        if len(matching) != 1:
            break
        if matching[0] not in chosen:
            chosen += matching
    return chosen


def _computes(nvml: Any, handle: Any) -> bool:
    try:
        return bool(nvml.nvmlDeviceGetComputeRunningProcesses(handle))
    except (nvml.NVMLError_NoPermission, nvml.NVMLError_NotSupported):
        return False


def _is_filled(nvml: Any, handle: Any) -> bool:
    """Whether much memory is held: in some containers the driver names no processes."""
    try:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    except nvml.NVMLError_NotSupported:
        return False
    return bool(memory.used > _BUSY_SHARE * memory.total)
