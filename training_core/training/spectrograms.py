"""Spectrograms of every recording of a dataset, computed by torch in batches on the device."""

import numpy as np
import torch
from numpy.typing import NDArray

from training_core.data.mel import MelParameters, mel_parameters
from training_core.data.recordings import Recordings
from training_core.data.store import SessionStore
from training_core.models.mel import MelSpectrogram

_BATCH = 64


def spectrograms(
    store: SessionStore, receiver_ids: list[str], device: torch.device
) -> tuple[NDArray[np.float32], MelParameters]:
    """The spectrogram of every session and receiver.

    Args:
        store: A dataset with IQ recordings.
        receiver_ids: Receivers in the order of the second axis.
        device: Where to compute.

    Returns:
        (sessions, receivers, 128, 32) in dB, NaN where a receiver has no recording, and the
        parameters.

    Raises:
        DatasetError: There are no recordings, or one is unreadable or too short.
    """
    recordings = Recordings(store, receiver_ids)
    parameters = mel_parameters(recordings.samples, recordings.sample_rate_hz)
    transform = MelSpectrogram(parameters).to(device)
    shape = (len(store.session_ids), len(receiver_ids), parameters.n_mels, parameters.frames)
    pictures = np.full(shape, np.nan, dtype=np.float32)
    with torch.inference_mode():
        for session, receiver, iq in recordings.batches(_BATCH, parameters.samples):
            power = transform(torch.from_numpy(iq).to(device))
            pictures[session, receiver] = power.cpu().numpy()
    return pictures, parameters
