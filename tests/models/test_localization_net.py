"""LocalizationNet: level kept, heads apart, backbone freezable, exported with any batch."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from training_core.models.convnext import SIZES, ConvNeXt, ConvNeXtSize
from training_core.models.localization_net import LocalizationNet
from training_core.models.losses import gaussian_nll
from training_core.models.registry import network_from_spec


@pytest.fixture(autouse=True)
def small_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIZES, "test", ConvNeXtSize((8, 16, 24, 32), (1, 1, 1, 1)))


def make_spec(**sizes: Any) -> dict[str, Any]:
    return {
        "kind": "localization_net",
        "receivers": 4,
        "receiver_ids": ["a", "b", "c", "d"],
        "mean_db": [-60.0, -50.0, -70.0, -60.0],
        "std_db": [10.0, 12.0, 8.0, 10.0],
        "gaussian": {"center_m": [0.0, 10.0], "scale_m": 300.0, "sigma_floor_m": 5.0},
        "sizes": {"size": "test", "head_width": 16, **sizes},
    }


def make_network(**sizes: Any) -> LocalizationNet:
    torch.manual_seed(0)
    network = network_from_spec(make_spec(**sizes))
    assert isinstance(network, LocalizationNet)
    return network


def spectrograms(batch: int) -> torch.Tensor:
    return -60.0 + 10.0 * torch.randn(batch, 4, 128, 32, generator=torch.Generator().manual_seed(2))


def test_shapes_and_spec_round_trip() -> None:
    network = make_network().eval()
    mean, cholesky = network(spectrograms(3))
    assert mean.shape == (3, 2)
    assert cholesky.shape == (3, 2, 2)
    rebuilt = network_from_spec(json.loads(json.dumps(make_spec()))).eval()
    rebuilt.load_state_dict(network.state_dict())
    assert torch.equal(rebuilt(spectrograms(3))[0], mean)


def test_level_of_a_clip_is_not_normalized_away() -> None:
    network = make_network().eval()
    last = network.position_head[-1]
    assert isinstance(last, torch.nn.Linear)
    torch.nn.init.normal_(last.weight)
    quiet, loud = network(spectrograms(2))[0], network(spectrograms(2) + 20.0)[0]
    assert (quiet - loud).abs().max() > 1.0


def test_a_receiver_without_a_recording_reads_as_average() -> None:
    network = make_network().eval()
    missing, average = spectrograms(2), spectrograms(2)
    missing[:, 2] = torch.nan
    average[:, 2] = -70.0
    assert torch.equal(network(missing)[0], network(average)[0])


def test_frozen_backbone_gets_no_gradient_and_is_deterministic() -> None:
    network = make_network(freeze_backbone=True, stochastic_depth=0.5).train()
    first, second = network(spectrograms(8)), network(spectrograms(8))
    assert torch.equal(first[0], second[0])
    gaussian_nll(first[0], first[1], torch.zeros(8, 2)).mean().backward()
    assert all(parameter.grad is None for parameter in network.backbone.parameters())
    assert all(parameter.grad is not None for parameter in network.trained_parameters())
    heads = {
        id(p) for p in [*network.position_head.parameters(), *network.uncertainty_head.parameters()]
    }
    assert {id(parameter) for parameter in network.trained_parameters()} == heads


def test_unfrozen_backbone_trains() -> None:
    network = make_network().train()
    mean, cholesky = network(spectrograms(4))
    gaussian_nll(mean, cholesky, torch.zeros(4, 2)).mean().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_published_weights_load_into_the_backbone(tmp_path: Path) -> None:
    torch.save(ConvNeXt("test", classes=1000).state_dict(), tmp_path / "published.pth")
    network = make_network()
    network.load_backbone(tmp_path / "published.pth")
    stored = torch.load(tmp_path / "published.pth", weights_only=True)
    name = "features.3.0.block.3.weight"
    assert torch.equal(network.backbone.state_dict()[name], stored[name])


def test_onnx_agrees_at_another_batch(tmp_path: Path) -> None:
    import onnxruntime

    network = make_network().eval()
    path = tmp_path / "model.onnx"
    torch.onnx.export(
        network,
        (spectrograms(2),),
        str(path),
        input_names=["spectrogram"],
        output_names=["mean_m", "cholesky_m"],
        dynamic_axes={name: {0: "batch"} for name in ("spectrogram", "mean_m", "cholesky_m")},
        opset_version=17,
        dynamo=False,
    )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for batch in (1, 7):
        inputs = spectrograms(batch)
        inputs[0, 1] = torch.nan
        with torch.no_grad():
            expected = network(inputs)
        found = session.run(None, {"spectrogram": inputs.numpy()})
        for ours, theirs in zip(expected, found, strict=True):
            np.testing.assert_allclose(theirs, ours.numpy(), atol=1e-2, rtol=1e-4)
