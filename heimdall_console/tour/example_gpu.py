"""A made-up GPU beside a training that was recorded on a CPU, and that says so in its name."""

import math
from typing import Any, Final

NAME: Final = "example GPU (not measured)"
_GIB: Final = 1 << 30
_TOTAL_BYTES: Final = 24 * _GIB
_OTHERS_BYTES: Final = int(1.1 * _GIB)
_WARM_UP_S: Final = 40.0


def with_example_gpu(record: dict[str, Any]) -> dict[str, Any]:
    """A `hardware` record with the made-up GPU in it.

    Args:
        record: Its `t` counts from the start of the training.
    """
    at_s = float(record["t"])
    warmth = 1.0 - math.exp(-at_s / _WARM_UP_S)
    is_validating = at_s % 30.0 > 27.0
    busy = 0.35 if is_validating else 0.93 + 0.04 * math.sin(at_s / 3.0)
    allocated = int((5.2 + 1.4 * warmth + (0.9 if is_validating else 0.0)) * _GIB)
    peak = int((6.6 + 1.4 * warmth) * _GIB)
    # The allocator keeps what it took, in pieces of half a GiB.
    reserved = math.ceil(2.0 * peak / _GIB) * _GIB // 2
    gpu = {
        "index": 0,
        "name": NAME,
        "uuid": "GPU-example",
        "utilization_percent": round(100 * busy),
        "used_bytes": reserved + _OTHERS_BYTES,
        "total_bytes": _TOTAL_BYTES,
        "temperature_c": round(41 + 26 * warmth + 3 * math.sin(at_s / 17.0)),
        "power_w": round(90 + 210 * busy, 1),
        "power_limit_w": 350.0,
        "worker_bytes": reserved,
    }
    memory = {
        "device": 0,
        "allocated_bytes": allocated,
        "reserved_bytes": reserved,
        "peak_bytes": peak,
    }
    return {**record, "gpus": [gpu], "torch": [memory]}
