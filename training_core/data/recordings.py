"""The IQ of a dataset's sessions, receiver by receiver, read from its SigMF recordings."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training_core.contract.errors import DatasetError
from training_core.data.sigmf_recording import DATA_SUFFIX, read_recording
from training_core.data.store import SessionStore
from training_core.data.tables import index_of

_SAMPLE_BYTES = 8  # cf32_le, the one datatype that imports write

Clips = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.complex64]]


class Recordings:
    """Where the recordings lie, and what all of them have in common.

    Args:
        store: The dataset.
        receiver_ids: Receivers whose recordings count, in the order of their index.

    Raises:
        DatasetError: There is none, or the first one is unreadable.
    """

    def __init__(self, store: SessionStore, receiver_ids: list[str]) -> None:
        references: list[str | None] = store.observations["iq"].to_pylist()
        session = index_of(store.observations["session_id"], store.sessions["session_id"])
        known = {receiver_id: index for index, receiver_id in enumerate(receiver_ids)}
        self._clips = [
            (int(session[row]), known[receiver_id], store.path / reference)
            for row, (receiver_id, reference) in enumerate(
                zip(store.observations["receiver_id"].to_pylist(), references, strict=True)
            )
            if reference is not None and session[row] >= 0 and receiver_id in known
        ]
        if not self._clips:
            raise DatasetError(
                f"The dataset {store.info.name} has no IQ recordings of these receivers",
                unharmed="The dataset is unchanged",
                action="Use receiver_set_net for it, or import recordings with `data import npy`",
            )
        first = self._clips[0][2]
        self.sample_rate_hz = read_recording(first)[1]
        """Complex samples a second; every recording must have it."""
        self.samples = min(_samples(path) for _, _, path in self._clips)
        """Length of the shortest recording."""

    def batches(self, size: int, samples: int) -> Iterator[Clips]:
        """Session index, receiver index and IQ (clips, samples), at most `size` at a time.

        Raises:
            DatasetError: A recording is unreadable, too short, or of another sample rate.
        """
        for start in range(0, len(self._clips), size):
            some = self._clips[start : start + size]
            iq = np.stack([self._read(path, samples) for _, _, path in some])
            sessions = np.array([session for session, _, _ in some], dtype=np.int64)
            receivers = np.array([receiver for _, receiver, _ in some], dtype=np.int64)
            yield sessions, receivers, iq

    def _read(self, meta_path: Path, samples: int) -> NDArray[np.complex64]:
        iq, rate = read_recording(meta_path)
        if rate != self.sample_rate_hz:
            raise _unusable(
                meta_path, f"It has {rate:g} samples a second, others {self.sample_rate_hz:g}"
            )
        if len(iq) < samples:
            raise _unusable(meta_path, f"It has {len(iq)} samples and {samples} are needed")
        return iq[:samples]


def _samples(meta_path: Path) -> int:
    try:
        return meta_path.with_suffix(DATA_SUFFIX).stat().st_size // _SAMPLE_BYTES
    except OSError as error:
        raise _unusable(meta_path, f"Its samples cannot be read: {error.strerror}") from error


def _unusable(meta_path: Path, why: str) -> DatasetError:
    return DatasetError(
        f"The recording {meta_path} cannot be used",
        why=why,
        unharmed="The dataset is unchanged",
        action="Import the dataset again, or take its observation out",
    )
