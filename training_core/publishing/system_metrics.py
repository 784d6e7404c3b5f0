"""From hardware records to MLflow's system metrics, under the names that its pages group."""

from collections.abc import Mapping
from typing import Any

INTERVAL_S = 10
"""A record every so often is enough for a page that shows hours."""


def system_step(time_s: float, created_s: float) -> int | None:
    """The step of a hardware record: whole seconds since the run was made; None before that."""
    return int(time_s - created_s) if time_s >= created_s else None


def is_due(step: int, last_step: int) -> bool:
    """Whether a step is in a later interval than the last one published, -1 before any.

    A step never repeats, not even where the clock jumped back.
    """
    return step // INTERVAL_S > last_step // INTERVAL_S


def system_values(record: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a `hardware` record; what the driver does not say is left out.

    `system/cpu_utilization_percentage` is that of the worker and its children, of one core:
    it passes 100 where several cores are busy.
    """
    found: dict[str, object] = {
        "cpu_utilization_percentage": record.get("cpu_percent"),
        "worker_memory_usage_megabytes": _ratio(record.get("rss_bytes"), 1e6),
        "system_memory_available_megabytes": _ratio(record.get("memory_available_bytes"), 1e6),
        "disk_available_megabytes": _ratio(record.get("disk_free_bytes"), 1e6),
        "data_wait_percentage": _ratio(record.get("data_wait_share"), 0.01),
    }
    gpus = record.get("gpus")
    for place, gpu in enumerate(gpus if isinstance(gpus, list) else []):
        if not isinstance(gpu, dict):
            continue
        used, power = gpu.get("used_bytes"), gpu.get("power_w")
        index = gpu.get("index")
        name = f"gpu_{index if isinstance(index, int) else place}"
        found |= {
            f"{name}_utilization_percentage": gpu.get("utilization_percent"),
            f"{name}_memory_usage_megabytes": _ratio(used, 1e6),
            f"{name}_memory_usage_percentage": _ratio(used, gpu.get("total_bytes"), 100.0),
            f"{name}_power_usage_watts": power,
            f"{name}_power_usage_percentage": _ratio(power, gpu.get("power_limit_w"), 100.0),
            f"{name}_temperature_celsius": gpu.get("temperature_c"),
        }
    return {
        f"system/{key}": float(value)
        for key, value in found.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _ratio(value: object, whole: object, scale: float = 1.0) -> float | None:
    if not isinstance(value, int | float) or not isinstance(whole, int | float) or not whole:
        return None
    return scale * value / whole
