"""Long tables into a session store: a row per observation, or a session's packed into one cell."""

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training_core.contract.errors import DatasetError
from training_core.contract.jobs import Report, no_report
from training_core.data.csv_source import (
    FILE_COLUMN,
    integer_values,
    number_values,
    require_columns,
    text_values,
)
from training_core.data.import_target import Counts, write_import
from training_core.data.import_wide import heard_only
from training_core.data.mapping import LabelColumns, LongMapping, LongReadings, PackedReadings
from training_core.data.receivers_source import (
    ReceiverPositions,
    read_receiver_positions,
    receivers_table,
)
from training_core.data.sessions_source import SourceSessions, build_sessions, read_rows
from training_core.data.store import SessionStore
from training_core.data.tables import OBSERVATION_SCHEMA, build_table
from training_core.radio.geo import is_position

_PACKED = ("rssi_dbm", "snr_db", "toa_ns", "time_sd_ns", "cfo_hz")


def import_long(
    source: Path,
    target: Path,
    mapping: LongMapping,
    *,
    overwrite: bool = False,
    report: Report = no_report,
) -> SessionStore:
    """Import a table with a row per observation, or with packed readings.

    Args:
        source: File, or folder that holds the files which the mapping names.
        target: Dataset directory to make.
        mapping: Which column is what.
        overwrite: Replace the dataset at `target`.
        report: Is told how far the import is.

    Raises:
        DatasetError: The source is not what the mapping says; nothing is written.
    """
    report("import", 0, 4)
    rows, where = read_rows(source, mapping.sessions)
    positions = read_receiver_positions(source, mapping.receivers)
    report("import", 1, 4)
    counts: Counts = {}
    if mapping.packed is not None:
        read = build_sessions(source, rows, where, mapping.sessions)
        report("import", 2, 4)
        observations = _unpacked(read, mapping.packed)
        named = observations["receiver_id"]
    else:
        assert mapping.readings is not None
        read, session = _grouped(source, rows, where, mapping)
        report("import", 2, 4)
        observations = _observed(read, rows, session, mapping.readings, counts)
        # Also those of which every reading is missing.
        named = text_values(rows, mapping.readings.receiver).drop_null()
    receivers = _receivers(named.unique().to_pylist(), observations, positions, mapping, counts)
    if mapping.receivers.only_heard:
        receivers = heard_only(receivers, observations)
    report("import", 3, 4)
    store = write_import(
        source, target, mapping, read, receivers, observations, counts, overwrite=overwrite
    )
    report("import", 4, 4)
    return store


def _receivers(
    named: list[str],
    observations: pa.Table,
    positions: ReceiverPositions,
    mapping: LongMapping,
    counts: Counts,
) -> pa.Table:
    unplaced = [name for name in named if name not in positions.position]
    if mapping.receivers.file is not None and unplaced:
        counts["receivers_without_position"] = len(unplaced)
    if positions.dropped:
        counts["impossible_receiver_positions"] = positions.dropped
    placed = pc.is_valid(observations["latitude_deg"])
    mobile = set(observations["receiver_id"].filter(placed).unique().to_pylist())
    return receivers_table([*positions.position, *unplaced], positions, mobile, mapping.receivers)


def _unpacked(read: SourceSessions, packed: PackedReadings) -> pa.Table:
    require_columns(read.rows, [packed.column], read.where)
    places = {name: place for name in _PACKED if (place := getattr(packed, name)) is not None}
    columns: dict[str, list[Any]] = {name: [] for name in ("session_id", "receiver_id", *places)}
    cells = text_values(read.rows, packed.column).to_pylist()
    for row, (session, cell) in enumerate(zip(read.session_ids.to_pylist(), cells, strict=True)):
        if cell is None:
            continue
        try:
            for reading in orjson.loads(cell):
                columns["session_id"].append(session)
                columns["receiver_id"].append(_receiver_name(reading[packed.receiver]))
                for name, place in places.items():
                    columns[name].append(_number(reading[place], whole=name == "toa_ns"))
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise DatasetError(
                f"{read.where} holds readings in line {row + 2} that are not as the mapping says",
                why=f"{cell:.80} ({type(error).__name__}: {error})",
                unharmed="Nothing was written",
                action="Correct the places in [packed], or the cell",
            ) from error
    return build_table(OBSERVATION_SCHEMA, columns)


