"""From a session store to the inputs of an exported model, in numpy."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training_core.contract.errors import ExportError
from training_core.contract.jobs import Report, no_report
from training_core.data.features import observation_arrays
from training_core.data.mel import MelParameters, mel_spectrogram
from training_core.data.recordings import Recordings
from training_core.data.store import SessionStore
from training_core.radio.geo import LocalFrame

_CLIPS_AT_ONCE = 32

Inputs = dict[str, NDArray[Any]]


def model_inputs(
    kind: str,
    store: SessionStore,
    frame: LocalFrame,
    *,
    receiver_ids: Sequence[str],
    channels: Sequence[str] = (),
    mel: dict[str, Any] | None = None,
    report: Report = no_report,
) -> Inputs:
    """The inputs of a model of ours for every session of a store, by name.

    Args:
        kind: `receiver_set_net` or `localization_net`.
        store: The dataset; its sessions become rows, in order.
        frame: Local frame of the model.
        receiver_ids: The model's receivers.
        channels: The model's observation channels.
        mel: The model's spectrogram parameters.
        report: Told how many recordings were read.

    Raises:
        DatasetError: The dataset lacks what the model reads.
        ExportError: The kind is of another program.
    """
    if kind == "receiver_set_net":
        return dict(observation_arrays(store, frame, receiver_ids, channels).inputs())
    if kind == "localization_net" and mel is not None:
        return {"spectrogram": _spectrograms(store, list(receiver_ids), mel, report)}
    raise ExportError(
        f"A model of kind {kind} cannot be run on a dataset",
        why="Only this program's own networks say how recording sessions become their inputs",
        unharmed="Nothing was changed",
        action="Call the file with onnxruntime yourself; its inputs stand in its metadata",
    )


def _spectrograms(
    store: SessionStore, receiver_ids: list[str], mel: dict[str, Any], report: Report
) -> NDArray[np.float32]:
    parameters = MelParameters(**mel)
    recordings = Recordings(store, receiver_ids)
    shape = (len(store.session_ids), len(receiver_ids), parameters.n_mels, parameters.frames)
    pictures = np.full(shape, np.nan, dtype=np.float32)
    done = 0
    for session, receiver, iq in recordings.batches(_CLIPS_AT_ONCE, parameters.samples):
        pictures[session, receiver] = mel_spectrogram(iq, parameters)
        done += len(iq)
        report("spectrograms", done, None)
    return pictures
