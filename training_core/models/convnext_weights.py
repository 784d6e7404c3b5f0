"""Published ConvNeXt weight files into a backbone, from a local path."""

import pickle
import warnings
from pathlib import Path

import torch
from torch import Tensor

from training_core.contract.errors import CheckpointError, UnsafeCheckpointError
from training_core.models.convnext import ConvNeXt

_STEM = "features.0.0.weight"
_CLASSIFIER = ("classifier.2.weight", "classifier.2.bias")
_UNHARMED = "The network and the file are unchanged"


def load_convnext_weights(network: ConvNeXt, path: Path) -> None:
    """Load a torchvision ConvNeXt weight file into the network.

    The classifier's last layer is ignored. Where the network does not have three input
    channels, every channel of its stem gets the mean of the file's, scaled so that equal
    inputs give the same activations.

    Args:
        network: Backbone of the size the file was trained for.
        path: A state dict saved by torch; read without running code.

    Raises:
        CheckpointError: The file is missing, unreadable or of another network; names the
            first tensor that does not fit.
        UnsafeCheckpointError: The file holds code.
    """
    weights = _read_state_dict(path)
    for name in _CLASSIFIER:
        weights.pop(name, None)
    expected = {
        name: tensor for name, tensor in network.state_dict().items() if name not in _CLASSIFIER
    }
    if _STEM in weights and weights[_STEM].ndim == 4:
        weights[_STEM] = _fit_stem(weights[_STEM], expected[_STEM].shape[1])
    mismatch = _first_mismatch(weights, expected)
    if mismatch:
        raise CheckpointError(
            f"{path} does not fit this ConvNeXt",
            why=mismatch,
            unharmed=_UNHARMED,
            action="Choose the model size that the file was published for",
        )
    network.load_state_dict(weights, strict=False)


def _read_state_dict(path: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings():
            # A plain pickle makes torch warn before it refuses; the refusal is enough.
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(
            f"There is no weight file {path}",
            unharmed=_UNHARMED,
            action="Give the path of a downloaded ConvNeXt weight file",
        ) from error
    except pickle.UnpicklingError as error:
        if "GLOBAL" in str(error) or "global" in str(error):
            raise UnsafeCheckpointError(
                f"{path} holds more than tensors and was not loaded",
                why="Loading it would run code from the file",
                unharmed=_UNHARMED,
                action="Use a weight file that holds only a state dict",
            ) from error
        raise _unreadable(path, error) from error
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if not isinstance(content, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    ):
        raise CheckpointError(
            f"{path} is not a weight file",
            why="It holds something else than tensors by name",
            unharmed=_UNHARMED,
            action="Give a published ConvNeXt state dict; a checkpoint of a run goes to --init-from",
        )
    return dict(content)


def _unreadable(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"The weight file {path} cannot be read",
        why=str(error).splitlines()[0] if str(error) else type(error).__name__,
        unharmed=_UNHARMED,
        action="Download it again; it may be truncated",
    )


def _fit_stem(stem: Tensor, input_channels: int) -> Tensor:
    if stem.shape[1] == input_channels:
        return stem
    mean = stem.sum(dim=1, keepdim=True) / input_channels
    return mean.repeat(1, input_channels, 1, 1)


def _first_mismatch(weights: dict[str, Tensor], expected: dict[str, Tensor]) -> str:
    for name, tensor in expected.items():
        if name not in weights:
            return f"It has no tensor {name}"
        if weights[name].shape != tensor.shape:
            have, want = tuple(weights[name].shape), tuple(tensor.shape)
            return f"{name} has shape {have} there and {want} here"
    for name in weights:
        if name not in expected:
            return f"This network has no tensor {name}"
    return ""
