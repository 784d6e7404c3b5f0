import csv
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training_core.contract.errors import DatasetError, UsageError
from training_core.contract.jobs import ImportTableArguments
from training_core.data.import_wide import import_wide
from training_core.data.jobs import import_wide_csv
from training_core.data.mapping import WideMapping, load_mapping
from training_core.data.splits import make_split
from training_core.data.store import SessionStore

MAPPING = """
format = "wide-csv"
[dataset]
name = "site"
[sessions]
file = "rss.csv"
id = "when"
time = { column = "when", format = "%Y-%m-%d %H:%M:%S" }
track = { gap_s = 60 }
[sessions.label]
latitude = "x"
longitude = "y"
[receivers]
file = "where.json"
format = "python"
latitude = 0
longitude = 1
[readings]
missing = [-101]
[readings.mobile]
value = "{receiver}_rss"
latitude = "{receiver}_x"
longitude = "{receiver}_y"
missing = [-1]
[splits.published]
by = "list"
test = { file = "test.json", column = "when" }
"""
RECEIVERS = (
    '{"roof": (45.001, 7.001), "bus-1": None, "roof": (45.001, 7.001), "mast": (45.0, 7.0),}'
)
HEADER = ["when", "bus-1_rss", "bus-1_x", "bus-1_y", "roof", "mast", "x", "y"]
ROWS = [
    ["2022-04-25 14:12:32", "-80.5", "45.002", "7.002", "-90", "-101", "45.003", "7.003"],
    ["2022-04-25 14:12:36", "-82", "0", "0", "-101", "-85", "45.004", "7.004"],
    ["2022-04-25 14:12:36", "-101", "0", "0", "-91", "-86", "45.005", "7.005"],
    ["2022-04-25 15:00:00", "-101", "-1", "-1", "-92", "", "45.006", "7.006"],
]


