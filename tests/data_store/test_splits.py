from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data_store.stores import INFO, small_tables, write_small_store
from training_core.contract.errors import DatasetError
from training_core.data.blocks import blocks_of
from training_core.data.info import DatasetInfo, SplitDefinition
from training_core.data.leakage import leakage
from training_core.data.splits import labeled_rows, make_split, split_names
from training_core.data.store import SessionStore
from training_core.data.tables import SESSION_SCHEMA, build_table


def store_in_memory(
    *,
    east_north_m: np.ndarray,
    track: list[str | None] | None = None,
    seconds: np.ndarray | None = None,
    info: DatasetInfo = INFO,
) -> SessionStore:
    """A store that was never written: splits look at the sessions alone."""
    tables = small_tables(sessions=1)
    store = SessionStore(path=Path("unwritten"), info=info, **tables)
    latitude, longitude = store.frame.to_wgs84(*np.asarray(east_north_m, dtype=float).T)
    rows = len(latitude)
    columns: dict[str, object] = {
        "session_id": [f"s{row}" for row in range(rows)],
        "latitude_deg": latitude,
        "longitude_deg": longitude,
        "track": track if track is not None else [None] * rows,
    }
    if seconds is not None:
        nanoseconds = [None if np.isnan(value) else int(value * 1e9) for value in seconds]
        columns["time"] = pa.array(nanoseconds, type=pa.int64()).cast(pa.timestamp("ns", tz="UTC"))
    return SessionStore(
        path=Path("unwritten"),
        info=info,
        receivers=tables["receivers"],
        sessions=build_table(SESSION_SCHEMA, columns),
        observations=tables["observations"],
    )


@st.composite
def any_store(draw: st.DrawFn) -> SessionStore:
    rows = draw(st.integers(12, 80))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    position = random.uniform(-1000.0, 1000.0, (rows, 2))
    position[random.random(rows) < draw(st.floats(0.0, 0.3))] = np.nan
    tracks: list[str | None] = [f"t{number}" for number in random.integers(0, 8, rows)]
    return store_in_memory(
        east_north_m=position, track=tracks, seconds=random.uniform(0.0, 6 * 86_400.0, rows)
    )


@given(
    any_store(),
    st.sampled_from(["place", "track", "date", "random"]),
    st.floats(0.0, 0.45),
    st.floats(0.0, 0.45),
    st.integers(0, 2**32 - 1),
)
def test_parts_are_disjoint_cover_the_labeled_and_never_divide_a_block(
    store: SessionStore, name: str, validation_split: float, test_split: float, seed: int
) -> None:
    def split_now() -> list[np.ndarray]:
        split = make_split(
            store, name, validation_split=validation_split, test_split=test_split, seed=seed
        )
        assert split.leaking == (name == "random")
        return [split.train, split.val, split.test]

    labeled = labeled_rows(store)
    try:
        parts = split_now()
    except DatasetError as refusal:
        if "No sessions are left" not in str(refusal) and "no labeled" not in str(refusal):
            raise
        return
    joined = np.concatenate(parts)
    assert np.array_equal(np.sort(joined), labeled)
    assert all(np.array_equal(one, two) for one, two in zip(parts, split_now(), strict=True))
    assert len(parts[0]) > 0
    largest = 1
    if name != "random":
        blocks = blocks_of(store, labeled, name)  # type: ignore[arg-type]
        of_row = dict(zip(labeled.tolist(), blocks.block.tolist(), strict=True))
        homes = [{of_row[row] for row in part.tolist()} for part in parts]
        assert sum(len(home) for home in homes) == len(set().union(*homes))
        largest = int(np.bincount(blocks.block).max())
    assert abs(len(parts[2]) - test_split * len(labeled)) <= largest
    rest = len(labeled) - len(parts[2])
    assert abs(len(parts[1]) - validation_split * rest) <= largest
    assert (len(parts[1]) > 0) == (validation_split > 0)
    assert (len(parts[2]) > 0) == (test_split > 0)


@given(any_store(), st.integers(0, 1000))
def test_the_test_does_not_move_with_the_share_of_validation(
    store: SessionStore, seed: int
) -> None:
    one = make_split(store, "random", validation_split=0.1, test_split=0.2, seed=seed)
    two = make_split(store, "random", validation_split=0.4, test_split=0.2, seed=seed)
    assert np.array_equal(one.test, two.test)


def test_another_seed_gives_another_split(tmp_path: Path) -> None:
    store = write_small_store(tmp_path / "set", sessions=200)
    one = make_split(store, "place", validation_split=0.2, test_split=0.2, seed=1)
    two = make_split(store, "place", validation_split=0.2, test_split=0.2, seed=2)
    assert not np.array_equal(one.test, two.test)
    assert not one.leaking
    assert "cells of" in one.note


def test_one_cell_leaves_no_rows_for_validation() -> None:
    store = store_in_memory(east_north_m=np.full((30, 2), 3.0))
    with pytest.raises(DatasetError, match="No sessions are left for val") as caught:
        make_split(store, "place", validation_split=0.2, test_split=0.0, seed=0)
    assert "smaller cell_m" in caught.value.action
    no_validation = make_split(store, "place", validation_split=0.0, test_split=0.0, seed=0)
    assert len(no_validation.val) == 0


