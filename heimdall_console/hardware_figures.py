"""What a run's hardware is at now, as memory figures, curves and short texts."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from heimdall_console.charts.curve_columns import Curve
from heimdall_console.charts.memory_bars import MemoryFigures
from heimdall_console.formatting import GIB, memory, percent, plain, size
from heimdall_console.hardware_history import HardwareView
from heimdall_console.run_places import Timeline, XUnit

NOT_SAID = "n/a"
_GPUS_A_LINE = 8
_MEMORY_CURVES = (
    ("allocated", "allocated_bytes", "series-1"),
    ("reserved", "reserved_bytes", "series-2"),
    ("in use", "used_bytes", "other"),
)


def memory_figures(hardware: HardwareView, gpu: int) -> MemoryFigures:
    """What is held of a GPU's memory; others are what this run's processes do not hold."""

    def latest(name: str) -> float | None:
        return hardware.latest(f"gpu{gpu}/{name}")

    used, own = latest("used_bytes"), latest("worker_bytes")
    return MemoryFigures(
        allocated=latest("allocated_bytes"),
        reserved=latest("reserved_bytes"),
        peak=latest("peak_bytes"),
        others=max(0.0, used - own) if used is not None and own is not None else None,
        total=latest("total_bytes"),
    )


def memory_curves(hardware: HardwareView, gpu: int, unit: XUnit, timeline: Timeline) -> list[Curve]:
    """The history of a GPU's memory, bytes."""
    x = hardware.places.x(unit, timeline)
    return [
        Curve(name, x, series, style)
        for name, key, style in _MEMORY_CURVES
        if (series := hardware.series.get(f"gpu{gpu}/{key}")) is not None
    ]


def curve(
    hardware: HardwareView, key: str, name: str, unit: XUnit, timeline: Timeline
) -> list[Curve]:
    """The history of one figure; empty where it was never said."""
    series = hardware.series.get(key)
    return [] if series is None else [Curve(name, hardware.places.x(unit, timeline), series)]


def gpu_lines(hardware: HardwareView, gpu: int) -> list[str]:
    """Name, load, temperature and power of a GPU; what the driver does not say is `n/a`."""

    def text(name: str, unit: str) -> str:
        value = hardware.latest(f"gpu{gpu}/{name}")
        return f"{value:.0f} {unit}" if value is not None else NOT_SAID

    limit = hardware.latest(f"gpu{gpu}/power_limit_w")
    power = hardware.latest(f"gpu{gpu}/power_w")
    watts = NOT_SAID if power is None else f"{power:.0f} W"
    if power is not None and limit is not None:
        watts = f"{power:.0f} of {limit:.0f} W"
    heat, load = text("temperature_c", "°C"), text("utilization_percent", "%")
    return [gpu_name(hardware.last, gpu), f"load {load}   {heat}   {watts}"]


def all_gpu_lines(hardware: HardwareView, gpu: int) -> list[str]:
    """Load and memory of every GPU below its number, eight a block; the chosen one in brackets."""

    def cells(name: str, divisor: float, chunk: Sequence[int]) -> str:
        values = (hardware.latest(f"gpu{one}/{name}") for one in chunk)
        return "".join(f"{'-' if v is None else f'{v / divisor:.0f}':>4}" for v in values)

    lines = []
    for begin in range(0, len(hardware.gpus), _GPUS_A_LINE):
        chunk = hardware.gpus[begin : begin + _GPUS_A_LINE]
        numbers = (f"[{one}]" if one == gpu else f"{one} " for one in chunk)
        lines += [
            f"GPU    {''.join(f'{number:>4}' for number in numbers)}",
            f"load % {cells('utilization_percent', 1.0, chunk)}",
            f"GiB    {cells('used_bytes', GIB, chunk)}",
        ]
    return lines


def gpu_name(record: Mapping[str, Any], gpu: int) -> str:
    """What the driver calls a GPU."""
    given = record.get("gpus")
    for device in given if isinstance(given, list) else ():
        if isinstance(device, dict) and device.get("index") == gpu and device.get("name"):
            return plain(device["name"])
    return f"GPU {gpu}"


def machine_lines(hardware: HardwareView) -> list[str]:
    """Processor, memory and disk of the machine, as far as the run uses them."""

    def text(key: str, shown: Callable[[float], str]) -> str:
        value = hardware.latest(key)
        return shown(value) if value is not None else NOT_SAID

    cpu = hardware.latest("cpu_percent")
    wait = hardware.latest("data_wait_share")
    return [
        f"CPU {f'{cpu:.0f} %' if cpu is not None else NOT_SAID}   run's RAM {text('rss_bytes', memory)}",
        f"RAM free {text('memory_available_bytes', memory)}   disk free {text('disk_free_bytes', size)}",
        f"waits for data {percent(wait) if wait is not None else NOT_SAID}",
    ]
