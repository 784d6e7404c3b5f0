"""Small networks and their rows for the publishing tests."""

import numpy as np
import torch
from torch import Tensor, nn

from training_core.models.registry import Spec, network_from_spec

RECEIVER_IDS = ["bs-a", "bs-b", "bs-c", "bus-1"]


def receiver_set_spec() -> Spec:
    return {
        "kind": "receiver_set_net",
        "receiver_ids": RECEIVER_IDS,
        "channels": ["rssi_dbm"],
        "origin": {"latitude_deg": 40.76417321987654, "longitude_deg": -111.8377000123456},
        "receiver_dropout": 0.2,
        "gain_noise_db": 2.0,
        "encoder": {
            "floor": [-95.0, -96.0, -94.0, -93.0, -93.0],
            "threshold": [-91.0, -92.0, -90.0, -89.0, -89.0],
            "offset": [0.0],
            "scale": [12.0],
            "shared_identity": [3],
            "ignore_unknown": False,
            "center_m": [10.0, -20.0],
            "scale_m": 800.0,
        },
        "gaussian": {"center_m": [10.0, -20.0], "scale_m": 500.0, "sigma_floor_m": 5.0},
        "sizes": {"width": 16, "depth": 2, "heads": 2, "dropout": 0.1, "fingerprint_width": 16},
    }


def receiver_set_net(seed: int = 3) -> tuple[nn.Module, Spec]:
    torch.manual_seed(seed)
    spec = receiver_set_spec()
    network = network_from_spec(spec)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return network, spec


def receiver_set_rows(rows: int = 12, slots: int = 4, seed: int = 5) -> dict[str, Tensor]:
    """Rows with absent, silent and unknown receivers, one row with none at all."""
    draw = np.random.default_rng(seed)
    receiver = draw.integers(-1, len(RECEIVER_IDS), (rows, slots))
    position = draw.normal(0.0, 700.0, (rows, slots, 2)).astype(np.float32)
    observation = draw.uniform(-97.0, -40.0, (rows, slots, 1)).astype(np.float32)
    observation[draw.random((rows, slots)) < 0.3] = np.nan
    position[receiver < 0] = np.nan
    observation[1] = np.nan
    return {
        "receiver": torch.from_numpy(receiver),
        "position_m": torch.from_numpy(position),
        "observation": torch.from_numpy(observation),
    }


class FixedBatch(nn.Module):
    """Something that no tracer gets right: the batch it was traced with is in the graph."""

    def forward(self, position_m: Tensor) -> tuple[Tensor, Tensor]:
        batch = int(position_m.shape[0])
        mean = torch.stack([position_m[i % batch, 0] for i in range(batch)])
        factor = torch.eye(2).expand(batch, 2, 2)
        return mean, factor
