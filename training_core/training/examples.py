"""The sessions of a dataset as the inputs of one network, held in memory."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training_core.contract.config import Config
from training_core.data.features import observation_arrays
from training_core.data.splits import Split
from training_core.data.store import SessionStore
from training_core.models.registry import LOCALIZATION_NET, RECEIVER_SET_NET
from training_core.models.specs import (
    LocalizationOptions,
    ReceiverSetOptions,
    localization_spec,
    receiver_set_spec,
)
from training_core.training.devices import accelerator
from training_core.training.spectrograms import spectrograms


@dataclass(frozen=True)
class Examples:
    """All sessions in the order of the dataset; rows are chosen by the split."""

    inputs: dict[str, Tensor]
    """Input name → (sessions, …), in the order of the network's arguments."""
    target_m: Tensor
    """(sessions, 2) local east and north, NaN where unlabeled."""
    session_ids: list[str]
    """Name of each row."""

    def take(self, rows: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """Inputs and targets of some rows."""
        return tuple(values[rows] for values in self.inputs.values()), self.target_m[rows]


def network_spec_and_examples(
    config: Config, store: SessionStore, split: Split
) -> tuple[dict[str, Any], Examples]:
    """Describe the configured network for a dataset, and shape the dataset for it.

    Everything that is estimated (floors, normalization, spread) comes from the training
    split alone.

    Raises:
        DatasetError: The dataset has nothing that the network could be trained on.
    """
    build = {RECEIVER_SET_NET: _receiver_set, LOCALIZATION_NET: _localization}
    return build[config.model.name](config, store, split)


def _receiver_set(
    config: Config, store: SessionStore, split: Split
) -> tuple[dict[str, Any], Examples]:
    chosen = config.model.receiver_set_net
    options = ReceiverSetOptions(
        channels=tuple(config.data.channels),
        detection_margin_db=config.data.detection_margin_db,
        **chosen.model_dump(),
    )
    frame = store.frame
    spec = receiver_set_spec(store, split, frame, options)
    arrays = observation_arrays(store, frame, spec["receiver_ids"], spec["channels"])
    if not config.data.signal:
        arrays = arrays.without_signal()
    return spec, _examples(arrays.inputs(), arrays.target_m, store.session_ids)


def _localization(
    config: Config, store: SessionStore, split: Split
) -> tuple[dict[str, Any], Examples]:
    chosen = config.model.localization_net
    options = LocalizationOptions(**chosen.model_dump(exclude={"weights"}))
    frame = store.frame
    device = torch.device("cuda" if accelerator(config.trainer) == "gpu" else "cpu")
    pictures, mel = spectrograms(store, store.receiver_ids, device)
    if not config.data.signal:
        pictures = np.full_like(pictures, np.nan)
    target = store.label_m(frame).astype(np.float32)
    spec = localization_spec(
        store.receiver_ids, mel, pictures[split.train], target[split.train], frame, options
    )
    return spec, _examples({"spectrogram": pictures}, target, store.session_ids)


def _examples(
    inputs: dict[str, Any], target_m: "np.ndarray[Any, Any]", session_ids: list[str]
) -> Examples:
    return Examples(
        inputs={name: torch.from_numpy(values) for name, values in inputs.items()},
        target_m=torch.from_numpy(target_m.astype(np.float32)),
        session_ids=session_ids,
    )


def initialize(network: nn.Module, config: Config) -> None:
    """Start a network's backbone from a published weight file, where one is configured.

    Raises:
        CheckpointError: The file is not one of the configured ConvNeXt.
    """
    weights = config.model.localization_net.weights
    if config.model.name == LOCALIZATION_NET and weights:
        network.load_backbone(weights)  # type: ignore[operator]  # nn.Module types attributes loosely
