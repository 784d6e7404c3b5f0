import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training_core.contract.errors import DatasetError
from training_core.data.import_long import import_long
from training_core.data.mapping import LongMapping
from training_core.data.store import SessionStore

PACKED = {
    "format": "long-csv",
    "dataset": {"name": "adsb"},
    "sessions": {
        "file": "set_*.csv",
        "id": "id",
        "track": {"column": "aircraft"},
        "label": {"latitude": "lat", "longitude": "lon", "altitude_m": "alt"},
    },
    "receivers": {"file": "sensors.csv", "id": "serial", "altitude_m": "height"},
    "packed": {"column": "heard", "receiver": 0, "toa_ns": 1, "rssi_dbm": 2},
}
LATE = 1_657_131_022_123_456_789


def packed_source(folder: Path) -> Path:
    source = folder / "source"
    source.mkdir(parents=True)
    (source / "sensors.csv").write_text(
        "serial,latitude,longitude,height\n10,47.4,8.6,430\n11,0,0,0\n12,47.1,8.1,\n"
    )
    (source / "set_1.csv").write_text(
        "id,aircraft,lat,lon,alt,heard\n"
        f'7,a,47.5,8.5,9000,"[[10,{LATE},-40],[12,{LATE + 1},null]]"\n'
    )
    (source / "set_2.csv").write_text(
        f'id,aircraft,lat,lon,alt,heard\n7,b,47.6,8.6,,"[[99,{LATE + 2},-50.5]]"\n8,b,,,,\n'
    )
    return source


def test_packed_readings_of_several_files(tmp_path: Path) -> None:
    store = import_long(
        packed_source(tmp_path), tmp_path / "set", LongMapping.model_validate(PACKED)
    )
    assert store.session_ids == ["set_1-7", "set_2-7", "set_2-8"]
    assert store.sessions["track"].to_pylist() == ["a", "b", "b"]
    assert store.sessions["altitude_m"].to_pylist() == [9000.0, None, None]
    assert store.sessions["latitude_deg"].to_pylist() == [47.5, 47.6, None]
    assert store.observations["toa_ns"].to_pylist() == [LATE, LATE + 1, LATE + 2]
    assert store.observations["rssi_dbm"].to_pylist() == [-40.0, None, -50.5]
    assert store.receiver_ids == ["10", "11", "12", "99"]
    assert store.receivers["latitude_deg"].to_pylist() == [47.4, None, 47.1, None]
    assert store.receivers["altitude_m"].to_pylist() == [430.0, None, None, None]
    assert store.info.notes == {
        "receivers_without_position": 1,
        "impossible_receiver_positions": 1,
    }


def test_receivers_nobody_heard_may_be_left_out(tmp_path: Path) -> None:
    mapping = LongMapping.model_validate(
        {**PACKED, "receivers": {**PACKED["receivers"], "only_heard": True}}  # type: ignore[dict-item]
    )
    store = import_long(packed_source(tmp_path), tmp_path / "set", mapping)
    assert store.receiver_ids == ["10", "12", "99"]


@pytest.mark.parametrize(
    "cell", ["[[10]]", "{}x", '[["a", "b", 1]]', "[[10, 1.5e400, 3]]", "[[true, 1, 2]]", "7"]
)
def test_readings_of_another_form_are_named_by_line(tmp_path: Path, cell: str) -> None:
    source = packed_source(tmp_path)
    text = cell.replace('"', '""')
    (source / "set_2.csv").write_text(f'id,aircraft,lat,lon,alt,heard\n7,b,47.6,8.6,,"{text}"\n')
    with pytest.raises(DatasetError, match="line 3 that are not as the mapping says"):
        import_long(source, tmp_path / "set", LongMapping.model_validate(PACKED))
    assert not (tmp_path / "set").exists()


