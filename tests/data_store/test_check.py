from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.data_store.stores import write_small_store
from training_core.contract.datasets import DatasetSummary, read_summary
from training_core.contract.errors import DatasetError
from training_core.contract.jobs import DatasetArguments
from training_core.data.check import check_tables, refuse_unusable
from training_core.data.jobs import check, summarize
from training_core.data.store import SessionStore, open_store


def broken(folder: Path, table: str, **columns: Any) -> SessionStore:
    """A store of which somebody changed a table by hand: value per row, or a function of all."""
    write_small_store(folder / "set", sessions=10)
    file = folder / "set" / f"{table}.parquet"
    content = pq.read_table(file).to_pydict()
    for name, changes in columns.items():
        for row, value in changes.items():
            content[name][row] = value
    schema = pa.schema([field.with_nullable(True) for field in pq.read_schema(file)])
    pq.write_table(pa.table(content, schema=schema), file)
    return open_store(folder / "set")


@pytest.mark.parametrize(
    ("table", "columns", "what", "count"),
    [
        ("sessions", {"session_id": {0: None}}, "sessions without a session_id", 1),
        ("sessions", {"session_id": {0: "s1"}}, "session ids that stand more than once", 1),
        ("sessions", {"session_id": {0: "other"}}, "session_ids of observations that no table", 1),
        ("receivers", {"receiver_id": {0: "r1"}}, "receiver ids that stand more than once", 1),
        (
            "observations",
            {"receiver_id": {0: "x"}},
            "receiver_ids of observations that no table",
            1,
        ),
        ("sessions", {"latitude_deg": {0: 111.0, 1: -91.0}}, "labels that are not on Earth", 2),
        ("sessions", {"latitude_deg": {0: 111.0}}, "look exchanged", 1),
        ("sessions", {"longitude_deg": {3: None}}, "labels of which one half is missing", 1),
        ("sessions", {"altitude_m": {3: np.nan}}, "altitude_m of sessions that is NaN", 1),
        ("observations", {"rssi_dbm": {3: np.inf}}, "rssi_dbm of observations that is NaN", 1),
        ("observations", {"iq": {3: "iq/a"}}, "IQ recordings that are not there", 1),
        (
            "observations",
            {"latitude_deg": {3: 0.0}, "longitude_deg": {3: 0.0}},
            "impossible positions of receivers in observations",
            1,
        ),
        ("receivers", {"latitude_deg": {0: 95.0}}, "impossible positions of receivers in rec", 1),
        (
            "sessions",
            {
                "latitude_deg": dict.fromkeys(range(10)),
                "longitude_deg": dict.fromkeys(range(10)),
            },
            "no session is labeled",
            10,
        ),
        (
            "observations",
            {"rssi_dbm": dict.fromkeys(range(40))},
            "no observation holds a measurement",
            40,
        ),
    ],
)
def test_errors_are_found_and_refused_for_training(
    tmp_path: Path, table: str, columns: dict[str, dict[int, Any]], what: str, count: int
) -> None:
    store = broken(tmp_path, table, **columns)
    found = [item for item in check_tables(store) if what in item.what]
    assert [(item.severity, item.count) for item in found] == [("error", count)]
    with pytest.raises(DatasetError, match="unfit for training"):
        refuse_unusable(store)
    assert check(DatasetArguments(dataset=store.path))["errors"] >= 1


@pytest.mark.parametrize(
    ("table", "columns", "what", "example"),
    [
        ("observations", {"rssi_dbm": dict.fromkeys(range(0, 40, 4))}, "never heard", "r0"),
        ("observations", {"rssi_dbm": dict.fromkeys(range(4))}, "no receiver heard", "s0"),
        ("observations", {"receiver_id": {1: "r0"}}, "by the same receiver", "s0 at r0"),
        ("sessions", {"latitude_deg": {2: -45.0}}, "more than 5,000 km from every", "s2"),
        ("sessions", {"latitude_deg": {2: 0.0}, "longitude_deg": {2: 0.0}}, "labels at 0, 0", "s2"),
    ],
)
def test_oddities_are_warned_of(
    tmp_path: Path, table: str, columns: dict[str, dict[int, Any]], what: str, example: str
) -> None:
    store = broken(tmp_path, table, **columns)
    found = [item for item in check_tables(store) if what in item.what]
    assert [(item.severity, item.examples[0]) for item in found] == [("warning", example)]
    refuse_unusable(store)


def test_the_same_time_and_place_twice_is_warned_of(tmp_path: Path) -> None:
    write_small_store(tmp_path / "set", sessions=10)
    sessions = pq.read_table(tmp_path / "set" / "sessions.parquet").to_pylist()
    columns = ("time", "latitude_deg", "longitude_deg")
    store = broken(
        tmp_path / "again", "sessions", **{name: {7: sessions[2][name]} for name in columns}
    )
    found = [item for item in check_tables(store) if "time and place" in item.what]
    assert [item.examples for item in found] == [("s7",)]


def test_a_magic_number_is_recognized(tmp_path: Path) -> None:
    write_small_store(tmp_path / "other", sessions=40)
    file = tmp_path / "other" / "observations.parquet"
    table = pq.read_table(file)
    values = table["rssi_dbm"].to_numpy().copy()
    values[::3] = -200.0
    position = table.schema.get_field_index("rssi_dbm")
    pq.write_table(table.set_column(position, "rssi_dbm", pa.array(values)), file)
    found = check_tables(open_store(tmp_path / "other"))
    assert any('rssi_dbm of -200 looks like a word for "not observed"' in f.what for f in found)


def test_a_sound_dataset_has_no_errors_and_its_leakage_is_measured(tmp_path: Path) -> None:
    write_small_store(tmp_path / "set", sessions=400)
    result = check(DatasetArguments(dataset=tmp_path / "set"))
    assert (result["errors"], result["warnings"]) == (0, 0)
    assert set(result["splits"]) == {"place"}
    assert result["splits"]["place"]["train"] > 200
    by_chance = check(DatasetArguments(dataset=tmp_path / "set", split="random"))
    assert by_chance["splits"]["random"]["leaking"] is True
    unknown = check(DatasetArguments(dataset=tmp_path / "set", split="grid"))
    assert unknown["errors"] == 1
    assert "has no split grid" in unknown["findings"][-1]["what"]


def test_a_stale_summary_is_written_anew(tmp_path: Path) -> None:
    store = write_small_store(tmp_path / "set", sessions=20)
    (tmp_path / "set" / "summary.json").unlink()
    assert read_summary(tmp_path / "set") is None
    result = summarize(DatasetArguments(dataset=tmp_path / "set"))
    summary = read_summary(tmp_path / "set")
    assert summary == DatasetSummary.model_validate(result)
    assert summary is not None
    assert summary.fingerprint == store.fingerprint
