"""Wide tables into a session store: one row a session, one column a receiver."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from training_core.contract.errors import DatasetError
from training_core.contract.jobs import Report, no_report
from training_core.data.csv_source import (
    FILE_COLUMN,
    integer_values,
    number_values,
    require_columns,
)
from training_core.data.import_target import Counts, write_import
from training_core.data.mapping import MobileColumns, SessionsSection, WideMapping, WideReadings
from training_core.data.receivers_source import read_receiver_positions, receivers_table
from training_core.data.sessions_source import (
    SourceSessions,
    build_sessions,
    read_rows,
    site_origin,
)
from training_core.data.store import SessionStore
from training_core.data.tables import OBSERVATION_SCHEMA, build_table
from training_core.radio.geo import distance_m, is_position

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Columns:
    """Receiver → its columns, in the order of the file."""

    value: dict[str, str]
    mobile: dict[str, MobileColumns]
    """Receivers that move, with the receiver's name filled in."""


def import_wide(
    source: Path,
    target: Path,
    mapping: WideMapping,
    *,
    overwrite: bool = False,
    report: Report = no_report,
) -> SessionStore:
    """Import a table with a column per receiver.

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
    read = build_sessions(source, rows, where, mapping.sessions)
    report("import", 1, 4)
    columns = _receiver_columns(rows, where, mapping)
    positions = read_receiver_positions(source, mapping.receivers)
    receivers = receivers_table(
        list(columns.value), positions, set(columns.mobile), mapping.receivers
    )
    report("import", 2, 4)
    counts: Counts = {}
    observations = _observations(read, receivers, columns, mapping, counts)
    if positions.dropped:
        counts["impossible_receiver_positions"] = positions.dropped
    unplaced = set(columns.value) - set(columns.mobile) - set(positions.position)
    if mapping.receivers.file is not None and unplaced:
        counts["receivers_without_position"] = len(unplaced)
    if mapping.receivers.only_heard:
        receivers = heard_only(receivers, observations)
    report("import", 3, 4)
    store = write_import(
        source, target, mapping, read, receivers, observations, counts, overwrite=overwrite
    )
    report("import", 4, 4)
    return store


def heard_only(receivers: pa.Table, observations: pa.Table) -> pa.Table:
    """The receivers that an observation names."""
    heard = set(observations["receiver_id"].unique().to_pylist())
    return receivers.filter(
        pa.array([name in heard for name in receivers["receiver_id"].to_pylist()])
    )


def _receiver_columns(rows: pa.Table, where: str, mapping: WideMapping) -> _Columns:
    readings = mapping.readings
    present = [name for name in rows.column_names if name != FILE_COLUMN]
    value: dict[str, str] = {}
    mobile: dict[str, MobileColumns] = {}
    claimed = _claimed(mapping.sessions)
    if readings.mobile is not None:
        for name in present:
            receiver = _receiver_in(name, readings.mobile.value)
            if receiver is not None and name not in claimed:
                filled = _filled(readings.mobile, receiver)
                mobile[receiver] = filled
                claimed |= {filled.value, filled.latitude, filled.longitude}
                if filled.altitude_m is not None:
                    claimed.add(filled.altitude_m)
    of_value = {columns.value: receiver for receiver, columns in mobile.items()}
    for name in present:
        if name in of_value:
            value[of_value[name]] = name
        elif name not in claimed:
            receiver = _fixed_receiver(name, readings)
            if receiver in value:
                raise DatasetError(
                    f"{where} has two columns of the receiver {receiver}",
                    why=f"{value[receiver]} and {name}",
                    unharmed="Nothing was written",
                    action="Correct readings.columns or readings.ignore in the mapping",
                )
            if receiver is not None:
                value[receiver] = name
    for columns in mobile.values():
        require_columns(rows, [columns.latitude, columns.longitude, columns.altitude_m], where)
    if not value:
        raise DatasetError(
            f"{where} has no column of a receiver",
            why=f"None of its columns matches {readings.columns}",
            unharmed="Nothing was written",
            action="Correct readings.columns in the mapping",
        )
    return _Columns(value, mobile)


def _claimed(sessions: SessionsSection) -> set[str]:
    named: list[str | None] = [sessions.id]
    named.append(sessions.time.column if sessions.time else None)
    named.append(sessions.track.column if sessions.track else None)
    if sessions.label is not None and sessions.label.file is None:
        label = sessions.label
        named += [label.latitude, label.longitude, label.altitude_m, label.accuracy_m]
    return {name for name in named if name is not None}


def _fixed_receiver(name: str, readings: WideReadings) -> str | None:
    """The receiver whose readings stand in the column `name`, if any."""
    if any(fnmatchcase(name, pattern) for pattern in readings.ignore):
        return None
    for pattern in readings.columns:
        if "{receiver}" in pattern:
            receiver = _receiver_in(name, pattern)
            if receiver is not None:
                return receiver
        elif fnmatchcase(name, pattern):
            return name
    return None


def _receiver_in(column: str, pattern: str) -> str | None:
    before, after = pattern.split("{receiver}")
    if column.startswith(before) and column.endswith(after):
        receiver = column[len(before) : len(column) - len(after)]
        return receiver or None
    return None


def _filled(mobile: MobileColumns, receiver: str) -> MobileColumns:
    def fill(pattern: str) -> str:
        return pattern.replace("{receiver}", receiver)

    # Unvalidated: a column's name no longer holds the placeholder.
    return mobile.model_copy(
        update={
            "value": fill(mobile.value),
            "latitude": fill(mobile.latitude),
            "longitude": fill(mobile.longitude),
            "altitude_m": None if mobile.altitude_m is None else fill(mobile.altitude_m),
        }
    )


def _observations(
    read: SourceSessions,
    receivers: pa.Table,
    columns: _Columns,
    mapping: WideMapping,
    counts: Counts,
) -> pa.Table:
    readings, rows = mapping.readings, read.rows
    shape = (rows.num_rows, len(columns.value))
    heard = np.zeros(shape, dtype=np.bool_)
    position = np.full((*shape, 3), np.nan)
    values: list[pa.Array] = []
    origin = mapping.dataset.site_origin or site_origin(read.sessions, receivers)
    impossible_count = dropped = 0
    for slot, (receiver, column) in enumerate(columns.value.items()):
        value = _value(rows, column, readings, read.where)
        given = value.is_valid().to_numpy(zero_copy_only=False)
        mobile = columns.mobile.get(receiver)
        if mobile is not None:
            place = _place(rows, mobile, read.where)
            impossible = _is_impossible(place, mobile, origin.latitude_deg, origin.longitude_deg)
            impossible_count += int(impossible.sum())
            dropped += int((given & impossible).sum())
            given = given & ~impossible
            position[:, slot] = place
        heard[:, slot] = given
        values.append(value)
    if columns.mobile:
        counts["impossible_mobile_positions"] = impossible_count
        counts["dropped_observations"] = dropped
    session, slot_of = np.nonzero(heard)
    # Column after column, then picked in the order of the sessions.
    flat = pa.concat_arrays(values).take(pa.array(slot_of * rows.num_rows + session))
    return build_table(
        OBSERVATION_SCHEMA,
        {
            "session_id": read.session_ids.take(pa.array(session)),
            "receiver_id": pa.array(list(columns.value), type=pa.string()).take(pa.array(slot_of)),
            "latitude_deg": position[session, slot_of, 0],
            "longitude_deg": position[session, slot_of, 1],
            "altitude_m": position[session, slot_of, 2],
            readings.measurement: flat,
        },
    )


def _value(rows: pa.Table, column: str, readings: WideReadings, where: str) -> pa.Array:
    if readings.measurement == "toa_ns":
        return integer_values(rows, column, readings.missing, where)
    return pa.array(number_values(rows, column, readings.missing, where), from_pandas=True)


def _place(rows: pa.Table, mobile: MobileColumns, where: str) -> Float64Array:
    columns = (mobile.latitude, mobile.longitude, mobile.altitude_m)
    return np.stack(
        [
            np.full(rows.num_rows, np.nan)
            if column is None
            else number_values(rows, column, mobile.missing, where)
            for column in columns
        ],
        axis=1,
    )


def _is_impossible(
    place: Float64Array, mobile: MobileColumns, latitude_deg: float, longitude_deg: float
) -> NDArray[np.bool_]:
    latitude, longitude = place[:, 0], place[:, 1]
    # A longitude of -1 is a place; a position is absent only where both say so.
    known = np.isfinite(latitude) | np.isfinite(longitude)
    away = distance_m(latitude, longitude, latitude_deg, longitude_deg)
    possible = is_position(latitude, longitude) & ~((latitude == 0.0) & (longitude == 0.0))
    with np.errstate(invalid="ignore"):
        possible &= away <= mobile.within_km * 1000.0
    impossible: NDArray[np.bool_] = known & ~possible
    return impossible
