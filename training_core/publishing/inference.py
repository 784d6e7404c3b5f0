"""An exported model on a dataset: onnxruntime only, no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training_core.contract.errors import ExportError
from training_core.contract.jobs import Report, no_report
from training_core.data.features import observation_arrays
from training_core.data.store import SessionStore
from training_core.publishing.model_inputs import Inputs, model_inputs
from training_core.publishing.model_metadata import ModelMetadata
from training_core.publishing.onnx_session import open_session, session_props
from training_core.radio.geo import LocalFrame

_BATCH = 256


@dataclass(frozen=True)
class Predictions:
    """Estimated positions, one row a session."""

    session_id: list[str]
    latitude_deg: NDArray[np.float64]
    longitude_deg: NDArray[np.float64]
    mean_m: NDArray[np.float64]
    """(sessions, 2) local east and north."""
    covariance_m2: NDArray[np.float64]
    """(sessions, 2, 2)."""


class OnnxModel:
    """An ONNX file that `heimdall-console export` wrote.

    Args:
        path: The file.
        threads: CPU threads; 0 lets onnxruntime choose.

    Raises:
        ExportError: The file is missing, no ONNX model, or not one of ours.
    """

    def __init__(self, path: Path, threads: int = 0) -> None:
        self.path = path
        self._session = open_session(path, threads)
        self.metadata = ModelMetadata.from_props(session_props(self._session), str(path))

    @property
    def frame(self) -> LocalFrame:
        """Local frame of the answers.

        Raises:
            ExportError: The model does not answer positions.
        """
        return LocalFrame(*self.metadata.origin_deg)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The outputs by name for inputs by name, in batches.

        Raises:
            ExportError: An input is missing or has another shape.
        """
        names = [tensor.name for tensor in self.metadata.inputs]
        missing = [name for name in names if name not in inputs]
        if missing:
            raise self._misfit(f"The input {', '.join(missing)} is missing")
        outputs = [tensor.name for tensor in self.metadata.outputs]
        rows = len(inputs[names[0]])
        parts: list[list[NDArray[Any]]] = []
        # At least one call: a dataset without sessions has outputs of the right shape too.
        for start in range(0, max(rows, 1), _BATCH):
            feeds = {name: inputs[name][start : start + _BATCH] for name in names}
            try:
                parts.append(self._session.run(outputs, feeds))
            except Exception as error:
                # onnxruntime's errors have no common base beside Exception.
                raise self._misfit(str(error).splitlines()[0]) from error
        joined = (np.concatenate(pieces) for pieces in zip(*parts, strict=True))
        return dict(zip(outputs, joined, strict=True))

    def inputs(self, store: SessionStore, report: Report = no_report) -> Inputs:
        """The model's inputs for every session of a store.

        Raises:
            DatasetError: The dataset lacks what the model reads.
            ExportError: None of the dataset's receivers is known to the model.
        """
        self._refuse_foreign_receivers(store)
        return model_inputs(
            self.metadata.kind,
            store,
            self.frame,
            receiver_ids=self.metadata.receiver_ids,
            channels=self.metadata.channels,
            mel=self.metadata.mel or None,
            report=report,
        )

    def predict(self, store: SessionStore, report: Report = no_report) -> Predictions:
        """Estimate the emitter's position of every session.

        Raises:
            DatasetError: The dataset lacks what the model reads.
            ExportError: The model does not answer positions, or knows none of the receivers.
        """
        frame = self.frame
        inputs = self.inputs(store, report)
        answer = self.run(inputs)
        report("predict", len(store.session_ids), len(store.session_ids))
        mean = answer["mean_m"].astype(np.float64)
        latitude, longitude = frame.to_wgs84(mean[:, 0], mean[:, 1])
        return Predictions(
            session_id=store.session_ids,
            latitude_deg=latitude,
            longitude_deg=longitude,
            mean_m=mean,
            covariance_m2=answer["covariance_m2"].astype(np.float64),
        )

    def _refuse_foreign_receivers(self, store: SessionStore) -> None:
        known = set(self.metadata.receiver_ids)
        if not known or known & set(store.receiver_ids):
            return
        raise ExportError(
            f"{self.path.name} knows none of the receivers of {store.info.name}",
            why=(
                f"It was trained with {_some(self.metadata.receiver_ids)}; "
                f"the dataset has {_some(store.receiver_ids)}"
            ),
            unharmed="Nothing was written",
            action="Use a dataset of the same network of receivers, or train on this one",
        )

    def _misfit(self, why: str) -> ExportError:
        return ExportError(
            f"{self.path.name} could not be run",
            why=why,
            unharmed="Nothing was written",
            action="Check that the dataset was imported as the model's training data was",
        )


def heard_known(model: OnnxModel, store: SessionStore) -> NDArray[np.bool_]:
    """Whether each session was heard by a receiver that the model knows, (sessions,)."""
    if model.metadata.kind != "receiver_set_net":
        return np.ones(len(store.session_ids), dtype=bool)
    arrays = observation_arrays(
        store, model.frame, model.metadata.receiver_ids, model.metadata.channels
    )
    is_observed = ~np.isnan(arrays.observation).all(axis=2)
    return np.asarray((is_observed & (arrays.receiver >= 0)).any(axis=1))


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
