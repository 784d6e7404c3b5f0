"""Counting what a dataset holds, for summary.json."""

import math
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training_core.contract.datasets import (
    DatasetSummary,
    FileStamp,
    Occupancy,
    ReceiverSummary,
    SplitSummary,
)
from training_core.data.info import DatasetInfo
from training_core.data.tables import MEASUREMENTS, float_column, index_of
from training_core.radio.geo import is_position

MAP_COLUMNS = 160
MAP_ROWS = 80


def build_summary(
    info: DatasetInfo,
    tables: dict[str, pa.Table],
    fingerprint: str,
    files: dict[str, FileStamp],
) -> DatasetSummary:
    """Count sessions, receivers, measurements and where the labels lie.

    Args:
        info: What dataset.toml says.
        tables: `receivers`, `sessions` and `observations`.
        fingerprint: Of the dataset's content.
        files: Stamps by which staleness is noticed.
    """
    receivers, sessions, observations = (
        tables["receivers"],
        tables["sessions"],
        tables["observations"],
    )
    heard = measured(observations)
    receiver = index_of(observations["receiver_id"], receivers["receiver_id"])
    session = index_of(observations["session_id"], sessions["session_id"])
    valid = heard & (receiver >= 0) & (session >= 0)
    # A receiver may measure one session more than once.
    pairs = np.unique(session[valid] * receivers.num_rows + receiver[valid])
    per_receiver = np.bincount(pairs % max(receivers.num_rows, 1), minlength=receivers.num_rows)
    per_session = np.bincount(pairs // max(receivers.num_rows, 1), minlength=sessions.num_rows)
    hearing, count = np.unique(per_session, return_counts=True)
    labeled = is_position(
        float_column(sessions, "latitude_deg"), float_column(sessions, "longitude_deg")
    )
    first, last = _time_span(sessions)
    return DatasetSummary(
        name=info.name,
        licence=info.licence,
        source=info.source,
        description=info.description,
        fingerprint=fingerprint,
        origin_latitude_deg=info.site_origin.latitude_deg,
        origin_longitude_deg=info.site_origin.longitude_deg,
        sessions=sessions.num_rows,
        labeled_sessions=int(labeled.sum()),
        observations=observations.num_rows,
        receivers=[
            ReceiverSummary(
                receiver_id=str(row["receiver_id"]),
                latitude_deg=_finite(row["latitude_deg"]),
                longitude_deg=_finite(row["longitude_deg"]),
                mobile=bool(row["mobile"]),
                sessions=int(heard_in),
            )
            for row, heard_in in zip(receivers.to_pylist(), per_receiver, strict=True)
        ],
        measurements={
            name: observations.num_rows - observations[name].null_count
            for name in MEASUREMENTS
            if observations[name].null_count < observations.num_rows
        },
        tracks=len(pc.unique(sessions["track"].drop_null())),
        first_time=first,
        last_time=last,
        receivers_per_session=dict(zip(hearing.tolist(), count.tolist(), strict=True)),
        splits=[
            SplitSummary(
                name=name,
                by=split.by,
                description=split.description,
                leaking=split.by == "random",
            )
            for name, split in info.splits.items()
        ],
        occupancy=_occupancy(sessions, receivers, labeled),
        notes=info.notes,
        files=files,
    )


def measured(observations: pa.Table) -> NDArray[np.bool_]:
    """Whether each observation holds any measurement."""
    heard = np.zeros(observations.num_rows, dtype=np.bool_)
    for name in MEASUREMENTS:
        heard |= pc.is_valid(observations[name]).to_numpy(zero_copy_only=False)
    return heard


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _time_span(sessions: pa.Table) -> tuple[str | None, str | None]:
    seconds = sessions["time"].cast(pa.timestamp("s", tz="UTC"), safe=False)
    span = pc.min_max(seconds).as_py()
    return _iso(span["min"]), _iso(span["max"])


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _occupancy(
    sessions: pa.Table, receivers: pa.Table, labeled: NDArray[np.bool_]
) -> Occupancy | None:
    latitude = float_column(sessions, "latitude_deg")[labeled]
    longitude = float_column(sessions, "longitude_deg")[labeled]
    receiver_latitude = float_column(receivers, "latitude_deg")
    receiver_longitude = float_column(receivers, "longitude_deg")
    placed = is_position(receiver_latitude, receiver_longitude)
    every_latitude = np.concatenate([latitude, receiver_latitude[placed]])
    every_longitude = np.concatenate([longitude, receiver_longitude[placed]])
    if len(every_latitude) == 0:
        return None
    # A single point still needs a box with an area.
    south, north = every_latitude.min() - 1e-6, every_latitude.max() + 1e-6
    west, east = every_longitude.min() - 1e-6, every_longitude.max() + 1e-6
    counts, _, _ = np.histogram2d(
        latitude, longitude, bins=(MAP_ROWS, MAP_COLUMNS), range=((south, north), (west, east))
    )
    return Occupancy(
        south_deg=float(south),
        west_deg=float(west),
        north_deg=float(north),
        east_deg=float(east),
        counts=counts.astype(np.int64).tolist(),
    )
