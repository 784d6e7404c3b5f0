"""Which GPUs of this machine may be given away, asked of the driver (NVML)."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_BUSY_SHARE: Final = 0.1


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

    def look(self) -> list[Gpu]:
        """The GPUs as they are now, without those that `CUDA_VISIBLE_DEVICES` hides from us."""
        nvml = self._opened()
        if nvml is None:
            return []
        found = []
        try:
            names = {
                index: str(nvml.nvmlDeviceGetUUID(nvml.nvmlDeviceGetHandleByIndex(index)))
                for index in range(nvml.nvmlDeviceGetCount())
            }
        except nvml.NVMLError:
            return []
        for index in visible(names, os.environ.get("CUDA_VISIBLE_DEVICES")):
            found.append(Gpu(index, self._is_busy(nvml, index)))
        return found

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

    @staticmethod
    def _is_busy(nvml: Any, index: int) -> bool:
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
        except nvml.NVMLError:
            # Lost from the bus: nobody can use it.
            return True
        try:
            if nvml.nvmlDeviceGetComputeRunningProcesses(handle):
                return True
        except nvml.NVMLError:
            # In containers the driver names no processes: the memory has to tell.
            pass
        try:
            memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        except nvml.NVMLError:
            return False
        return bool(memory.used > _BUSY_SHARE * memory.total)


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
