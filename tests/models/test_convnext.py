"""ConvNeXt has torchvision's names and sizes and takes its weight files."""

import pickle
from pathlib import Path

import pytest
import torch

from training_core.contract.errors import CheckpointError, UnsafeCheckpointError
from training_core.models.convnext import SIZES, ConvNeXt, ConvNeXtSize, StochasticDepth
from training_core.models.convnext_weights import load_convnext_weights


@pytest.fixture
def small_size(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(SIZES, "test", ConvNeXtSize((8, 16, 24, 32), (1, 1, 2, 1)))
    return "test"


@pytest.mark.parametrize(
    ("size", "count"),
    [
        ("tiny", 28_589_128),
        ("small", 50_223_688),
        ("base", 88_591_464),
        ("large", 197_767_336),
    ],
)
def test_parameter_counts_are_the_published_ones(size: str, count: int) -> None:
    with torch.device("meta"):
        network = ConvNeXt(size)
    assert sum(parameter.numel() for parameter in network.parameters()) == count


def test_names_and_shapes_are_torchvisions() -> None:
    with torch.device("meta"):
        shapes = {name: tuple(value.shape) for name, value in ConvNeXt("tiny").state_dict().items()}
    assert shapes["features.0.0.weight"] == (96, 3, 4, 4)
    assert shapes["features.0.1.bias"] == (96,)
    assert shapes["features.1.2.layer_scale"] == (96, 1, 1)
    assert shapes["features.1.0.block.0.weight"] == (96, 1, 7, 7)
    assert shapes["features.1.0.block.2.weight"] == (96,)
    assert shapes["features.1.0.block.3.weight"] == (384, 96)
    assert shapes["features.1.0.block.5.weight"] == (96, 384)
    assert shapes["features.2.0.weight"] == (96,)
    assert shapes["features.2.1.weight"] == (192, 96, 2, 2)
    assert shapes["features.5.8.block.3.bias"] == (1536,)
    assert shapes["features.7.2.block.5.bias"] == (768,)
    assert shapes["classifier.0.weight"] == (768,)
    assert shapes["classifier.2.weight"] == (1000, 768)
    # 2 of the stem, 9 a block, 4 a downsampling, 4 of the classifier; nothing else.
    assert len(shapes) == 2 * 2 + 9 * 18 + 4 * 3 + 4


def test_weight_file_loads_and_gives_the_same_features(tmp_path: Path, small_size: str) -> None:
    published = ConvNeXt(small_size, classes=10).eval()
    torch.save(published.state_dict(), tmp_path / "convnext.pth")
    backbone = ConvNeXt(small_size, classes=None).eval()
    load_convnext_weights(backbone, tmp_path / "convnext.pth")
    image = torch.randn(2, 3, 64, 32)
    expected = published.classifier[:2](published.avgpool(published.features(image)))
    torch.testing.assert_close(backbone(image), expected)


def test_stem_is_adapted_to_another_number_of_receivers(tmp_path: Path, small_size: str) -> None:
    published = ConvNeXt(small_size, classes=10).eval()
    torch.save(published.state_dict(), tmp_path / "convnext.pth")
    backbone = ConvNeXt(small_size, input_channels=5, classes=None).eval()
    load_convnext_weights(backbone, tmp_path / "convnext.pth")
    gray = torch.randn(2, 1, 64, 32)
    torch.testing.assert_close(
        backbone.features(gray.expand(-1, 5, -1, -1)),
        published.features(gray.expand(-1, 3, -1, -1)),
        atol=1e-4,
        rtol=1e-4,
    )


def test_weights_of_another_size_name_the_first_mismatch(tmp_path: Path, small_size: str) -> None:
    SIZES["wider"] = ConvNeXtSize((16, 16, 24, 32), (1, 1, 2, 1))
    try:
        torch.save(ConvNeXt("wider").state_dict(), tmp_path / "wider.pth")
    finally:
        del SIZES["wider"]
    backbone = ConvNeXt(small_size, classes=None)
    before = backbone.state_dict()["features.0.0.weight"].clone()
    with pytest.raises(CheckpointError, match=r"features\.0\.0\.weight has shape \(16, 3, 4, 4\)"):
        load_convnext_weights(backbone, tmp_path / "wider.pth")
    torch.testing.assert_close(backbone.state_dict()["features.0.0.weight"], before)


@pytest.mark.parametrize("damage", ["missing", "truncated", "not tensors", "a tensor short"])
def test_unusable_files_say_so(tmp_path: Path, small_size: str, damage: str) -> None:
    path = tmp_path / "weights.pth"
    weights = ConvNeXt(small_size).state_dict()
    if damage == "a tensor short":
        del weights["features.1.0.layer_scale"]
    torch.save({"epoch": 3} if damage == "not tensors" else weights, path)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:2000])
    if damage == "missing":
        path.unlink()
    with pytest.raises(CheckpointError, match=r"weights\.pth") as caught:
        load_convnext_weights(ConvNeXt(small_size, classes=None), path)
    assert caught.value.action or damage == "a tensor short"


class _Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("saver", ["torch", "pickle"])
def test_a_file_with_code_is_refused_and_not_run(
    tmp_path: Path, small_size: str, saver: str
) -> None:
    path, proof = tmp_path / "bomb.pth", tmp_path / "it_ran"
    content = {"features.0.0.weight": _Bomb(proof)}
    if saver == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(UnsafeCheckpointError):
        load_convnext_weights(ConvNeXt(small_size, classes=None), path)
    assert not proof.exists()


def test_stochastic_depth_skips_whole_examples_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    branch = StochasticDepth(0.25).train()
    output = branch(torch.ones(4000, 2, 3))
    assert output.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    assert (output.flatten(1).std(dim=1) == 0).all()
    assert output.mean().item() == pytest.approx(1.0, abs=0.05)
    assert torch.equal(branch.eval()(torch.ones(3, 2)), torch.ones(3, 2))