def row_mapping(**readings: Any) -> LongMapping:
    return LongMapping.model_validate(
        {
            "format": "long-csv",
            "dataset": {"name": "rows"},
            "sessions": {
                "file": "rows.csv",
                "id": "session",
                "time": {"column": "t", "format": "unix_s"},
                "label": {"latitude": "lat", "longitude": "lon"},
            },
            "readings": {"receiver": "rx", "rssi_dbm": "rssi", "toa_ns": "toa", **readings},
        }
    )


def import_rows(folder: Path, rows: list[str], **readings: Any) -> SessionStore:
    header = "session,t,lat,lon,rx,rssi,toa,rx_lat,rx_lon"
    (folder / "rows.csv").write_text("\n".join([header, *rows]) + "\n")
    return import_long(folder / "rows.csv", folder / "set", row_mapping(**readings))


def test_a_row_per_observation(tmp_path: Path) -> None:
    store = import_rows(
        tmp_path,
        [
            f"a,1657131022.123456789,45.1,7.1,north,-80,{LATE},,",
            "b,1657131026,45.2,7.2,north,-81,,,",
            "a,1657131022.123456789,45.1,7.1,car,-82,,45.3,7.3",
            "b,1657131026,45.2,7.2,car,-83,,0,0",
            "b,1657131026,45.2,7.2,south,,,,",
        ],
        latitude="rx_lat",
        longitude="rx_lon",
    )
    assert store.session_ids == ["a", "b"]
    assert store.sessions["time"].cast("int64").to_pylist() == [LATE, 1_657_131_026_000_000_000]
    heard = [(r["session_id"], r["receiver_id"]) for r in store.observations.to_pylist()]
    assert heard == [("a", "north"), ("b", "north"), ("a", "car")]
    assert store.observations["toa_ns"].to_pylist() == [LATE, None, None]
    assert dict(zip(store.receiver_ids, store.receivers["mobile"].to_pylist(), strict=True)) == {
        "north": False,
        "car": True,
        "south": False,
    }
    assert store.info.notes["dropped_observations"] == 1


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        (["a,1,45.1,7.1,n,-80,,,", "a,1,45.2,7.1,s,-80,,,"], "session a two labels"),
        (["a,1,45.1,7.1,n,-80,,,", "a,1,,,s,-80,,,"], "session a two labels"),
        (["a,1,45.1,7.1,,-80,,,"], "reading of no receiver in line 2"),
        ([",1,45.1,7.1,n,-80,,,"], "no session id in column session, line 2"),
        (["a,1,45.1,7.1,n,-80,soon,,"], "'soon' in column toa, line 2"),
        (["a,noon,45.1,7.1,n,-80,,,"], "not of the format unix_s"),
        (["a,1,95.1,7.1,n,-80,,,"], "not on Earth"),
    ],
)
def test_contradicting_rows_are_refused(tmp_path: Path, rows: list[str], match: str) -> None:
    with pytest.raises(DatasetError, match=match):
        import_rows(tmp_path, rows)
    assert not (tmp_path / "set").exists()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.sampled_from("pqr"),
            st.none() | st.floats(-150, 0),
            st.none() | st.integers(-(2**63), 2**63 - 1),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_every_observation_arrives_in_order_and_exactly(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[int, str, float | None, int | None]],
) -> None:
    folder = tmp_path_factory.mktemp("long")
    with (folder / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["session", "t", "lat", "lon", "rx", "rssi", "toa"])
        for session, receiver, rssi, toa in rows:
            writer.writerow([session, session * 4, 45.0 + session * 0.01, 7.0, receiver, rssi, toa])
    expected = [
        (str(session), receiver, rssi, toa)
        for session, receiver, rssi, toa in rows
        if rssi is not None or toa is not None
    ]
    store = import_long(folder / "rows.csv", folder / "set", row_mapping())
    found = [
        (row["session_id"], row["receiver_id"], row["rssi_dbm"], row["toa_ns"])
        for row in store.observations.to_pylist()
    ]
    assert found == expected
    assert store.session_ids == list(dict.fromkeys(str(row[0]) for row in rows))
