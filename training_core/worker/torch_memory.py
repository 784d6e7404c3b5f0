"""What torch has allocated on each CUDA device, without importing torch or starting CUDA."""

import sys


def torch_memory() -> list[dict[str, int]]:
    """One entry for each CUDA device that this process has used; none where it has used none."""
    cuda = sys.modules.get("torch.cuda")
    try:
        if cuda is None or not cuda.is_initialized():
            return []
        found = []
        for device in range(cuda.device_count()):
            stats = cuda.memory_stats_as_nested_dict(device)
            if not stats or not stats["reserved_bytes"]["all"]["peak"]:
                continue
            allocated = stats["allocated_bytes"]["all"]
            found.append(
                {
                    "device": device,
                    "allocated_bytes": int(allocated["current"]),
                    "reserved_bytes": int(stats["reserved_bytes"]["all"]["current"]),
                    "peak_bytes": int(allocated["peak"]),
                }
            )
    except (AttributeError, KeyError, RuntimeError):
        # Torch is half imported, or its device is lost: the training itself will say so.
        return []
    return found
