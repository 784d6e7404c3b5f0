"""Small session stores made of drawn numbers, for the tests of this folder."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from training_core.data.info import DatasetInfo, SiteOrigin
from training_core.data.store import SessionStore, write_store
from training_core.data.tables import (
    OBSERVATION_SCHEMA,
    RECEIVER_SCHEMA,
    SESSION_SCHEMA,
    build_table,
)
from training_core.radio.geo import LocalFrame

ORIGIN = SiteOrigin(latitude_deg=45.0, longitude_deg=7.0)
INFO = DatasetInfo(name="small", licence="none", source="drawn", site_origin=ORIGIN)
FIRST_NS = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z


def small_tables(
    *, sessions: int = 10, receivers: int = 4, seed: int = 0, extent_m: float = 1000.0
) -> dict[str, pa.Table]:
    """Sessions 4 s apart on tracks of five, each heard by every receiver."""
    random = np.random.default_rng(seed)
    frame = LocalFrame(ORIGIN.latitude_deg, ORIGIN.longitude_deg)
    latitude, longitude = frame.to_wgs84(*random.uniform(-extent_m, extent_m, (2, receivers)))
    label_latitude, label_longitude = frame.to_wgs84(
        *random.uniform(-extent_m, extent_m, (2, sessions))
    )
    session_ids = [f"s{row}" for row in range(sessions)]
    receiver_ids = [f"r{row}" for row in range(receivers)]
    return {
        "receivers": build_table(
            RECEIVER_SCHEMA,
            {"receiver_id": receiver_ids, "latitude_deg": latitude, "longitude_deg": longitude},
        ),
        "sessions": build_table(
            SESSION_SCHEMA,
            {
                "session_id": session_ids,
                "time": np.datetime64(FIRST_NS, "ns")
                + np.arange(sessions) * np.timedelta64(4, "s"),
                "track": [f"t{row // 5}" for row in range(sessions)],
                "latitude_deg": label_latitude,
                "longitude_deg": label_longitude,
            },
        ),
        "observations": build_table(
            OBSERVATION_SCHEMA,
            {
                "session_id": np.repeat(session_ids, receivers),
                "receiver_id": np.tile(receiver_ids, sessions),
                "rssi_dbm": random.normal(-80.0, 8.0, sessions * receivers),
            },
        ),
    }


def write_small_store(
    path: Path, *, sessions: int = 10, receivers: int = 4, seed: int = 0
) -> SessionStore:
    return write_store(
        path, INFO, **small_tables(sessions=sessions, receivers=receivers, seed=seed)
    )
