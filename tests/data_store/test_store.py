import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data_store.stores import INFO, small_tables, write_small_store
from training_core.contract.datasets import read_summary, resolve_dataset
from training_core.contract.errors import DatasetError
from training_core.data.info import DatasetInfo, SplitDefinition
from training_core.data.store import open_store, write_store
from training_core.data.tables import (
    OBSERVATION_SCHEMA,
    SESSION_SCHEMA,
    build_table,
    float_column,
    index_of,
)


@pytest.fixture
def area(tmp_path: Path) -> Path:
    """A folder with nothing in it."""
    folder = tmp_path / "area"
    folder.mkdir()
    return folder


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    tables = small_tables(sessions=20)
    store = write_store(tmp_path / "set", INFO, **tables)
    assert store.info == INFO
    for name, table in tables.items():
        assert getattr(store, name).to_pylist() == table.to_pylist()
    again = open_store(tmp_path / "set")
    assert again.fingerprint == store.fingerprint
    assert len(store.fingerprint) == 64


def test_absolute_nanoseconds_survive(tmp_path: Path) -> None:
    toa = 1_657_131_022_123_456_789
    tables = small_tables(sessions=1)
    tables["observations"] = build_table(
        OBSERVATION_SCHEMA, {"session_id": ["s0"], "receiver_id": ["r0"], "toa_ns": [toa]}
    )
    store = write_store(tmp_path / "set", INFO, **tables)
    assert store.observations["toa_ns"].to_pylist() == [toa]


def test_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    one = write_small_store(tmp_path / "one", sessions=20, seed=1)
    same = write_small_store(tmp_path / "same", sessions=20, seed=1)
    other = write_small_store(tmp_path / "other", sessions=20, seed=2)
    renamed = write_store(
        tmp_path / "renamed",
        INFO.model_copy(update={"name": "another"}),
        **small_tables(sessions=20, seed=1),
    )
    assert one.fingerprint == same.fingerprint
    assert len({one.fingerprint, other.fingerprint, renamed.fingerprint}) == 3


def test_an_existing_dataset_is_kept_unless_told(area: Path) -> None:
    before = write_small_store(area / "set", seed=1)
    with pytest.raises(DatasetError, match="already a dataset"):
        write_small_store(area / "set", seed=2)
    assert open_store(area / "set").fingerprint == before.fingerprint
    after = write_store(area / "set", INFO, **small_tables(seed=2), overwrite=True)
    assert after.fingerprint != before.fingerprint
    assert os.listdir(area) == ["set"]


def test_what_is_not_a_dataset_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("dear")
    with pytest.raises(DatasetError, match="is not a dataset"):
        write_store(tmp_path / "letters", INFO, **small_tables(), overwrite=True)
    assert (tmp_path / "letters" / "dear.txt").read_text() == "dear"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB, where mounting one is allowed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this account may not mount a small disk")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.faults
def test_a_full_disk_leaves_nothing_half_written(small_disk: Path) -> None:
    before = write_small_store(small_disk / "set", seed=1)
    large = small_tables(sessions=4000, receivers=20, seed=2)
    with pytest.raises(DatasetError, match="The disk is full"):
        write_store(small_disk / "set", INFO, **large, overwrite=True)
    with pytest.raises(DatasetError, match="nothing half-written is left"):
        write_store(small_disk / "new", INFO, **large)
    assert os.listdir(small_disk) == ["set"]
    assert open_store(small_disk / "set").fingerprint == before.fingerprint


@pytest.mark.faults
def test_a_file_beyond_the_limit_leaves_nothing_half_written(area: Path) -> None:
    before = write_small_store(area / "set", seed=1)
    large = small_tables(sessions=4000, receivers=20, seed=2)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, hard))
    try:
        with pytest.raises(DatasetError, match="could not be written"):
            write_store(area / "set", INFO, **large, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(area) == ["set"]
    assert open_store(area / "set").fingerprint == before.fingerprint


@pytest.mark.faults
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(DatasetError, match="not writable"):
        write_small_store(tmp_path / "locked" / "set")


def test_a_missing_an_empty_and_a_foreign_directory_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="does not exist"):
        open_store(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"no readable dataset\.toml"):
        open_store(tmp_path / "empty")
    write_small_store(tmp_path / "set")
    (tmp_path / "set" / "sessions.parquet").unlink()
    with pytest.raises(DatasetError, match=r"no readable sessions\.parquet"):
        open_store(tmp_path / "set")


@pytest.mark.faults
def test_a_truncated_table_is_named(tmp_path: Path) -> None:
    write_small_store(tmp_path / "set")
    file = tmp_path / "set" / "sessions.parquet"
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(DatasetError, match=r"sessions\.parquet cannot be read") as caught:
        open_store(tmp_path / "set")
    assert caught.value.action


def test_a_broken_description_is_explained(tmp_path: Path) -> None:
    write_small_store(tmp_path / "set")
    description = tmp_path / "set" / "dataset.toml"
    good = description.read_text()
    description.write_text(good + "\n[splits.mine]\nby = 'plaice'\n")
    with pytest.raises(DatasetError, match=r"splits\.mine\.by"):
        open_store(tmp_path / "set")
    description.write_text("name = [")
    with pytest.raises(DatasetError, match="cannot be read"):
        open_store(tmp_path / "set")


def test_a_missing_column_is_named_with_the_nearest(area: Path) -> None:
    tables = small_tables()
    tables["sessions"] = tables["sessions"].rename_columns(
        ["session_id", "time", "track", "latitude", "longitude_deg", "altitude_m", "accuracy"]
    )
    with pytest.raises(DatasetError, match=r"latitude_deg \(nearest present: latitude\)"):
        write_store(area / "set", INFO, **tables)
    assert not os.listdir(area)


