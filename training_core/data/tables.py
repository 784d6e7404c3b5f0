"""The three tables of a session store: their columns, and how arrays become such a table."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training_core.contract.errors import DatasetError

RECEIVER_SCHEMA = pa.schema(
    [
        pa.field("receiver_id", pa.string(), nullable=False),
        pa.field("latitude_deg", pa.float64()),
        pa.field("longitude_deg", pa.float64()),
        pa.field("altitude_m", pa.float64()),
        pa.field("mobile", pa.bool_(), nullable=False),
        pa.field("floor_dbm", pa.float64()),
        pa.field("sync_class", pa.string()),
    ]
)
SESSION_SCHEMA = pa.schema(
    [
        pa.field("session_id", pa.string(), nullable=False),
        pa.field("time", pa.timestamp("ns", tz="UTC")),
        pa.field("track", pa.string()),
        pa.field("latitude_deg", pa.float64()),
        pa.field("longitude_deg", pa.float64()),
        pa.field("altitude_m", pa.float64()),
        pa.field("label_accuracy_m", pa.float64()),
    ]
)
OBSERVATION_SCHEMA = pa.schema(
    [
        pa.field("session_id", pa.string(), nullable=False),
        pa.field("receiver_id", pa.string(), nullable=False),
        pa.field("latitude_deg", pa.float64()),
        pa.field("longitude_deg", pa.float64()),
        pa.field("altitude_m", pa.float64()),
        pa.field("rssi_dbm", pa.float64()),
        pa.field("snr_db", pa.float64()),
        # Nanoseconds since an epoch do not fit float64's 53 bits.
        pa.field("toa_ns", pa.int64()),
        pa.field("time_sd_ns", pa.float64()),
        pa.field("cfo_hz", pa.float64()),
        pa.field("iq", pa.string()),
    ]
)
MEASUREMENTS = ("rssi_dbm", "snr_db", "toa_ns", "time_sd_ns", "cfo_hz", "iq")
"""The columns of an observation that say something about the signal."""

_REQUIRED = {
    "receivers": ("receiver_id", "latitude_deg", "longitude_deg"),
    "sessions": ("session_id", "latitude_deg", "longitude_deg"),
    "observations": ("session_id", "receiver_id"),
}
SCHEMAS = {
    "receivers": RECEIVER_SCHEMA,
    "sessions": SESSION_SCHEMA,
    "observations": OBSERVATION_SCHEMA,
}


def build_table(schema: pa.Schema, columns: Mapping[str, Any]) -> pa.Table:
    """A table of `schema` from arrays or lists of one length; what is not given is null.

    NaN in a floating-point NumPy array means "not observed" and becomes null; `mobile`
    is False where it is not given.

    Raises:
        ValueError: A column is not in the schema, or the lengths differ.
    """
    unknown = sorted(set(columns) - set(schema.names))
    if unknown:
        raise ValueError(f"Not columns of this table: {', '.join(unknown)}")
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"Columns of different lengths: {lengths}")
    rows = next(iter(lengths.values()), 0)
    return pa.table(
        [_column(field, columns.get(field.name), rows) for field in schema], schema=schema
    )


def _column(field: pa.Field, values: Any, rows: int) -> pa.Array | pa.ChunkedArray:
    if values is None:
        if field.type == pa.bool_():
            return pa.array(np.zeros(rows, dtype=np.bool_))
        return pa.nulls(rows, field.type)
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values.cast(field.type)
    if isinstance(values, np.ndarray) and values.dtype.kind == "U":
        values = values.astype(object)
    return pa.array(values, type=field.type, from_pandas=True)


def conform(table: pa.Table, name: str, where: str) -> pa.Table:
    """`table` with exactly the columns of the schema called `name`, absent ones null.

    Raises:
        DatasetError: A required column is missing or a column has another type.
    """
    schema = SCHEMAS[name]
    missing = [column for column in _REQUIRED[name] if column not in table.column_names]
    if missing:
        raise missing_columns(missing, table.column_names, where, known=schema.names)
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(_column(field, None, table.num_rows))
            continue
        try:
            columns.append(table[field.name].cast(field.type))
        except pa.ArrowException as error:
            raise DatasetError(
                f"Column {field.name} of {where} is not {field.type}",
                why=str(error).splitlines()[0],
                unharmed="Nothing was changed",
                action="Import the dataset again",
            ) from error
    # Nulls in an id are the checker's to report, so the reader's schema allows them.
    return pa.table(columns, names=schema.names)


def missing_columns(
    missing: Sequence[str], present: Sequence[str], where: str, known: Sequence[str] = ()
) -> DatasetError:
    """The error for columns that a file does not have, each with the nearest that it has.

    Args:
        missing: Columns that were looked for.
        present: Columns of the file.
        where: What the file is called in the message.
        known: Columns with another meaning: never the nearest.
    """
    candidates = [column for column in present if column not in known]
    described = []
    for column in missing:
        near = _nearest(column, candidates)
        described.append(f"{column} (nearest present: {near})" if near else column)
    shown = ", ".join(present[:12]) + (", …" if len(present) > 12 else "")
    return DatasetError(
        f"{where} has no column {', '.join(described)}",
        why=f"Its columns are: {shown}" if present else "It has no columns",
        unharmed="Nothing was written",
        action="Name the columns as the file does",
    )


def _nearest(column: str, candidates: Sequence[str]) -> str | None:
    close = difflib.get_close_matches(column, candidates, n=1, cutoff=0.4)
    # A short name inside a long one is near, though most letters differ.
    close += [name for name in candidates if name.lower().startswith(column.lower())]
    return close[0] if close else None


def float_column(table: pa.Table, name: str) -> NDArray[np.float64]:
    """A numeric column as float64, null as NaN."""
    column = pc.cast(table[name], pa.float64(), safe=False)
    values: NDArray[np.float64] = column.to_numpy(zero_copy_only=False).astype(
        np.float64, copy=False
    )
    return values


def text_column(table: pa.Table, name: str) -> NDArray[np.object_]:
    """A text column as an array of str, null as None."""
    values: NDArray[np.object_] = (
        table[name].to_numpy(zero_copy_only=False).astype(object, copy=False)
    )
    return values


def index_of(values: pa.ChunkedArray, ids: pa.ChunkedArray) -> NDArray[np.int64]:
    """Position of every value among `ids`; -1 where it is not there."""
    found = pc.index_in(values, value_set=ids.combine_chunks())
    indices: NDArray[np.int64] = (
        pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    )
    return indices


def time_ns(sessions: pa.Table) -> NDArray[np.int64]:
    """Times of the sessions in nanoseconds since 1970 UTC; the smallest int64 where unknown."""
    integers = sessions["time"].cast(pa.timestamp("ns", tz="UTC")).cast(pa.int64())
    times: NDArray[np.int64] = pc.fill_null(integers, NO_TIME).to_numpy(zero_copy_only=False)
    return times


NO_TIME = int(np.iinfo(np.int64).min)
