"""What a `hardware` record says, in words."""

from collections.abc import Mapping
from typing import Any

from heimdall_console.formatting import gibibytes, memory, percent, plain, size

_GAP = "   "


def hardware_text(
    record: Mapping[str, Any] | None, width: int | None = None, *, is_paused: bool = False
) -> str:
    """The devices, the processor and the memory on one line; empty where nothing is known.

    Args:
        record: What was measured.
        width: Columns; what does not fit whole is left out at the end. No limit when None.
        is_paused: Whether the run waits for nothing, least of all for data.
    """
    if not record:
        return ""
    gpus = _gpu_texts(record)
    if width is not None and len(gpus) > 1 and len(_GAP.join(gpus)) > width:
        gpus = _summed_up(record)
    parts = [*gpus]
    if (cpu := _figure(record.get("cpu_percent"))) is not None:
        parts.append(f"CPU {cpu:.0f} %")
    if (rss := _figure(record.get("rss_bytes"))) is not None:
        parts.append(f"memory {memory(rss)}")
    if (wait := _figure(record.get("data_wait_share"))) is not None and not is_paused:
        parts.append(f"waits for data {percent(wait)}")
    if (free := _figure(record.get("disk_free_bytes"))) is not None:
        parts.append(f"disk {size(free)} free")
    while width is not None and len(parts) > 1 and len(_GAP.join(parts)) > width:
        parts.pop()
    return _GAP.join(parts)


def gpu_text(record: Mapping[str, Any] | None) -> str:
    """The devices alone, as short as they can be said."""
    gpus = _gpus(record or {})
    loads = [_figure(gpu.get("utilization_percent")) for gpu in gpus]
    return " ".join(f"{load:.0f} %" for load in loads if load is not None)


def _gpu_texts(record: Mapping[str, Any]) -> list[str]:
    gpus = _gpus(record)
    texts = []
    for gpu in gpus:
        figures = []
        if (load := _figure(gpu.get("utilization_percent"))) is not None:
            figures.append(f"{load:.0f} %")
        used, total = _figure(gpu.get("used_bytes")), _figure(gpu.get("total_bytes"))
        if used is not None:
            of = f" of {gibibytes(total)}" if total else ""
            figures.append(f"{gibibytes(used)}{of} GiB")
        if (heat := _figure(gpu.get("temperature_c"))) is not None:
            figures.append(f"{heat:.0f} °C")
        name = f"GPU {plain(gpu.get('index', ''))}".rstrip() if len(gpus) > 1 else "GPU"
        texts.append(" ".join([name, *figures]))
    return texts


def _summed_up(record: Mapping[str, Any]) -> list[str]:
    """All GPUs where there is no room for each: every load, the fullest memory, the most heat."""
    gpus = _gpus(record)
    found = {
        key: [_figure(gpu.get(key)) for gpu in gpus]
        for key in ("utilization_percent", "used_bytes", "total_bytes", "temperature_c")
    }
    loads = found["utilization_percent"]
    texts = [f"{len(gpus)} GPUs {' '.join('-' if v is None else f'{v:.0f}' for v in loads)} %"]
    most = {
        key: max((v for v in values if v is not None), default=None)
        for key, values in found.items()
    }
    used, total, heat = most["used_bytes"], most["total_bytes"], most["temperature_c"]
    if used is not None:
        texts.append(f"up to {gibibytes(used)}{f' of {gibibytes(total)}' if total else ''} GiB")
    if heat is not None:
        texts.append(f"up to {heat:.0f} °C")
    return texts


def _gpus(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    given = record.get("gpus")
    return [gpu for gpu in given if isinstance(gpu, dict)] if isinstance(given, list) else []


def _figure(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
