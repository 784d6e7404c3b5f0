"""The sessions of somebody's table: ids, times, tracks and labels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from training_core.contract.errors import DatasetError
from training_core.data.csv_source import (
    FILE_COLUMN,
    number_values,
    read_csv,
    require_columns,
    source_files,
    text_values,
    time_values,
)
from training_core.data.info import SiteOrigin
from training_core.data.mapping import LabelColumns, SessionsSection, TrackRule
from training_core.data.tables import SESSION_SCHEMA, build_table
from training_core.radio.geo import is_position

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class SourceSessions:
    """The rows of a source and the sessions that they are."""

    rows: pa.Table
    """Every row as text, one per session."""
    sessions: pa.Table
    """The table `sessions` of the store, row by row beside `rows`."""
    where: str
    """What the source is called in messages."""

    @property
    def session_ids(self) -> pa.ChunkedArray:
        """Ids in the order of the rows."""
        return self.sessions["session_id"]


def read_rows(source: Path, section: SessionsSection) -> tuple[pa.Table, str]:
    """Every row of the table of sessions as text, and what to call it in messages.

    Raises:
        DatasetError: The source is missing, empty or unreadable.
    """
    files = source_files(source, section.file)
    where = files[0].name if len(files) == 1 else section.file
    return read_csv(files, section.delimiter), where


def build_sessions(
    source: Path,
    rows: pa.Table,
    where: str,
    section: SessionsSection,
    ids: list[str] | None = None,
) -> SourceSessions:
    """Sessions from rows, of which each is one.

    Args:
        source: Folder or file that is imported.
        rows: Text as read.
        where: What the rows are called in messages.
        section: Names of the columns.
        ids: Ids where the caller has already made them unique.

    Raises:
        DatasetError: A column is missing, a value is not what the mapping says, or a
            label is not on Earth.
    """
    track = section.track.column if section.track else None
    time = section.time.column if section.time else None
    require_columns(rows, [section.id, time, track], where)
    columns: dict[str, object] = {
        "session_id": ids if ids is not None else session_ids(rows, section.id, where)
    }
    if section.time is not None:
        columns["time"] = time_values(rows, section.time, where)
    if section.track is not None:
        columns["track"] = _tracks(rows, section.track, columns.get("time"), where)
    if section.label is not None:
        columns |= _labels(source, rows, where, section)
    return SourceSessions(rows, build_table(SESSION_SCHEMA, columns), where)


def session_ids(rows: pa.Table, column: str | None, where: str) -> list[str]:
    """A unique id for every row: its column's value, or its number.

    Rows of several files carry the name of their file; a value that repeats gets a number.

    Raises:
        DatasetError: A row has no value in that column.
    """
    files = rows[FILE_COLUMN].to_pylist()
    several = len(set(files)) > 1
    if column is None:
        width = len(str(rows.num_rows - 1))
        values = [f"{row:0{width}d}" for row in range(rows.num_rows)]
        return (
            [f"{file}-{value}" for file, value in zip(files, values, strict=True)]
            if several
            else values
        )
    given = text_values(rows, column)
    if given.null_count:
        row = given.to_pylist().index(None)
        raise _refusal(
            f"{where} has no session id in column {column}, line {row + 2}",
            f"{given.null_count} cells are empty",
            "Complete the column, or leave sessions.id out of the mapping to number the rows",
        )
    names = given.to_pylist()
    if several:
        names = [f"{file}-{name}" for file, name in zip(files, names, strict=True)]
    return unique_names(names)


def unique_names(names: list[str]) -> list[str]:
    """The names, where one that repeats gets `#2`, `#3` and so on."""
    taken = set(names)
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        count = seen.get(name, 0) + 1
        candidate = name
        if count > 1:
            candidate = f"{name}#{count}"
            while candidate in taken:
                count += 1
                candidate = f"{name}#{count}"
            taken.add(candidate)
        seen[name] = count
        unique.append(candidate)
    return unique


def _tracks(rows: pa.Table, rule: TrackRule, time: object, where: str) -> pa.Array | list[str]:
    if rule.column is not None:
        return text_values(rows, rule.column)
    if not isinstance(time, pa.Array | pa.ChunkedArray) or time.null_count:
        raise _refusal(
            f"The sessions of {where} cannot be divided into tracks by time",
            "sessions.track.gap_s needs a time in every row",
            "Name sessions.time in the mapping, or a column of tracks",
        )
    seconds = time.cast(pa.int64()).to_numpy(zero_copy_only=False) * 1e-9
    order = np.argsort(seconds, kind="stable")
    assert rule.gap_s is not None
    number = np.empty(len(seconds), dtype=np.int64)
    number[order] = np.cumsum(np.diff(seconds[order], prepend=seconds[order][:1]) > rule.gap_s)
    width = len(str(int(number.max())))
    return [f"track-{track:0{width}d}" for track in number.tolist()]


def _labels(
    source: Path, rows: pa.Table, where: str, section: SessionsSection
) -> dict[str, Float64Array]:
    label = section.label
    assert label is not None
    table = rows
    if label.file is not None:
        folder = source if source.is_dir() else source.parent
        table = read_csv(source_files(folder, label.file), section.delimiter)
        if table.num_rows != rows.num_rows:
            raise _refusal(
                f"{label.file} and {where} do not belong together row by row",
                f"They have {table.num_rows} and {rows.num_rows} rows",
                "Correct sessions.label.file in the mapping",
            )
        where = label.file
    require_columns(
        table, [label.latitude, label.longitude, label.altitude_m, label.accuracy_m], where
    )

    def numbers(column: str) -> Float64Array:
        return number_values(table, column, label.missing, where)

    latitude, longitude = numbers(label.latitude), numbers(label.longitude)
    refuse_impossible_labels(latitude, longitude, where, label)
    columns = {"latitude_deg": latitude, "longitude_deg": longitude}
    if label.altitude_m is not None:
        columns["altitude_m"] = numbers(label.altitude_m)
    if label.accuracy_m is not None:
        columns["label_accuracy_m"] = numbers(label.accuracy_m)
    return columns


def refuse_impossible_labels(
    latitude: Float64Array, longitude: Float64Array, where: str, label: LabelColumns
) -> None:
    """Refuse labels of which one half is missing, or that are not on Earth.

    Raises:
        DatasetError: Names the first line, and says when the columns look exchanged.
    """
    known = np.isfinite(latitude)
    half = known != np.isfinite(longitude)
    if half.any():
        raise _refusal(
            f"{where} has a latitude without a longitude, or the other way round, "
            f"in line {int(np.argmax(half)) + 2}",
            f"{int(half.sum())} rows are like that",
            "Complete them or leave both cells empty",
        )
    impossible = known & ~is_position(latitude, longitude)
    if not impossible.any():
        return
    row = int(np.argmax(impossible))
    exchanged = bool(is_position(longitude[known], latitude[known]).all())
    raise _refusal(
        f"{where} has a label that is not on Earth in line {row + 2}: "
        f"{label.latitude} {latitude[row]:g}, {label.longitude} {longitude[row]:g}",
        f"{int(impossible.sum())} of {int(known.sum())} labels are out of range",
        "Latitude and longitude look exchanged: exchange the two in sessions.label"
        if exchanged
        else "Correct the cells, or list their value under sessions.label.missing",
    )


def site_origin(sessions: pa.Table, receivers: pa.Table) -> SiteOrigin:
    """The middle of the labels, or of the receivers where nothing is labeled.

    Raises:
        DatasetError: Neither is known.
    """
    for table in (sessions, receivers):
        latitude = table["latitude_deg"].to_numpy(zero_copy_only=False)
        longitude = table["longitude_deg"].to_numpy(zero_copy_only=False)
        placed = is_position(latitude, longitude)
        if placed.any():
            # Averaged in space, so that the date line divides nothing.
            north, east = np.radians(latitude[placed]), np.radians(longitude[placed])
            x = float((np.cos(north) * np.cos(east)).mean())
            y = float((np.cos(north) * np.sin(east)).mean())
            z = float(np.sin(north).mean())
            return SiteOrigin(
                latitude_deg=round(float(np.degrees(np.arctan2(z, np.hypot(x, y)))), 5),
                longitude_deg=round(float(np.degrees(np.arctan2(y, x))), 5),
            )
    raise _refusal(
        "The dataset lies nowhere",
        "No session is labeled and no receiver has a position",
        "Give labels or positions of receivers, or dataset.site_origin in a mapping",
    )


def _refusal(what: str, why: str, action: str) -> DatasetError:
    return DatasetError(what, why=why, unharmed="Nothing was written", action=action)