def _receiver_name(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{value!r} is no name of a receiver")
    return str(value)


def _number(value: Any, *, whole: bool) -> int | float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is no number")
    return round(value) if whole else float(value)


def _grouped(
    source: Path, rows: pa.Table, where: str, mapping: LongMapping
) -> tuple[SourceSessions, NDArray[np.int64]]:
    """The sessions, and which of them each row belongs to."""
    section = mapping.sessions
    require_columns(rows, [section.id], where)
    assert section.id is not None
    names = text_values(rows, section.id)
    if names.null_count:
        raise DatasetError(
            f"{where} has no session id in column {section.id}, "
            f"line {names.to_pylist().index(None) + 2}",
            why=f"{names.null_count} cells are empty",
            unharmed="Nothing was written",
            action="Complete the column",
        )
    if len(rows[FILE_COLUMN].unique()) > 1:
        files = rows[FILE_COLUMN].combine_chunks()
        names = pc.binary_join_element_wise(files, names, "-")
    encoded = names.dictionary_encode()
    session = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    _, first = np.unique(session, return_index=True)
    ids = encoded.dictionary.to_pylist()
    if section.label is not None and section.label.file is None:
        require_columns(rows, [section.label.latitude, section.label.longitude], where)
        _refuse_two_labels(rows, session, first, ids, section.label, where)
    own = rows.take(pa.array(first))
    return build_sessions(source, own, where, section, ids=ids), session


def _refuse_two_labels(
    rows: pa.Table,
    session: NDArray[np.int64],
    first: NDArray[np.int64],
    ids: list[str],
    label: LabelColumns,
    where: str,
) -> None:
    for column in (label.latitude, label.longitude):
        text = text_values(rows, column)
        same = pc.equal(text, text.take(pa.array(first[session])))
        # Null beside null is the same, null beside a value is not.
        differs = ~pc.fill_null(same, False).to_numpy(zero_copy_only=False)
        null = pc.is_null(text).to_numpy(zero_copy_only=False)
        differs &= ~(null & null[first[session]])
        if differs.any():
            row = int(np.argmax(differs))
            raise DatasetError(
                f"{where} gives the session {ids[session[row]]} two labels",
                why=f"Column {column} differs in line {row + 2}",
                unharmed="Nothing was written",
                action="Give rows of another emission another session id",
            )


def _observed(
    read: SourceSessions,
    rows: pa.Table,
    session: NDArray[np.int64],
    readings: LongReadings,
    counts: Counts,
) -> pa.Table:
    measured = readings.columns()
    place = [readings.latitude, readings.longitude, readings.altitude_m]
    require_columns(rows, [readings.receiver, *measured.values(), *place], read.where)
    receiver = text_values(rows, readings.receiver)
    columns: dict[str, Any] = {
        "session_id": read.session_ids.take(pa.array(session)),
        "receiver_id": receiver,
    }
    for name, column in measured.items():
        columns[name] = (
            integer_values(rows, column, readings.missing, read.where)
            if name == "toa_ns"
            else number_values(rows, column, readings.missing, read.where)
        )
    kept = np.zeros(rows.num_rows, dtype=np.bool_)
    for name in measured:
        kept |= _is_given(columns[name])
    if readings.latitude is not None and readings.longitude is not None:
        latitude, longitude = (
            number_values(rows, column, readings.missing, read.where)
            for column in (readings.latitude, readings.longitude)
        )
        known = np.isfinite(latitude) | np.isfinite(longitude)
        nowhere = (latitude == 0.0) & (longitude == 0.0)
        impossible = known & (nowhere | ~is_position(latitude, longitude))
        counts["impossible_mobile_positions"] = int(impossible.sum())
        counts["dropped_observations"] = int((kept & impossible).sum())
        kept &= ~impossible
        columns |= {"latitude_deg": latitude, "longitude_deg": longitude}
        if readings.altitude_m is not None:
            columns["altitude_m"] = number_values(
                rows, readings.altitude_m, readings.missing, read.where
            )
    anonymous = pc.is_null(receiver).to_numpy(zero_copy_only=False) & kept
    if anonymous.any():
        raise DatasetError(
            f"{read.where} has a reading of no receiver in line {int(np.argmax(anonymous)) + 2}",
            why=f"{int(anonymous.sum())} cells of column {readings.receiver} are empty",
            unharmed="Nothing was written",
            action="Complete the column",
        )
    table = build_table(OBSERVATION_SCHEMA, {**columns, "receiver_id": pc.fill_null(receiver, "")})
    return table.filter(pa.array(kept))


def _is_given(values: pa.Array | NDArray[np.float64]) -> NDArray[np.bool_]:
    if isinstance(values, np.ndarray):
        return np.isfinite(values)
    given: NDArray[np.bool_] = pc.is_valid(values).to_numpy(zero_copy_only=False)
    return given
