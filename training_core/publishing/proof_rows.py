"""Validation rows of the dataset that a checkpoint was trained on."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from training_core.contract.errors import DatasetError
from training_core.contract.home import home_path
from training_core.data.splits import make_split
from training_core.data.store import open_store
from training_core.publishing.model_inputs import model_inputs
from training_core.publishing.proof import BATCHES
from training_core.radio.geo import LocalFrame


def proof_rows(origin: Mapping[str, Any], dataset: Path | None) -> object:
    """Rows for the proof of an export.

    Args:
        origin: What the checkpoint says of itself.
        dataset: Dataset to use instead of the one that the checkpoint names.

    Returns:
        Tensors by input name; for a module of the user's own, the first validation batch of
        its data class.

    Raises:
        DatasetError: The dataset is gone, or its validation split is empty.
        ConfigError: The user's own data class cannot be made.
    """
    if origin.get("network") is None:
        return _own_batch(origin)
    named = str(dataset or origin.get("dataset") or "")
    path = Path(named)
    if named and not path.is_dir():
        path = home_path() / "datasets" / named
    if not named:
        raise DatasetError(
            "The checkpoint does not say which dataset it was trained on",
            unharmed="Nothing was exported",
            action="Name one with --dataset: its validation rows prove the export",
        )
    store = open_store(path)
    chosen = origin.get("split") or {}
    split = make_split(
        store,
        chosen.get("name", "place"),
        validation_split=chosen.get("validation_split", 0.2),
        test_split=chosen.get("test_split", 0.15),
        seed=chosen.get("seed", 0),
    )
    rows = split.val[: max(BATCHES)]
    # Inputs are computed for the sessions of the table only.
    some = replace(store, sessions=store.sessions.take(rows))
    spec = origin["network"]
    inputs = model_inputs(
        spec["kind"],
        some,
        LocalFrame(**spec["origin"]),
        receiver_ids=spec["receiver_ids"],
        channels=spec.get("channels", ()),
        mel=spec.get("mel"),
    )
    return {name: torch.from_numpy(values) for name, values in inputs.items()}


def _own_batch(origin: Mapping[str, Any]) -> object:
    from training_core.models.own_module import own_data

    data = own_data(origin["data_class"], origin["data_arguments"])
    data.prepare_data()
    data.setup("validate")
    loaders = data.val_dataloader()
    loader = loaders[0] if isinstance(loaders, list | tuple) else loaders
    return next(iter(loader))
