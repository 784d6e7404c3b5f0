"""ReceiverSetNet: any set of receivers, silence and absence alike, exported as it is."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from training_core.contract.errors import CheckpointError
from training_core.models.losses import gaussian_nll
from training_core.models.receiver_set_net import ReceiverSetNet
from training_core.models.registry import network_from_spec

Inputs = tuple[Tensor, Tensor, Tensor]
KNOWN = 6


def make_spec(**sizes: Any) -> dict[str, Any]:
    return {
        "kind": "receiver_set_net",
        "receiver_ids": [f"receiver-{index}" for index in range(KNOWN)],
        "channels": ["rssi_dbm", "toa_m"],
        "origin": {"latitude_deg": 40.767, "longitude_deg": -111.836},
        "receiver_dropout": 0.2,
        "gain_noise_db": 2.0,
        "encoder": {
            "floor": [-95.0] * KNOWN + [-90.0],
            "threshold": [-91.0] * KNOWN + [-86.0],
            "offset": [0.0, 500.0],
            "scale": [15.0, 400.0],
            "shared_identity": [KNOWN - 1],
            "ignore_unknown": False,
            "center_m": [100.0, -50.0],
            "scale_m": 600.0,
        },
        "gaussian": {"center_m": [100.0, -50.0], "scale_m": 400.0, "sigma_floor_m": 5.0},
        "sizes": {
            "width": 16,
            "depth": 2,
            "heads": 2,
            "dropout": 0.1,
            "has_identity": True,
            "fingerprint_width": 24,
            "fingerprint_depth": 1,
            **sizes,
        },
    }


def make_inputs(batch: int = 5, slots: int = KNOWN, seed: int = 0) -> Inputs:
    """Every slot heard at -80 dBm or more; known receivers first, unknown ones after them."""
    generator = torch.Generator().manual_seed(seed)
    receiver = torch.arange(slots).where(torch.arange(slots) < KNOWN, -1).repeat(batch, 1)
    position = 500.0 * torch.randn(batch, slots, 2, generator=generator)
    rssi = -80.0 + 40.0 * torch.rand(batch, slots, 1, generator=generator)
    toa = 1000.0 * torch.rand(batch, slots, 1, generator=generator)
    return receiver, position, torch.cat((rssi, toa), dim=-1)


def make_network(**sizes: Any) -> nn.Module:
    torch.manual_seed(1)
    network = network_from_spec(make_spec(**sizes)).eval()
    for parameter in network.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.3)  # Make every path matter.
    return network


VARIANTS: list[dict[str, Any]] = [
    {},
    {"fingerprint_width": 0},
    {"has_identity": False, "fingerprint_width": 0},
]


@pytest.mark.parametrize("sizes", VARIANTS)
def test_order_of_receivers_does_not_matter(sizes: dict[str, Any]) -> None:
    network, inputs = make_network(**sizes), make_inputs(slots=KNOWN + 2)
    order = torch.randperm(KNOWN + 2, generator=torch.Generator().manual_seed(5))
    for plain, permuted in zip(
        network(*inputs), network(*(value[:, order] for value in inputs)), strict=True
    ):
        torch.testing.assert_close(plain, permuted, atol=2e-3, rtol=1e-5)


@pytest.mark.parametrize("sizes", VARIANTS)
def test_absent_silent_and_padded_receivers_are_indistinguishable(sizes: dict[str, Any]) -> None:
    network = make_network(**sizes)
    receiver, position, observation = make_inputs(slots=4)
    expected = network(receiver, position, observation)
    padded = (
        torch.cat((receiver, torch.full((5, 3), -1)), dim=1),
        torch.cat((position, torch.full((5, 3, 2), torch.nan)), dim=1),
        torch.cat((observation, torch.full((5, 3, 2), torch.nan)), dim=1),
    )
    absent = tuple(value.clone() for value in padded)
    absent[0][:, 4] = 4
    absent[1][:, 4] = torch.tensor([7e3, 7e3])
    silent = tuple(value.clone() for value in absent)
    silent[2][:, 4, 0] = torch.tensor([-99.0, -95.0, -94.0, -93.0, -91.5])
    silent[2][:, 4, 1] = 123.0
    moved = tuple(value.clone() for value in silent)
    moved[0][:, 4] = 5
    moved[1][:, 4] = -7e3
    for inputs in (padded, absent, silent, moved):
        for found, wanted in zip(network(*inputs), expected, strict=True):
            torch.testing.assert_close(found, wanted, atol=2e-3, rtol=1e-5)
    heard = tuple(value.clone() for value in silent)
    heard[2][:, 4, 0] = -70.0
    assert (network(*heard)[0] - expected[0]).abs().max() > 0.1


@pytest.mark.parametrize("sizes", VARIANTS)
def test_a_row_without_any_receiver_is_finite_and_always_the_same(sizes: dict[str, Any]) -> None:
    network = make_network(**sizes)
    receiver, position, observation = make_inputs()
    observation[1] = torch.nan
    position[1] = torch.nan
    observation[3, :, 0] = -94.0
    mean, cholesky = network(receiver, position, observation)
    assert torch.isfinite(mean).all()
    assert torch.isfinite(cholesky).all()
    torch.testing.assert_close(mean[1], mean[3], atol=2e-3, rtol=1e-5)


def test_receivers_without_a_position_work_by_their_identity() -> None:
    network = make_network()
    receiver, position, observation = make_inputs()
    mean, _ = network(receiver, torch.full_like(position, torch.nan), observation)
    assert torch.isfinite(mean).all()
    swapped = receiver[:, [1, 0, 2, 3, 4, 5]]
    other, _ = network(swapped, torch.full_like(position, torch.nan), observation)
    assert (mean - other).abs().max() > 0.1


def test_unknown_receivers_can_be_ignored() -> None:
    spec = make_spec()
    spec["encoder"]["ignore_unknown"] = True
    torch.manual_seed(1)
    network = network_from_spec(spec).eval()
    inputs = make_inputs(slots=KNOWN + 2)
    expected = network(*(value[:, :KNOWN] for value in inputs))
    torch.testing.assert_close(network(*inputs), expected, atol=2e-3, rtol=1e-5)


def test_every_reading_is_a_detection_without_a_threshold() -> None:
    spec = make_spec()
    spec["encoder"]["threshold"] = [None] * (KNOWN + 1)
    torch.manual_seed(1)
    network = network_from_spec(spec).eval()
    receiver, position, observation = make_inputs()
    quiet = observation.clone()
    quiet[:, 0, 0] = -120.0
    absent = observation.clone()
    absent[:, 0] = torch.nan
    assert not torch.equal(
        network(receiver, position, quiet)[0], network(receiver, position, absent)[0]
    )


def test_cholesky_is_lower_triangular_and_above_the_floor() -> None:
    mean, cholesky = make_network()(*make_inputs(batch=50))
    assert mean.shape == (50, 2)
    assert cholesky.shape == (50, 2, 2)
    assert (cholesky[:, 0, 1] == 0).all()
    assert cholesky.diagonal(dim1=1, dim2=2).min() >= 5.0


def test_gradients_reach_every_parameter() -> None:
    network = make_network().train()
    mean, cholesky = network(*make_inputs(batch=32, slots=KNOWN + 2))
    gaussian_nll(mean, cholesky, torch.zeros(32, 2)).mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0, name


def test_gradients_stay_finite_where_nothing_is_heard() -> None:
    network = make_network().train()
    receiver, position, observation = make_inputs(batch=4)
    mean, cholesky = network(receiver, position * torch.nan, observation * torch.nan)
    gaussian_nll(mean, cholesky, torch.zeros(4, 2)).mean().backward()
    assert all(
        parameter.grad is None or torch.isfinite(parameter.grad).all()
        for parameter in network.parameters()
    )


def test_augmentation_follows_torchs_seed_and_sleeps_in_evaluation() -> None:
    network, inputs = make_network(dropout=0.0).train(), make_inputs()
    torch.manual_seed(7)
    first = network(*inputs)[0]
    second = network(*inputs)[0]
    torch.manual_seed(7)
    again = network(*inputs)[0]
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    network.eval()
    assert torch.equal(network(*inputs)[0], network(*inputs)[0])


def test_receiver_dropout_hides_the_share_it_names() -> None:
    spec = make_spec()
    spec["gain_noise_db"] = 0.0
    network = network_from_spec(spec)
    assert isinstance(network, ReceiverSetNet)
    encoder = network.encoder.train()
    torch.manual_seed(0)
    heard = encoder(*make_inputs(batch=4000)).is_heard
    assert heard.float().mean().item() == pytest.approx(0.8, abs=0.01)


def test_spec_survives_json_and_rebuilds_the_network() -> None:
    spec = make_spec()
    network = make_network()
    rebuilt = network_from_spec(json.loads(json.dumps(spec))).eval()
    rebuilt.load_state_dict(network.state_dict())
    for first, second in zip(network(*make_inputs()), rebuilt(*make_inputs()), strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize(
    "damage",
    [{"kind": "iq_resnet"}, {"kind": None}, {"sizes": {"wdth": 8}}, {"sizes": {"depth": 0}}],
)
def test_a_foreign_or_damaged_spec_is_a_checkpoint_error(damage: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError):
        network_from_spec({**make_spec(), **damage})
    with pytest.raises(CheckpointError):
        network_from_spec({"kind": "receiver_set_net"})


@pytest.mark.parametrize("sizes", VARIANTS)
def test_onnx_agrees_at_other_batch_and_receiver_counts(
    sizes: dict[str, Any], tmp_path: Path
) -> None:
    import onnxruntime

    network = make_network(**sizes)
    path = tmp_path / "model.onnx"
    names = ["receiver", "position_m", "observation"]
    torch.onnx.export(
        network,
        make_inputs(batch=3, slots=4),
        str(path),
        input_names=names,
        output_names=["mean_m", "cholesky_m"],
        dynamic_axes={name: {0: "batch", 1: "receivers"} for name in names}
        | {name: {0: "batch"} for name in ("mean_m", "cholesky_m")},
        opset_version=17,
        dynamo=False,
    )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for batch, slots in ((1, 1), (7, KNOWN + 3), (32, 5)):
        inputs = make_inputs(batch, slots, seed=batch)
        inputs[2][0] = torch.nan
        inputs[2][-1, 0, 1] = torch.nan
        with torch.no_grad():
            expected = network(*inputs)
        feed = {name: value.numpy() for name, value in zip(names, inputs, strict=True)}
        found = session.run(None, feed)
        for ours, theirs in zip(expected, found, strict=True):
            assert np.isfinite(theirs).all()
            np.testing.assert_allclose(theirs, ours.numpy(), atol=5e-2, rtol=1e-4)