def write_source(folder: Path, rows: list[list[str]] | None = None, header: Any = HEADER) -> Path:
    source = folder / "source"
    source.mkdir()
    with (source / "rss.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *(ROWS if rows is None else rows)])
    (source / "where.json").write_text(RECEIVERS)
    (source / "test.json").write_text('["2022-04-25 14:12:36"]')
    (source / "mapping.toml").write_text(MAPPING)
    return source


def imported(folder: Path, **changes: Any) -> SessionStore:
    source = write_source(folder, **changes)
    mapping = load_mapping(source / "mapping.toml")
    assert isinstance(mapping, WideMapping)
    return import_wide(source, folder / "set", mapping)


def test_a_table_with_moving_receivers(tmp_path: Path) -> None:
    store = imported(tmp_path)
    assert store.session_ids == [
        "2022-04-25 14:12:32",
        "2022-04-25 14:12:36",
        "2022-04-25 14:12:36#2",
        "2022-04-25 15:00:00",
    ]
    assert store.sessions["track"].to_pylist() == ["track-0"] * 3 + ["track-1"]
    assert str(store.sessions["time"][0]) == "2022-04-25 14:12:32+00:00"
    assert store.receiver_ids == ["bus-1", "roof", "mast"]
    assert store.receivers["mobile"].to_pylist() == [True, False, False]
    assert store.receivers["latitude_deg"].to_pylist() == [None, 45.001, 45.0]
    rows = [
        (row["session_id"], row["receiver_id"], row["rssi_dbm"], row["latitude_deg"])
        for row in store.observations.to_pylist()
    ]
    assert rows == [
        ("2022-04-25 14:12:32", "bus-1", -80.5, 45.002),
        ("2022-04-25 14:12:32", "roof", -90.0, None),
        ("2022-04-25 14:12:36", "mast", -85.0, None),
        ("2022-04-25 14:12:36#2", "roof", -91.0, None),
        ("2022-04-25 14:12:36#2", "mast", -86.0, None),
        ("2022-04-25 15:00:00", "roof", -92.0, None),
    ]
    assert store.info.notes == {"impossible_mobile_positions": 2, "dropped_observations": 1}


def test_a_published_list_becomes_a_split_also_where_times_repeat(tmp_path: Path) -> None:
    store = imported(tmp_path)
    split = make_split(store, "published", validation_split=0.0, test_split=0.0, seed=0)
    assert split.test.tolist() == [1, 2]
    assert split.train.tolist() == [0, 3]


def test_the_literal_is_parsed_and_never_run(tmp_path: Path) -> None:
    source = write_source(tmp_path)
    mark = tmp_path / "ran"
    (source / "where.json").write_text(f'{{"roof": open({str(mark)!r}, "w")}}')
    with pytest.raises(DatasetError, match="cannot be read as python"):
        import_wide(source, tmp_path / "set", _mapping(source))
    assert not mark.exists()
    (source / "where.json").write_text("[" * 100_000)
    with pytest.raises(DatasetError, match="cannot be read as python"):
        import_wide(source, tmp_path / "set", _mapping(source))


def test_a_receiver_at_two_places_is_refused(tmp_path: Path) -> None:
    source = write_source(tmp_path)
    (source / "where.json").write_text('{"roof": (45.0, 7.0), "roof": (45.1, 7.0)}')
    with pytest.raises(DatasetError, match="places the receiver roof twice"):
        import_wide(source, tmp_path / "set", _mapping(source))


def _mapping(source: Path) -> WideMapping:
    mapping = load_mapping(source / "mapping.toml")
    assert isinstance(mapping, WideMapping)
    return mapping


def _row(**cells: str) -> list[str]:
    return [cells.get(name, cell) for name, cell in zip(HEADER, ROWS[0], strict=True)]


@pytest.mark.parametrize(
    ("row", "match"),
    [
        (_row(x="111.8"), "not on Earth in line 3: x 111.8"),
        (_row(x=""), "latitude without a longitude"),
        (_row(roof="nan"), "'nan' in column roof, line 3"),
        (_row(roof="loud"), "'loud' in column roof, line 3"),
        (_row(when="yesterday"), "Times in column when"),
        (_row(when=""), "no session id in column when, line 3"),
    ],
)
def test_bad_cells_are_named_by_line_and_column(tmp_path: Path, row: list[str], match: str) -> None:
    with pytest.raises(DatasetError, match=match) as caught:
        imported(tmp_path, rows=[ROWS[0], row])
    assert caught.value.unharmed == "Nothing was written"
    assert caught.value.action
    assert not (tmp_path / "set").exists()


def test_exchanged_latitude_and_longitude_are_recognized(tmp_path: Path) -> None:
    rows = [_row(x="-111.85", y="40.76")]
    with pytest.raises(DatasetError, match="look exchanged"):
        imported(tmp_path, rows=rows)


def test_a_missing_column_is_named_with_the_nearest(tmp_path: Path) -> None:
    header = ["when", "bus-1_rss", "bus-1_x", "bus-1_y", "roof", "mast", "x", "y_coord"]
    with pytest.raises(DatasetError, match=r"no column y \(nearest present: y_coord\)"):
        imported(tmp_path, header=header)
    header = ["when", "bus-1_rss", "bus-1_x", "bus-1_yy", "roof", "mast", "x", "y"]
    (tmp_path / "second").mkdir()
    with pytest.raises(DatasetError, match=r"no column bus-1_y \(nearest present: bus-1_yy\)"):
        imported(tmp_path / "second", header=header)


def test_missing_and_empty_sources_are_told_apart(tmp_path: Path) -> None:
    source = write_source(tmp_path)
    mapping = _mapping(source)

    def refused(place: Path, match: str) -> None:
        with pytest.raises(DatasetError, match=match):
            import_wide(place, tmp_path / "set", mapping)
        assert not (tmp_path / "set").exists()

    refused(tmp_path / "nowhere", "does not exist")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "is empty")
    table = source / "rss.csv"
    table.write_text("")
    refused(source, "is empty")
    table.write_text(",".join(HEADER) + "\n")
    refused(source, "has no rows")
    table.write_text(",".join(HEADER) + "\n1,2\n")
    refused(source, "cannot be read as CSV")
    table.write_text(",".join([*HEADER, "roof"]) + "\n" + ",".join(["1"] * 9) + "\n")
    refused(source, "names the column roof more than once")
    table.write_bytes(b"\xff\xfe\x00w\x00h\n")
    refused(source, "cannot be read as CSV")
    table.unlink()
    refused(source, r"holds no rss\.csv")


def test_a_list_of_unknown_sessions_is_refused(tmp_path: Path) -> None:
    source = write_source(tmp_path)
    (source / "test.json").write_text('["2022-04-25 14:12:32", "1999-01-01 00:00:00"]')
    with pytest.raises(DatasetError, match="1 of 2, the first is '1999"):
        import_wide(source, tmp_path / "set", _mapping(source))


def test_labels_in_a_file_of_their_own(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "x.csv").write_text("\ufeffBS 1,BS 2\n-117,-200\n-200,-99\n")
    (source / "y.csv").write_text("Latitude,Longitude\n51.2,4.4\n51.3,4.5\n")
    mapping = WideMapping.model_validate(
        {
            "format": "wide-csv",
            "dataset": {"name": "lora"},
            "sessions": {
                "file": "x.csv",
                "label": {"file": "y.csv", "latitude": "Latitude", "longitude": "Longitude"},
            },
            "readings": {"columns": ["BS *"], "missing": [-200]},
        }
    )
    store = import_wide(source, tmp_path / "set", mapping)
    assert store.session_ids == ["0", "1"]
    assert store.observations["rssi_dbm"].to_pylist() == [-117.0, -99.0]
    assert store.receivers["latitude_deg"].null_count == 2
    assert store.info.site_origin.latitude_deg == pytest.approx(51.25, abs=1e-3)
    (source / "y.csv").write_text("Latitude,Longitude\n51.2,4.4\n")
    with pytest.raises(DatasetError, match="do not belong together row by row"):
        import_wide(source, tmp_path / "again", mapping)


