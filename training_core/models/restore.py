"""Loading checkpoints without ever running what is inside them."""

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from training_core.contract.errors import CheckpointError, UnsafeCheckpointError
from training_core.models.own_module import own_module
from training_core.models.registry import network_from_spec

ORIGIN = "heimdall"
"""Key of a checkpoint under which it says what it is: plain values only."""
_PREFIX = "network."


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Everything in a checkpoint, on the CPU, by weights-only loading.

    Raises:
        UnsafeCheckpointError: It holds code.
        CheckpointError: It is missing, truncated or no checkpoint.
    """
    if not path.is_file():
        raise CheckpointError(
            f"There is no checkpoint {path}",
            unharmed="Nothing was changed",
            action="Name a .ckpt file, or a run to take its best one",
        )
    try:
        with warnings.catch_warnings():
            # Torch asks for its maintainers to be told of odd files; we refuse them.
            warnings.simplefilter("ignore", UserWarning)
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refusal(path, error) from None
    except Exception as error:
        # A damaged file takes the unpickler anywhere: every error means the same here, and
        # its words (a number, an opcode) tell a person nothing.
        raise _damaged(path, "It is not a checkpoint, or a part of it is missing") from error
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        raise _damaged(path, "It holds no state_dict")
    return checkpoint


def checkpoint_origin(checkpoint: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """What a checkpoint says of itself.

    Returns:
        `network` (spec of a network of ours, or None), `model_class`, `model_arguments`,
        `data_class`, `data_arguments` (of the user's own, or empty), `run_id`,
        `config_hash`, `dataset`, `dataset_fingerprint`, `split`, `signal`.

    Raises:
        CheckpointError: It says nothing: another program saved it.
    """
    origin = checkpoint.get(ORIGIN)
    if not isinstance(origin, dict):
        raise CheckpointError(
            f"{path} is not a checkpoint of a run of ours",
            why="It does not say which network its weights belong to",
            unharmed="Nothing was changed",
            action="Use a checkpoint that `heimdall-console run` saved",
        )
    return origin


def load_network(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network of a checkpoint in evaluation mode, and what the checkpoint says of itself.

    A module of the user's own is imported and made by its class and arguments.

    Raises:
        CheckpointError: It is unreadable, or its weights do not fit its network.
        ConfigError: The user's class cannot be imported.
    """
    checkpoint = load_checkpoint(path)
    origin = checkpoint_origin(checkpoint, path)
    if origin["network"] is not None:
        return restore_network(checkpoint, origin, path), origin
    module = own_module(origin["model_class"], origin["model_arguments"])
    load_weights(module, checkpoint["state_dict"], path)
    return module.eval(), origin


def restore_network(
    checkpoint: Mapping[str, Any], origin: Mapping[str, Any], path: Path
) -> nn.Module:
    """A network of ours in evaluation mode, from a checkpoint that is loaded already.

    Raises:
        CheckpointError: Its weights do not fit its network.
    """
    network = network_from_spec(origin["network"])
    load_weights(network, network_state(checkpoint), path)
    return network.eval()


def network_state(checkpoint: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """The network's own weights, without the Lightning module's prefix."""
    return {
        name.removeprefix(_PREFIX): value
        for name, value in checkpoint["state_dict"].items()
        if name.startswith(_PREFIX)
    }


def load_weights(module: nn.Module, state: Mapping[str, torch.Tensor], path: Path) -> None:
    """Put weights into a module of exactly their names and shapes.

    Raises:
        CheckpointError: The first name or shape that differs is named.
    """
    expected = module.state_dict()
    missing = [name for name in expected if name not in state]
    surplus = [name for name in state if name not in expected]
    shapes = [
        f"{name} is {tuple(state[name].shape)} in the file and {tuple(expected[name].shape)} here"
        for name in expected
        if name in state and state[name].shape != expected[name].shape
    ]
    if missing or surplus or shapes:
        why = "; ".join(
            text
            for text in (
                f"{len(missing)} weights are missing, first {missing[0]}" if missing else "",
                f"{len(surplus)} are unknown, first {surplus[0]}" if surplus else "",
                shapes[0] if shapes else "",
            )
            if text
        )
        raise CheckpointError(
            f"{path} is a checkpoint of another model",
            why=why,
            unharmed="Nothing was changed",
            action="Use the configuration that it was trained with",
        )
    module.load_state_dict(dict(state))


def _refusal(path: Path, error: pickle.UnpicklingError) -> CheckpointError:
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # The file may be damaged in any way: then it is that, not code.
        names = []
    if not names and "Unsupported global" not in str(error):
        return _damaged(path, "It is not a checkpoint, or a part of it is missing")
    return UnsafeCheckpointError(
        f"{path} was refused",
        why=f"It asks for code to be run when it is loaded ({', '.join(names) or 'unnamed'})",
        unharmed="None of it was run",
        action="Only load checkpoints whose origin you trust, saved with plain values",
    )


def _damaged(path: Path, why: str) -> CheckpointError:
    return CheckpointError(
        f"The checkpoint {path} cannot be read",
        why=why,
        unharmed="Nothing was changed",
        action="Use an earlier checkpoint of the same run",
    )
