"""Training throughput in bf16 against float32, for both networks of ours."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any, Final

from scripts.gpu.rows import Setting

_RECEIVERS: Final = 24
_LEVEL_DBM: Final = -80.0


def throughput(setting: Setting) -> str:
    """Whole training steps on synthetic batches that lie on the device already."""
    lines = []
    for name, make in (("LocalizationNet-tiny", _localization), ("ReceiverSetNet", _receiver_set)):
        network, inputs = make(setting)
        full, half = _alternating(setting, network, inputs)
        batch = len(inputs[0])
        lines.append(
            f"{name}, batches of {batch}: float32 {batch / full:,.0f}, bf16 {batch / half:,.0f} "
            f"samples/s, ratio {full / half:.2f}"
        )
    import torch

    allowed = torch.get_float32_matmul_precision()
    return "\n".join([*lines, f"float32 matrix products at precision {allowed!r}"])


def _alternating(setting: Setting, network: Any, inputs: tuple[Any, ...]) -> tuple[float, float]:
    """Median seconds of a step in float32 and in bf16, measured in turns."""
    steps, rounds = (10, 7) if setting.is_gpu else (1, 1)
    step = _step(setting, network, inputs)
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for number in range(rounds + 1):
        for is_bf16 in (False, True) if number % 2 else (True, False):
            begun = time.perf_counter()
            for _ in range(steps):
                step(is_bf16)
            _synchronize(setting)
            if number:  # the first round warms up
                seconds[is_bf16].append((time.perf_counter() - begun) / steps)
    return median(seconds[False]), median(seconds[True])


def _step(setting: Setting, network: Any, inputs: tuple[Any, ...]) -> Callable[[bool], None]:
    import torch

    from training_core.models.losses import gaussian_nll

    network = network.to(setting.device).train()
    optimizer = torch.optim.AdamW(network.parameters(), 1e-4)
    target = torch.randn(len(inputs[0]), 2, device=setting.device) * 500.0

    def step(is_bf16: bool) -> None:
        optimizer.zero_grad()
        with torch.autocast(setting.device, torch.bfloat16, enabled=is_bf16):
            mean, cholesky = network(*inputs)
            loss = gaussian_nll(mean, cholesky, target).mean()
        loss.backward()
        optimizer.step()

    return step


def _localization(setting: Setting) -> tuple[Any, tuple[Any, ...]]:
    import torch

    from training_core.models.localization_net import LocalizationNet

    batch = 128 if setting.is_gpu else 2
    pictures = _LEVEL_DBM + 10.0 * torch.randn(batch, 4, 128, 32, device=setting.device)
    network = LocalizationNet(receivers=4, mean_db=[_LEVEL_DBM] * 4, std_db=[10.0] * 4)
    return network, (pictures,)


def _receiver_set(setting: Setting) -> tuple[Any, tuple[Any, ...]]:
    import torch

    from training_core.models.registry import network_from_spec

    batch = 2048 if setting.is_gpu else 64
    everyone = _RECEIVERS + 1
    network = network_from_spec(
        {
            "kind": "receiver_set_net",
            "channels": ["rssi_dbm"],
            "receiver_dropout": 0.15,
            "gain_noise_db": 3.0,
            "encoder": {
                "floor": [-110.0] * everyone,
                "threshold": [-106.0] * everyone,
                "offset": [0.0],
                "scale": [20.0],
                "shared_identity": [],
                "ignore_unknown": False,
                "center_m": [0.0, 0.0],
                "scale_m": 1000.0,
            },
            "gaussian": {"center_m": [0.0, 0.0], "scale_m": 1000.0, "sigma_floor_m": 10.0},
            "sizes": {"width": 64, "depth": 2, "heads": 4, "fingerprint_width": 256},
        }
    )
    receiver = torch.arange(_RECEIVERS, device=setting.device).expand(batch, -1).contiguous()
    position_m = 1000.0 * torch.randn(batch, _RECEIVERS, 2, device=setting.device)
    level = _LEVEL_DBM + 20.0 * torch.randn(batch, _RECEIVERS, 1, device=setting.device)
    return network, (receiver, position_m, level)


def _synchronize(setting: Setting) -> None:
    if setting.is_gpu:
        import torch

        torch.cuda.synchronize()