def test_a_pattern_says_which_part_of_a_column_is_the_receiver(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "rss.csv").write_text("lat,lon,roof_rss,mast_rss,wind\n45.1,7.1,-80,-81,3\n")
    (source / "where.csv").write_text("receiver,latitude,longitude\nroof,45.0,7.0\n")
    content: dict[str, Any] = {
        "format": "wide-csv",
        "dataset": {"name": "any"},
        "sessions": {"file": "rss.csv", "label": {"latitude": "lat", "longitude": "lon"}},
        "receivers": {"file": "where.csv"},
        "readings": {"columns": ["{receiver}_rss"]},
    }
    store = import_wide(source, tmp_path / "set", WideMapping.model_validate(content))
    assert store.receiver_ids == ["roof", "mast"]
    assert store.receivers["latitude_deg"].to_pylist() == [45.0, None]
    assert store.info.notes == {"receivers_without_position": 1}
    content["readings"] = {"columns": ["{receiver}_rss", "*"]}
    (source / "rss.csv").write_text("lat,lon,roof_rss,roof\n45.1,7.1,-80,-81\n")
    with pytest.raises(DatasetError, match="two columns of the receiver roof"):
        import_wide(source, tmp_path / "again", WideMapping.model_validate(content))
    content["sessions"]["file"] = "/rss.csv"
    with pytest.raises(DatasetError, match="no file inside"):
        import_wide(source, tmp_path / "again", WideMapping.model_validate(content))


def test_the_job_reports_progress_and_counts(tmp_path: Path) -> None:
    source = write_source(tmp_path)
    said: list[tuple[str, int, int | None]] = []
    result = import_wide_csv(
        ImportTableArguments(
            source=source, mapping=source / "mapping.toml", target=tmp_path / "set"
        ),
        lambda name, done, total: said.append((name, done, total)),
    )
    assert said[-1] == ("import", 4, 4)
    assert (result["sessions"], result["receivers"], result["observations"]) == (4, 3, 6)
    assert "1 dropped observations" in result["notes"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("format = ", "cannot be read"),
        ('format = "tall-csv"', "format"),
        (MAPPING.replace("missing = [-101]", "mising = [-101]"), "did you mean missing"),
        (MAPPING.replace("gap_s = 60", 'gap_s = 60, column = "when"'), "either column or gap_s"),
        (MAPPING.replace('"{receiver}_rss"', '"rss"'), "must contain"),
        (MAPPING.replace('by = "list"', 'by = "place"'), "goes with train, val or test"),
    ],
)
def test_a_wrong_mapping_is_explained(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "mapping.toml").write_text(text)
    with pytest.raises(UsageError, match=match):
        load_mapping(tmp_path / "mapping.toml")


def test_a_mapping_of_the_other_format_is_refused(tmp_path: Path, repository: Path) -> None:
    arguments = ImportTableArguments(
        source=tmp_path,
        mapping=repository / "examples" / "mappings" / "locards.toml",
        target=tmp_path / "set",
    )
    with pytest.raises(UsageError, match="is for long-csv"):
        import_wide_csv(arguments)


def test_every_example_loads(repository: Path) -> None:
    files = sorted((repository / "examples" / "mappings").glob("*.toml"))
    assert [file.stem for file in files] == ["locards", "lorawan", "powder"]
    for file in files:
        assert load_mapping(file).format == tomllib.loads(file.read_text())["format"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 12).flatmap(
        lambda rows: st.lists(
            st.lists(
                st.none() | st.floats(-150.0, 20.0, allow_subnormal=False),
                min_size=rows,
                max_size=rows,
            ),
            min_size=1,
            max_size=5,
        )
    ),
    st.floats(-90.0, 90.0),
    st.floats(-180.0, 180.0),
)
def test_every_reading_arrives_once_and_exactly(
    tmp_path_factory: pytest.TempPathFactory,
    columns: list[list[float | None]],
    latitude: float,
    longitude: float,
) -> None:
    folder = tmp_path_factory.mktemp("wide")
    names = [f"r{slot}" for slot in range(len(columns))]
    with (folder / "rss.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["lat", "lon", *names])
        for row in zip(*columns, strict=True):
            cells = ["-999" if value is None else repr(value) for value in row]
            writer.writerow([repr(latitude), repr(longitude), *cells])
    mapping = WideMapping.model_validate(
        {
            "format": "wide-csv",
            "dataset": {"name": "any"},
            "sessions": {"file": "rss.csv", "label": {"latitude": "lat", "longitude": "lon"}},
            "readings": {"missing": [-999]},
        }
    )
    store = import_wide(folder / "rss.csv", folder / "set", mapping)
    matrix = np.full((len(columns[0]), len(columns)), np.nan)
    for row in store.observations.to_pylist():
        place = (store.session_ids.index(row["session_id"]), names.index(row["receiver_id"]))
        assert np.isnan(matrix[place])
        matrix[place] = row["rssi_dbm"]
    assert np.array_equal(matrix, np.array(columns, dtype=float).T, equal_nan=True)
    assert set(store.sessions["latitude_deg"].to_pylist()) == {latitude}