def test_sessions_without_track_time_or_label_are_named() -> None:
    store = store_in_memory(east_north_m=np.zeros((5, 2)))
    for name, what in (("track", "no track"), ("date", "no time")):
        with pytest.raises(DatasetError, match=what):
            make_split(store, name, validation_split=0.2, test_split=0.2, seed=0)
    unlabeled = store_in_memory(east_north_m=np.full((5, 2), np.nan))
    with pytest.raises(DatasetError, match="no labeled sessions"):
        make_split(unlabeled, "place", validation_split=0.2, test_split=0.2, seed=0)
    with pytest.raises(DatasetError, match="has no split grid"):
        make_split(store, "grid", validation_split=0.2, test_split=0.2, seed=0)


def listed(tmp_path: Path, **definition: object) -> SessionStore:
    split = SplitDefinition.model_validate({"by": "list", **definition})
    info = INFO.model_copy(update={"splits": {"mine": split}})
    tables = small_tables(sessions=200)
    return SessionStore(path=tmp_path, info=info, **tables)


def test_a_list_names_the_test_and_validation_is_carved_by_place(tmp_path: Path) -> None:
    (tmp_path / "test.json").write_bytes(orjson.dumps([f"s{row}" for row in range(0, 60, 2)]))
    store = listed(tmp_path, test_file="test.json", test=["s1"], cell_m=200.0)
    split = make_split(store, "mine", validation_split=0.2, test_split=0.9, seed=3)
    assert split.test.tolist() == [0, 1, *range(2, 60, 2)]
    assert 20 <= len(split.val) <= 50
    assert len(split.train) + len(split.val) + len(split.test) == 200
    cells = np.floor(store.label_m() / 200.0)
    train_cells = {tuple(cell) for cell in cells[split.train]}
    assert not train_cells & {tuple(cell) for cell in cells[split.val]}
    assert split_names(store) == ["mine", "place", "track", "date", "random"]


def test_a_list_may_name_every_part(tmp_path: Path) -> None:
    store = listed(tmp_path, train=["s3", "s4"], val=["s5"], test=["s6"])
    split = make_split(store, "mine", validation_split=0.2, test_split=0.2, seed=3)
    assert [split.train.tolist(), split.val.tolist(), split.test.tolist()] == [[3, 4], [5], [6]]


@pytest.mark.parametrize(
    ("definition", "match"),
    [
        ({"test": ["s1", "nobody"]}, "'nobody'"),
        ({"test": ["s1"], "val": ["s1"]}, "both test and val"),
        ({"test_file": "absent.json"}, "cannot be read"),
        ({"test_file": "broken.json"}, "cannot be read"),
        ({"test_file": "object.json"}, "not a list"),
    ],
)
def test_a_wrong_list_is_explained(
    tmp_path: Path, definition: dict[str, object], match: str
) -> None:
    (tmp_path / "broken.json").write_text("[")
    (tmp_path / "object.json").write_text('{"s1": 1}')
    store = listed(tmp_path, **definition)
    with pytest.raises(DatasetError, match=match):
        make_split(store, "mine", validation_split=0.2, test_split=0.2, seed=0)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(0, 2**32 - 1),
    st.floats(1.0, 400.0),
    st.floats(1.0, 4000.0),
    st.floats(0.0, 0.5),
)
def test_leakage_equals_comparing_every_pair(
    seed: int, within_m: float, within_s: float, share_without_time: float
) -> None:
    random = np.random.default_rng(seed)
    position = random.uniform(-500.0, 500.0, (60, 2))
    seconds = random.uniform(0.0, 20_000.0, 60)
    seconds[random.random(60) < share_without_time] = np.nan
    store = store_in_memory(east_north_m=position, seconds=seconds)
    split = make_split(store, "random", validation_split=0.2, test_split=0.3, seed=1)
    found = leakage(store, split, within_m, within_s)
    label = store.label_m()
    for part in ("val", "test"):
        rows = split.part(part)
        apart_m = np.linalg.norm(label[rows][:, None] - label[split.train][None], axis=2)
        apart_s = np.abs(seconds[rows][:, None] - seconds[split.train][None])
        close = (apart_m <= within_m) & ~(apart_s > within_s)
        assert found[f"{part}_share"] == pytest.approx(close.any(axis=1).mean())
        assert found[f"{part}_share_by_place"] == pytest.approx(
            (apart_m.min(axis=1) <= within_m).mean()
        )
        assert found[f"{part}_nearest_m"] == pytest.approx(np.median(apart_m.min(axis=1)))


def test_a_random_split_of_a_track_leaks_and_blocks_leak_less() -> None:
    seconds = np.arange(0.0, 4000.0, 4.0)
    walk = np.column_stack([seconds * 1.4, 200.0 * np.sin(seconds / 300.0)])
    store = store_in_memory(east_north_m=walk, seconds=seconds)
    by_chance = make_split(store, "random", validation_split=0.2, test_split=0.2, seed=0)
    by_place = make_split(store, "place", validation_split=0.2, test_split=0.2, seed=0)
    assert leakage(store, by_chance)["test_share"] > 0.99
    assert leakage(store, by_place)["test_share"] < 0.7


def test_an_empty_part_leaks_nothing() -> None:
    store = store_in_memory(east_north_m=np.arange(40.0).reshape(20, 2) * 50)
    split = make_split(store, "random", validation_split=0.0, test_split=0.0, seed=0)
    assert np.isnan(leakage(store, split)["test_share"])
