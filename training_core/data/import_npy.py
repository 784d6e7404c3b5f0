"""IQ arrays with labels beside them into a session store with SigMF recordings."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from training_core.contract.errors import DatasetError
from training_core.contract.jobs import Report, no_report
from training_core.data.import_target import split_list_file, write_split_lists
from training_core.data.info import DatasetInfo, SplitDefinition
from training_core.data.npy_session import IQ_ENDING, NpyReceiver, NpySession, read_npy_session
from training_core.data.sessions_source import site_origin
from training_core.data.sigmf_recording import (
    META_SUFFIX,
    GeoPoint,
    RecordingFacts,
    write_recording,
)
from training_core.data.staging import staged_directory
from training_core.data.store import SessionStore, open_store, write_tables
from training_core.data.tables import (
    OBSERVATION_SCHEMA,
    RECEIVER_SCHEMA,
    SESSION_SCHEMA,
    build_table,
)

SPLIT_NAME = "imported"

_PARTS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


def import_npy(
    source: Path,
    target: Path,
    *,
    name: str = "",
    sample_rate_hz: float | None = None,
    overwrite: bool = False,
    report: Report = no_report,
) -> SessionStore:
    """Import `{split}/{session}_iq.npy` with `_label.npy` and `_meta.json` beside it.

    Folders called train, val and test (or a usual other name of these) become the list
    split `imported`. A receiver whose samples are all zero was not there.

    Args:
        source: Folder of the splits, or of the sessions.
        target: Dataset directory to make.
        name: Name of the dataset; the source's when empty.
        sample_rate_hz: For recordings whose metadata do not say.
        overwrite: Replace the dataset at `target`.
        report: Is told how many sessions are done.

    Raises:
        DatasetError: An array or its metadata is not as described; nothing is written.
    """
    files = _session_files(source)
    tables = _Tables()
    lists: dict[tuple[str, str], list[str]] = defaultdict(list)
    with staged_directory(target, overwrite=overwrite) as folder:
        for done, file in enumerate(files):
            report("import", done, len(files))
            session_id = _session_id(file, source)
            session = read_npy_session(file, sample_rate_hz)
            part = _PARTS.get(file.parent.name.lower()) if file.parent != source else None
            if part is not None and session.emitter is not None:
                lists[SPLIT_NAME, part].append(session_id)
            tables.add(folder, session_id, session)
        report("import", len(files), len(files))
        receivers, sessions, observations = tables.finished()
        definitions = _definitions(lists)
        if definitions:
            write_split_lists(folder, lists)
        info = DatasetInfo(
            name=name or source.absolute().name,
            source=f"NumPy arrays of {source.absolute().name}",
            site_origin=site_origin(sessions, receivers),
            splits=definitions,
            notes={"silent_receivers": tables.silent} if tables.silent else {},
        )
        write_tables(folder, info, receivers, sessions, observations)
    return open_store(target)


def _session_files(source: Path) -> list[Path]:
    if not source.is_dir():
        raise DatasetError(
            f"There is no folder {source}",
            unharmed="Nothing was written",
            action="Name the folder that holds {split}/{session}_iq.npy",
        )
    files = sorted([*source.glob(f"*{IQ_ENDING}"), *source.glob(f"*/*{IQ_ENDING}")])
    if not files:
        present = sorted(entry.name for entry in source.iterdir())
        raise DatasetError(
            f"{source} holds no recordings",
            why=f"No file is called {{split}}/{{session}}{IQ_ENDING}; "
            + (f"it holds {', '.join(present[:8])}" if present else "it is empty"),
            unharmed="Nothing was written",
            action="Name the folder that holds the splits",
        )
    return files


def _session_id(file: Path, source: Path) -> str:
    stem = file.name.removesuffix(IQ_ENDING)
    # Splits number their sessions from 0 each.
    return stem if file.parent == source else f"{file.parent.name}-{stem}"


def _definitions(lists: dict[tuple[str, str], list[str]]) -> dict[str, SplitDefinition]:
    parts = {part for _, part in lists}
    if not parts - {"train"}:
        return {}
    files: dict[str, Any] = {f"{part}_file": split_list_file(SPLIT_NAME, part) for part in parts}
    return {
        SPLIT_NAME: SplitDefinition(
            by="list", description="As the folders of the source divide it", **files
        )
    }


class _Tables:
    """The rows of the store, session by session."""

    def __init__(self) -> None:
        self.silent = 0
        self._sessions: dict[str, list[Any]] = {name: [] for name in SESSION_SCHEMA.names}
        self._observations: dict[str, list[Any]] = {name: [] for name in OBSERVATION_SCHEMA.names}
        self._positions: dict[str, set[GeoPoint | None]] = defaultdict(set)
        self._folders: set[str] = set()

    def add(self, folder: Path, session_id: str, session: NpySession) -> None:
        """Take over a session and write its recordings."""
        emitter = session.emitter
        row = {
            "session_id": session_id,
            "time": session.time_ns,
            "track": session.track,
            "latitude_deg": emitter.latitude_deg if emitter else None,
            "longitude_deg": emitter.longitude_deg if emitter else None,
            "altitude_m": emitter.altitude_m if emitter else None,
            "label_accuracy_m": None,
        }
        for name, value in row.items():
            self._sessions[name].append(value)
        recordings = self._folder_of(session_id)
        for number, (receiver, iq) in enumerate(zip(session.receivers, session.iq, strict=True)):
            self._positions[receiver.receiver_id].add(receiver.position)
            if not np.any(iq):
                self.silent += 1
                continue
            reference = f"{recordings}/{number:02d}-{_safe(receiver.receiver_id)}{META_SUFFIX}"
            facts = RecordingFacts(
                session_id=session_id,
                receiver_id=receiver.receiver_id,
                sample_rate_hz=session.sample_rate_hz,
                center_frequency_hz=session.center_frequency_hz,
                time_ns=session.time_ns,
                receiver=receiver.position,
                emitter=emitter,
            )
            write_recording(folder / reference, iq, facts)
            self._observe(session_id, receiver, reference)

    def _folder_of(self, session_id: str) -> str:
        folder = f"iq/{_safe(session_id)}"
        # Ids that differ in an unsafe character must not share a folder.
        while folder in self._folders:
            folder += "_"
        self._folders.add(folder)
        return folder

    def _observe(self, session_id: str, receiver: NpyReceiver, reference: str) -> None:
        position = receiver.position
        row: dict[str, Any] = {
            "session_id": session_id,
            "receiver_id": receiver.receiver_id,
            "latitude_deg": position.latitude_deg if position else None,
            "longitude_deg": position.longitude_deg if position else None,
            "altitude_m": position.altitude_m if position else None,
            "toa_ns": receiver.toa_ns,
            "iq": reference,
            **receiver.measured,
        }
        for name in OBSERVATION_SCHEMA.names:
            self._observations[name].append(row.get(name))

    def finished(self) -> tuple[pa.Table, pa.Table, pa.Table]:
        """Receivers, sessions, observations. Who was at two places is mobile."""
        fixed = {
            name: next(iter(positions)) if len(positions) == 1 else None
            for name, positions in self._positions.items()
        }
        mobile = [len(positions - {None}) > 1 for positions in self._positions.values()]
        receivers = build_table(
            RECEIVER_SCHEMA,
            {
                "receiver_id": list(fixed),
                "latitude_deg": [place.latitude_deg if place else None for place in fixed.values()],
                "longitude_deg": [
                    place.longitude_deg if place else None for place in fixed.values()
                ],
                "altitude_m": [place.altitude_m if place else None for place in fixed.values()],
                "mobile": mobile,
            },
        )
        observations = dict(self._observations)
        moving = dict(zip(fixed, mobile, strict=True))
        for column in ("latitude_deg", "longitude_deg", "altitude_m"):
            # A fixed receiver's position stands in the table of receivers alone.
            observations[column] = [
                value if moving[receiver] else None
                for value, receiver in zip(
                    observations[column], observations["receiver_id"], strict=True
                )
            ]
        sessions = dict(self._sessions)
        times = pa.array(sessions["time"], type=pa.int64()).cast(pa.timestamp("ns", tz="UTC"))
        return (
            receivers,
            build_table(SESSION_SCHEMA, {**sessions, "time": times}),
            build_table(OBSERVATION_SCHEMA, observations),
        )


def _safe(name: str) -> str:
    """A name as part of a path."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip(".") or "_"
