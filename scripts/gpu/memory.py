"""The figures of our hardware sampler beside those of the driver and of torch."""

from pathlib import Path
from typing import Any, Final

from scripts.gpu.rows import Setting, expect
from scripts.gpu.workers import records, wait_for

_MIB: Final = 1024**2
_BLOCK_BYTES: Final = 1024 * _MIB
_TOLERANCE_BYTES: Final = 64 * _MIB
"""Other programs of the machine, and pages that come in later."""


def sampler_figures(setting: Setting) -> str:
    """Hold a block of memory and compare what everybody says of it."""
    import torch

    from training_core.contract.run_dir import RunDir
    from training_core.contract.run_log import RunLogWriter
    from training_core.worker.hardware import HardwareSampler

    folder = setting.folder / "sampler"
    folder.mkdir()
    run = RunDir(folder)
    torch.zeros(1, device=setting.device)
    with RunLogWriter(run.log_path) as log, HardwareSampler(run, log, interval_s=0.2):
        before = _next_record(run.path)
        block = torch.ones(_BLOCK_BYTES // 4, device=setting.device)
        # The one that is being measured may have begun before the block was there.
        _next_record(run.path)
        during = _next_record(run.path)
        said = _compared(before, during) if setting.is_gpu else _resident(before, during)
        del block
    return said


def _resident(before: dict[str, Any], during: dict[str, Any]) -> str:
    grown = during["rss_bytes"] - before["rss_bytes"]
    text = f"held {_BLOCK_BYTES / _MIB:,.0f} MiB, resident memory grew by {grown / _MIB:,.0f} MiB"
    expect(abs(grown - _BLOCK_BYTES) < _TOLERANCE_BYTES, text)
    return text


def _compared(before: dict[str, Any], during: dict[str, Any]) -> str:
    import pynvml
    import torch

    device = torch.cuda.current_device()
    ours = next(entry for entry in during["torch"] if entry["device"] == device)
    allocated, reserved = torch.cuda.memory_allocated(device), torch.cuda.memory_reserved(device)
    place = _place_of(before, torch.cuda.get_device_properties(device).uuid)
    used_before, used = (record["gpus"][place]["used_bytes"] for record in (before, during))
    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(during["gpus"][place]["index"])
    driver = pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2).used
    pynvml.nvmlShutdown()
    worker = during["gpus"][place]["worker_bytes"]
    text = (
        f"torch allocated {allocated / _MIB:,.0f} MiB (sampler {ours['allocated_bytes'] / _MIB:,.0f}), "
        f"reserved {reserved / _MIB:,.0f} (sampler {ours['reserved_bytes'] / _MIB:,.0f})\n"
        f"NVML used {driver / _MIB:,.0f} MiB (sampler {used / _MIB:,.0f}), grown by "
        f"{(used - used_before) / _MIB:,.0f} for a block of {_BLOCK_BYTES / _MIB:,.0f}; this process "
        + ("not told by the driver" if worker is None else f"{worker / _MIB:,.0f}")
    )
    expect(ours["allocated_bytes"] == allocated, text)
    expect(ours["reserved_bytes"] == reserved, text)
    expect(abs(used - driver) < _TOLERANCE_BYTES, text)
    expect(abs(used - used_before - _BLOCK_BYTES) < _TOLERANCE_BYTES, text)
    return text


def _place_of(record: dict[str, Any], uuid: object) -> int:
    """Where torch's device stands in the list of the driver."""
    names = [str(gpu["uuid"] or "") for gpu in record["gpus"]]
    return next((place for place, name in enumerate(names) if str(uuid) in name), 0)


def _next_record(folder: Path) -> dict[str, Any]:
    """The next `hardware` record."""
    seen = len(records(folder, "hardware"))
    wait_for(lambda: len(records(folder, "hardware")) > seen, 20.0, "a hardware record")
    return records(folder, "hardware")[seen]