def test_contradicting_tables_are_refused(area: Path) -> None:
    def refused(name: str, columns: dict[str, list[object]], match: str) -> None:
        tables = small_tables(sessions=3)
        schema = tables[name].schema
        tables[name] = build_table(schema, columns)
        with pytest.raises(DatasetError, match=match):
            write_store(area / "set", INFO, **tables)
        assert not os.listdir(area)

    place: dict[str, list[object]] = {"latitude_deg": [40.0] * 3, "longitude_deg": [7.0] * 3}
    refused("sessions", {"session_id": ["s0", "s1", "s0"], **place}, "more than once")
    refused("sessions", {"session_id": [], "latitude_deg": []}, "has no sessions")
    refused(
        "observations", {"session_id": ["s9"], "receiver_id": ["r0"]}, "not in the table sessions"
    )
    refused(
        "observations", {"session_id": ["s0"], "receiver_id": ["x"]}, "not in the table receivers"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_is_refused_before_anything_is_written(area: Path, value: float) -> None:
    tables = small_tables(sessions=3)
    column = pa.array([-80.0, value, -70.0])
    tables["observations"] = build_table(
        OBSERVATION_SCHEMA,
        {"session_id": ["s0", "s1", "s2"], "receiver_id": ["r0"] * 3, "rssi_dbm": column},
    )
    with pytest.raises(DatasetError, match="holds NaN or infinity"):
        write_store(area / "set", INFO, **tables)
    assert not os.listdir(area)


def test_nan_in_an_array_means_not_observed() -> None:
    table = build_table(
        SESSION_SCHEMA,
        {"session_id": np.array(["a", "b"]), "latitude_deg": np.array([np.nan, 1.0])},
    )
    assert table["latitude_deg"].to_pylist() == [None, 1.0]
    assert np.isnan(float_column(table, "latitude_deg")[0])
    with pytest.raises(ValueError, match="Not columns"):
        build_table(SESSION_SCHEMA, {"latitude": [1.0]})


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    ids=st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=12, unique=True),
    data=st.data(),
)
def test_any_finite_content_round_trips(
    tmp_path: Path, ids: list[str], data: st.DataObject
) -> None:
    rows = len(ids)
    numbers = st.lists(
        st.none() | st.floats(allow_nan=False, allow_infinity=False), min_size=rows, max_size=rows
    )
    toa = st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=rows, max_size=rows)
    tables = small_tables(sessions=1)
    tables["sessions"] = build_table(
        SESSION_SCHEMA, {"session_id": ids, "latitude_deg": data.draw(numbers)}
    )
    tables["observations"] = build_table(
        OBSERVATION_SCHEMA,
        {
            "session_id": ids,
            "receiver_id": ["r0"] * rows,
            "rssi_dbm": data.draw(numbers),
            "toa_ns": data.draw(toa),
        },
    )
    store = write_store(tmp_path / "set", INFO, **tables, overwrite=True)
    assert store.sessions.to_pylist() == tables["sessions"].to_pylist()
    assert store.observations.to_pylist() == tables["observations"].to_pylist()


def test_the_summary_counts_and_notices_staleness(tmp_path: Path) -> None:
    store = write_small_store(tmp_path / "set", sessions=30)
    summary = read_summary(tmp_path / "set")
    assert summary is not None
    assert summary.sessions == summary.labeled_sessions == 30
    assert summary.observations == store.observations.num_rows
    assert summary.fingerprint == store.fingerprint
    assert [receiver.receiver_id for receiver in summary.receivers] == store.receiver_ids
    assert sum(receiver.sessions for receiver in summary.receivers) == store.observations.num_rows
    assert sum(summary.receivers_per_session.values()) == 30
    assert summary.occupancy is not None
    assert sum(map(sum, summary.occupancy.counts)) == 30
    assert summary.first_time is not None
    assert summary.first_time.startswith("2026-01-01T")
    file = tmp_path / "set" / "sessions.parquet"
    os.utime(file, ns=(0, 0))
    assert read_summary(tmp_path / "set") is None


def test_a_broken_summary_counts_as_missing(tmp_path: Path) -> None:
    write_small_store(tmp_path / "set")
    (tmp_path / "set" / "summary.json").write_text("{")
    assert read_summary(tmp_path / "set") is None


def test_datasets_are_found_by_name_and_path(tmp_path: Path) -> None:
    home = tmp_path / "home"
    write_small_store(home / "datasets" / "campus")
    assert resolve_dataset("campus", home) == (home / "datasets" / "campus").resolve()
    assert resolve_dataset(home / "datasets" / "campus", home).name == "campus"
    with pytest.raises(DatasetError, match="Did you mean campus"):
        resolve_dataset("campsu", home)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="empty directory"):
        resolve_dataset(tmp_path / "empty", home)
    with pytest.raises(DatasetError, match="No dataset is named"):
        resolve_dataset("", home)


def test_a_column_of_ids_is_looked_up() -> None:
    ids = pa.chunked_array([["a", "b"], ["c"]])
    assert index_of(pa.chunked_array([["c", "x", "a"]]), ids).tolist() == [2, -1, 0]


def test_split_definitions_are_checked() -> None:
    with pytest.raises(ValueError, match="needs session ids"):
        SplitDefinition(by="list")
    with pytest.raises(ValueError, match="takes no session ids"):
        SplitDefinition(by="place", test=("a",))
    info = INFO.model_copy(update={"splits": {"mine": SplitDefinition(by="list", test=("a",))}})
    assert DatasetInfo.model_validate(info.model_dump()) == info
