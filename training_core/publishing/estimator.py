"""A model, be it a checkpoint, an ONNX file or a registered one, ready to place sessions."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training_core.contract.errors import CheckpointError, DatasetError
from training_core.contract.jobs import ModelReference, Report
from training_core.data.store import SessionStore
from training_core.publishing.inference import OnnxModel
from training_core.publishing.local_model import local_model
from training_core.publishing.model_inputs import model_inputs
from training_core.radio.geo import LocalFrame

_BATCH = 512

Float64Array = NDArray[np.float64]
Answer = tuple[Float64Array, Float64Array]
"""Mean (sessions, 2) and covariance (sessions, 2, 2), meters in the model's frame."""


@dataclass(frozen=True)
class Estimator:
    """A model and what it says of its training.

    `split` has what repeats the split of training (name, validation_split, test_split, seed)
    and is empty where the model does not say; `hears_signal` is False for a control that was
    trained on silence and has to be asked in silence.
    """

    answer: Callable[[SessionStore, Report], Answer]
    frame: LocalFrame
    kind: str
    receiver_ids: tuple[str, ...]
    dataset_fingerprint: str
    split: dict[str, Any]
    run_id: str
    hears_signal: bool = True
    registered_model: str = ""
    version: int | None = None


def open_estimator(reference: ModelReference) -> Estimator:
    """Load a model.

    Args:
        reference: a .ckpt file, an .onnx file or `name@alias`, and where to look that up.

    Raises:
        CheckpointError: the checkpoint is unreadable, or its model is no network of ours.
        ExportError: the ONNX file is unusable.
        StorageError: a registered model could not be fetched.
        TrackingError: there is no such registered model.
    """
    path = Path(reference.model)
    # Loading torch takes seconds: only a checkpoint is worth them.
    return _of_checkpoint(path) if path.suffix == ".ckpt" else _of_onnx(reference)


def refuse_foreign_receivers(estimator: Estimator, store: SessionStore) -> None:
    """Refuse a dataset that shares no receiver with a model.

    Raises:
        DatasetError: it shares none.
    """
    if set(estimator.receiver_ids) & set(store.receiver_ids):
        return
    raise DatasetError(
        f"The dataset {store.info.name} has none of the model's receivers",
        why=f"The model knows {_some(list(estimator.receiver_ids))}; "
        f"the dataset has {_some(store.receiver_ids)}",
        unharmed="Nothing was changed",
        action="Name a dataset of the network that the model was trained for",
    )


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def _of_checkpoint(path: Path) -> Estimator:
    import torch

    from training_core.models.gaussian_head import covariance_from_cholesky
    from training_core.models.restore import checkpoint_origin, load_checkpoint, restore_network

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
    network = restore_network(checkpoint, origin, path)
    frame = LocalFrame(**spec["origin"])

    def answer(store: SessionStore, report: Report) -> Answer:
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
        return mean, covariance

    return Estimator(
        answer=answer,
        frame=frame,
        kind=spec["kind"],
        receiver_ids=tuple(spec["receiver_ids"]),
        dataset_fingerprint=origin["dataset_fingerprint"],
        split=dict(origin["split"]),
        run_id=origin["run_id"],
        hears_signal=origin.get("signal", True),
    )


def _of_onnx(reference: ModelReference) -> Estimator:
    resolved = local_model(reference)
    model = OnnxModel(resolved.path)

    def answer(store: SessionStore, report: Report) -> Answer:
        predictions = model.predict(store, report)
        return predictions.mean_m, predictions.covariance_m2

    metadata = model.metadata
    return Estimator(
        answer=answer,
        frame=model.frame,
        kind=metadata.kind,
        receiver_ids=tuple(metadata.receiver_ids),
        dataset_fingerprint=metadata.dataset_fingerprint,
        split=dict(metadata.split),
        run_id=metadata.run_id,
        registered_model=resolved.name,
        version=resolved.version,
    )
