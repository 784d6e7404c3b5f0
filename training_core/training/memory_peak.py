"""How much memory a stretch of training needs at most."""

import contextlib
import re
import resource
from pathlib import Path
from typing import Any

import psutil
import torch

_STATUS = Path("/proc/self/status")


class MemoryPeak:
    """The peak between `begin` and `end`: torch's own count on a GPU, else of this process.

    On the CPU nobody counts tensors: what is known is how much memory the process held at
    most, and how much of that came in while it trained. Processes of data loaders are not in it.
    """

    def __init__(self) -> None:
        self.figures: dict[str, Any] = {}
        self._device: torch.device | None = None
        self._before_bytes = 0

    def begin(self, device: torch.device) -> None:
        """Start to measure."""
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            return
        # Linux forgets the highest value so far when a 5 is written there.
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        self._before_bytes = psutil.Process().memory_info().rss

    def end(self) -> None:
        """Read what was reached."""
        if self._device is None:
            return
        if self._device.type == "cuda":
            free, total = torch.cuda.mem_get_info(self._device)
            reserved = torch.cuda.max_memory_reserved(self._device)
            self.figures = {
                "kind": "torch",
                "peak_bytes": torch.cuda.max_memory_allocated(self._device),
                "reserved_bytes": reserved,
                # What this process holds now is free for it in the run itself.
                "available_bytes": free + torch.cuda.memory_reserved(self._device),
                "total_bytes": total,
            }
            return
        peak = _highest_resident_bytes()
        memory = psutil.virtual_memory()
        self.figures = {
            "kind": "process",
            "peak_bytes": peak,
            "growth_bytes": max(0, peak - self._before_bytes),
            "available_bytes": memory.available + psutil.Process().memory_info().rss,
            "total_bytes": memory.total,
        }


def _highest_resident_bytes() -> int:
    with contextlib.suppress(OSError):
        found = re.search(r"^VmHWM:\s+(\d+) kB", _STATUS.read_text(), re.MULTILINE)
        if found:
            return 1024 * int(found[1])
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
