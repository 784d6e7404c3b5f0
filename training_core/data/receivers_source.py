"""Where the receivers stand: CSV, JSON, or a Python literal that is parsed and never run."""

import ast
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from training_core.contract.errors import DatasetError
from training_core.data.csv_source import number_values, read_csv, require_columns, text_values
from training_core.data.mapping import ReceiversSection
from training_core.data.tables import RECEIVER_SCHEMA, build_table
from training_core.radio.geo import is_position

MAX_LITERAL_BYTES = 16 * 1024 * 1024

Placed = tuple[float, float, float]
"""Latitude, longitude, altitude; NaN where unknown."""

_NOWHERE: Placed = (np.nan, np.nan, np.nan)


@dataclass
class ReceiverPositions:
    """Positions by receiver id, in the order of their file."""

    position: dict[str, Placed] = field(default_factory=dict)
    dropped: int = 0
    """Positions that cannot be and became unknown."""


def read_receiver_positions(source: Path, section: ReceiversSection) -> ReceiverPositions:
    """Read the receivers' file, if the mapping names one.

    Raises:
        DatasetError: The file is missing, unreadable, or places a receiver twice.
    """
    if section.file is None:
        return ReceiverPositions()
    folder = source if source.is_dir() else source.parent
    file = folder / section.file
    if not file.is_file():
        raise _refusal(
            f"There is no file of receivers {file}", "", "Correct receivers.file in the mapping"
        )
    rows = _csv_rows(file, section) if section.format == "csv" else _literal_rows(file, section)
    found = ReceiverPositions()
    for name, placed in rows:
        if name in found.position and not _same(found.position[name], placed):
            raise _refusal(
                f"{file} places the receiver {name} twice, at different positions",
                f"{found.position[name][:2]} and {placed[:2]}",
                "Leave the right one",
            )
        found.position[name] = placed
    for name, placed in found.position.items():
        if np.isnan(placed[0]) and np.isnan(placed[1]):
            continue
        nowhere = section.null_island and placed[0] == 0.0 and placed[1] == 0.0
        if nowhere or not bool(is_position(placed[0], placed[1])):
            found.position[name] = _NOWHERE
            found.dropped += 1
    return found


def receivers_table(
    ids: list[str],
    positions: ReceiverPositions,
    mobile: set[str],
    section: ReceiversSection,
) -> pa.Table:
    """The table `receivers` for `ids`; a receiver without a known position has null."""
    placed = np.array([positions.position.get(name, _NOWHERE) for name in ids], dtype=np.float64)
    placed = placed.reshape(len(ids), 3)
    moving = np.array([name in mobile for name in ids], dtype=np.bool_)
    placed[moving] = np.nan
    return build_table(
        RECEIVER_SCHEMA,
        {
            "receiver_id": ids,
            "latitude_deg": placed[:, 0],
            "longitude_deg": placed[:, 1],
            "altitude_m": placed[:, 2],
            "mobile": moving,
            "sync_class": [section.sync_class] * len(ids),
        },
    )


def _csv_rows(file: Path, section: ReceiversSection) -> list[tuple[str, Placed]]:
    table = read_csv([file])
    latitude, longitude = str(section.latitude), str(section.longitude)
    altitude = None if section.altitude_m is None else str(section.altitude_m)
    require_columns(table, [section.id, latitude, longitude, altitude], file.name)
    ids = text_values(table, section.id).to_pylist()
    unnamed = [row for row, name in enumerate(ids) if name is None]
    if unnamed:
        raise _refusal(f"{file} has no {section.id} in line {unnamed[0] + 2}", "", "Complete it")
    columns = [
        number_values(table, column, section.missing, file.name)
        if column is not None
        else np.full(table.num_rows, np.nan)
        for column in (latitude, longitude, altitude)
    ]
    places = [(float(a), float(b), float(c)) for a, b, c in zip(*columns, strict=True)]
    return list(zip(ids, places, strict=True))


def _literal_rows(file: Path, section: ReceiversSection) -> list[tuple[str, Placed]]:
    try:
        content = file.read_bytes()
        pairs = _pairs(content, python=section.format == "python")
    except (
        OSError,
        UnicodeDecodeError,
        ValueError,
        SyntaxError,
        # A literal nested without end, or one made to exhaust the parser.
        RecursionError,
        MemoryError,
    ) as error:
        raise _refusal(
            f"{file} cannot be read as {section.format}",
            str(error).splitlines()[0] if str(error) else type(error).__name__,
            "Correct receivers.format in the mapping (csv, json or python), or the file",
        ) from error
    rows = []
    for name, value in pairs:
        try:
            rows.append((str(name), _placed(value, section)))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise _refusal(
                f"{file} does not place the receiver {name} as the mapping says",
                f"It holds {value!r:.80}; {type(error).__name__}: {error}",
                "Correct receivers.latitude and receivers.longitude: a key, or a place in a list",
            ) from error
    return rows


def _pairs(content: bytes, *, python: bool) -> list[tuple[Any, Any]]:
    if len(content) > MAX_LITERAL_BYTES:
        raise ValueError(f"it is larger than {MAX_LITERAL_BYTES} bytes")
    if not python:
        plain = orjson.loads(content)
        if not isinstance(plain, dict):
            raise ValueError("an object of receivers is expected")
        return list(plain.items())
    node = ast.parse(content.decode("utf-8").strip(), mode="eval").body
    if not isinstance(node, ast.Dict):
        raise ValueError("a dictionary of receivers is expected")
    # Key by key: a dictionary would silently keep only the last of two equal keys.
    return [
        (ast.literal_eval(key), ast.literal_eval(value))
        for key, value in zip(node.keys, node.values, strict=True)
        if key is not None
    ]


def _placed(value: Any, section: ReceiversSection) -> Placed:
    if value is None:
        return _NOWHERE
    latitude, longitude = value[section.latitude], value[section.longitude]
    altitude = None if section.altitude_m is None else value[section.altitude_m]
    numbers = [
        np.nan if item is None or item in section.missing else float(item)
        for item in (latitude, longitude, altitude)
    ]
    return numbers[0], numbers[1], numbers[2]


def _same(one: Placed, other: Placed) -> bool:
    return bool(np.array_equal(one, other, equal_nan=True))


def _refusal(what: str, why: str, action: str) -> DatasetError:
    return DatasetError(what, why=why, unharmed="Nothing was written", action=action)
