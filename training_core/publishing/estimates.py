"""Where a model, a checkpoint or an ONNX file, places every session of a dataset."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training_core.contract.errors import CheckpointError, DatasetError
from training_core.contract.jobs import ModelReference, Report
from training_core.data.store import SessionStore
from training_core.publishing.inference import OnnxModel
from training_core.publishing.model_inputs import model_inputs
from training_core.radio.geo import LocalFrame

_BATCH = 512

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Estimates:
    """A model's answer for every session of a dataset, and what it says of its training.

    `mean_m` (sessions, 2) and `covariance_m2` (sessions, 2, 2) are meters in `frame`; `split`
    has what repeats the split of training (name, validation_split, test_split, seed) and is
    empty where the model does not say.
    """

    mean_m: Float64Array
    covariance_m2: Float64Array
    frame: LocalFrame
    kind: str
    receiver_ids: tuple[str, ...]
    dataset_fingerprint: str
    split: dict[str, Any]
    run_id: str


def model_estimates(reference: ModelReference, store: SessionStore, report: Report) -> Estimates:
    """Let a model answer for every session of a dataset.

    Args:
        reference: a .ckpt file, an .onnx file or `name@alias`, and where to look that up.
        store: the dataset.
        report: told what is done.

    Raises:
        CheckpointError: the checkpoint is unreadable, or its model is no network of ours.
        ExportError: the ONNX file is unusable.
        DatasetError: the dataset lacks what the model reads.
    """
    path = Path(reference.model)
    if path.suffix == ".ckpt":
        return checkpoint_estimates(path, store, report)
    return onnx_estimates(path, store, report)


def onnx_estimates(path: Path, store: SessionStore, report: Report) -> Estimates:
    """Let an exported model answer; torch stays away.

    Raises:
        ExportError: the file is unusable.
        DatasetError: the dataset lacks what the model reads.
    """
    model = OnnxModel(path)
    metadata = model.metadata
    frame = model.frame
    refuse_foreign_receivers(metadata.receiver_ids, store)
    answer = model.predict(store, report)
    return Estimates(
        mean_m=answer.mean_m,
        covariance_m2=answer.covariance_m2,
        frame=frame,
        kind=metadata.kind,
        receiver_ids=tuple(metadata.receiver_ids),
        dataset_fingerprint=metadata.dataset_fingerprint,
        split=dict(metadata.split),
        run_id=metadata.run_id,
    )


def checkpoint_estimates(path: Path, store: SessionStore, report: Report) -> Estimates:
    """Let the network of a checkpoint answer; loads torch.

    Raises:
        CheckpointError: the checkpoint is unreadable, or its model is no network of ours.
        DatasetError: the dataset lacks what the network reads.
    """
    import torch

    from training_core.models.gaussian_head import covariance_from_cholesky
    from training_core.models.registry import network_from_spec
    from training_core.models.restore import (
        checkpoint_origin,
        load_checkpoint,
        load_weights,
        network_state,
    )

    checkpoint = load_checkpoint(path)
    origin = checkpoint_origin(checkpoint, path)
    spec = origin["network"]
    if spec is None:
        raise CheckpointError(
            f"{path} holds a model of your own",
            why="Only networks that answer with a position and a covariance can be evaluated",
            unharmed="Nothing was changed",
            action="Evaluate it with your own code",
        )
    frame = LocalFrame(**spec["origin"])
    refuse_foreign_receivers(spec["receiver_ids"], store)
    network = network_from_spec(spec)
    load_weights(network, network_state(checkpoint), path)
    network.eval()
    inputs = model_inputs(
        spec["kind"],
        store,
        frame,
        receiver_ids=spec["receiver_ids"],
        channels=spec.get("channels", ()),
        mel=spec.get("mel"),
        report=report,
    )
    rows = len(store.session_ids)
    mean, covariance = np.empty((rows, 2)), np.empty((rows, 2, 2))
    with torch.inference_mode():
        for start in range(0, rows, _BATCH):
            some = slice(start, start + _BATCH)
            batch = [torch.from_numpy(values[some]) for values in inputs.values()]
            batch_mean, cholesky = network(*batch)
            mean[some] = batch_mean.double().numpy()
            covariance[some] = covariance_from_cholesky(cholesky.double()).numpy()
            report("estimating positions", min(start + _BATCH, rows), rows)
    return Estimates(
        mean_m=mean,
        covariance_m2=covariance,
        frame=frame,
        kind=spec["kind"],
        receiver_ids=tuple(spec["receiver_ids"]),
        dataset_fingerprint=origin["dataset_fingerprint"],
        split=dict(origin["split"]),
        run_id=origin["run_id"],
    )


def refuse_foreign_receivers(receiver_ids: list[str], store: SessionStore) -> None:
    """Refuse a dataset that shares no receiver with a model.

    Raises:
        DatasetError: it shares none.
    """
    if set(receiver_ids) & set(store.receiver_ids):
        return

    def some(names: list[str]) -> str:
        return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")

    raise DatasetError(
        f"The dataset {store.info.name} has none of the model's receivers",
        why=f"The model knows {some(receiver_ids)}; the dataset has {some(store.receiver_ids)}",
        unharmed="Nothing was changed",
        action="Name a dataset of the network that the model was trained for",
    )
