"""Generated datasets as they lie on the disk."""

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training_core.contract.errors import DatasetError, UsageError
from training_core.contract.jobs import SynthArguments
from training_core.data.store import open_store
from training_core.data.synth import synth
from training_core.data.tables import float_column
from training_core.radio.generator import generate
from training_core.radio.geo import distance_m
from training_core.radio.presets import CAMPUS, VHF_NETWORK, GeneratorOptions, preset_options

SESSIONS = 250


def make(target: Path, preset: str = "campus", **more: object) -> dict[str, object]:
    return synth(
        SynthArguments.model_validate(
            {"target": target, "preset": preset, "sessions": SESSIONS, "seed": 3, **more}
        )
    )


def test_the_store_holds_what_was_drawn(tmp_path: Path) -> None:
    result = make(tmp_path / "set", "vhf-network")
    store = open_store(tmp_path / "set")
    drawn = generate(VHF_NETWORK, SESSIONS, 3)
    shape = (SESSIONS, len(VHF_NETWORK.sites))

    assert result["sessions"] == store.sessions.num_rows == SESSIONS
    assert result["fingerprint"] == store.fingerprint
    assert store.receiver_ids == list(drawn.receivers.receiver_id)
    assert store.observations.num_rows == np.prod(shape)
    np.testing.assert_array_equal(
        float_column(store.observations, "rssi_dbm").reshape(shape), drawn.links.rssi_dbm
    )
    times = store.observations["toa_ns"].to_pylist()
    expected = np.where(drawn.links.has_toa, drawn.links.toa_ns, -1).ravel()
    assert [-1 if time is None else time for time in times] == expected.tolist()
    np.testing.assert_allclose(store.label_m(), drawn.emissions.position_m, atol=1e-3)
    assert store.sessions["time"].cast(pa.int64()).to_pylist() == drawn.emissions.time_ns.tolist()
    assert set(store.receivers["sync_class"].to_pylist()) == {"gps"}


def test_unheard_is_null_and_never_a_number(tmp_path: Path) -> None:
    make(tmp_path / "set")
    observations = open_store(tmp_path / "set").observations
    heard = observations["rssi_dbm"].is_valid()
    assert 0 < observations["rssi_dbm"].null_count < observations.num_rows
    assert observations["snr_db"].is_valid() == heard
    assert observations["toa_ns"].null_count == observations.num_rows
    for name in ("rssi_dbm", "snr_db"):
        assert np.isfinite(observations[name].drop_null().to_numpy()).all()


def test_options_and_seed_stand_in_the_file_and_give_the_same_sessions_again(
    tmp_path: Path,
) -> None:
    make(tmp_path / "set", "vhf-network", options={"shadowing_sd_db": 9.5})
    notes = tomllib.loads((tmp_path / "set" / "dataset.toml").read_text())["notes"]
    assert (notes["preset"], notes["seed"], notes["sessions"]) == ("vhf-network", 3, SESSIONS)
    written = {name: notes[name] for name in GeneratorOptions.model_fields if name != "sites"}
    options = GeneratorOptions.model_validate(written | {"sites": orjson.loads(notes["sites"])})
    assert options == preset_options("vhf-network", {"shadowing_sd_db": 9.5})
    again = generate(options, notes["sessions"], notes["seed"])
    rssi = float_column(open_store(tmp_path / "set").observations, "rssi_dbm")
    np.testing.assert_array_equal(again.links.rssi_dbm.ravel(), rssi)


def test_everything_drawn_is_kept_beside_the_store(tmp_path: Path) -> None:
    make(tmp_path / "set", "vhf-network")
    folder = tmp_path / "set"
    store = open_store(folder)
    receivers, sessions, links = (
        pq.read_table(folder / "truth" / f"{name}.parquet")
        for name in ("receivers", "sessions", "links")
    )
    assert receivers["receiver_id"].to_pylist() == store.receiver_ids
    assert sessions["session_id"].to_pylist() == store.session_ids
    assert links["session_id"].to_pylist() == store.observations["session_id"].to_pylist()
    shape = (SESSIONS, receivers.num_rows)
    power = (
        sessions["power_dbm"].to_numpy()[:, None]
        - links["path_loss_db"].to_numpy().reshape(shape)
        + links["shadowing_db"].to_numpy().reshape(shape)
        + links["fading_db"].to_numpy().reshape(shape)
        + receivers["gain_offset_db"].to_numpy()
    )
    rssi = float_column(store.observations, "rssi_dbm").reshape(shape)
    heard = np.isfinite(rssi)
    assert power[heard] == pytest.approx(rssi[heard], abs=1e-3)


def test_no_column_tells_the_distance_except_through_the_signal(tmp_path: Path) -> None:
    # Without shadowing, fading and noise in it, a column that leaks would follow the distance.
    make(tmp_path / "set", "vhf-network", sessions=1_500)
    store = open_store(tmp_path / "set")
    receivers, sessions, observations = store.receivers, store.sessions, store.observations
    assert set(observations.column_names) <= {
        "session_id", "receiver_id", "latitude_deg", "longitude_deg", "altitude_m",
        "rssi_dbm", "snr_db", "toa_ns", "time_sd_ns", "cfo_hz", "iq",
    }  # fmt: skip
    distance = distance_m(
        float_column(sessions, "latitude_deg")[:, None],
        float_column(sessions, "longitude_deg")[:, None],
        float_column(receivers, "latitude_deg"),
        float_column(receivers, "longitude_deg"),
    ).ravel()
    time_ns = np.repeat(sessions["time"].cast(pa.int64()).to_numpy(), receivers.num_rows)
    timed = observations["toa_ns"].is_valid().to_numpy(zero_copy_only=False)
    after_label = observations["toa_ns"].fill_null(0).to_numpy() - time_ns
    correlation = np.corrcoef(after_label[timed].astype(np.float64), distance[timed])[0, 1]
    assert abs(correlation) < 0.06
    for name in ("latitude_deg", "longitude_deg", "altitude_m", "cfo_hz", "iq"):
        assert observations[name].null_count == observations.num_rows


def test_splits_by_place_and_by_track_are_defined(tmp_path: Path) -> None:
    make(tmp_path / "campus")
    make(tmp_path / "vhf", "vhf-network")
    campus, vhf = (open_store(tmp_path / name) for name in ("campus", "vhf"))
    assert {name: split.by for name, split in campus.info.splits.items()} == {
        "place": "place",
        "track": "track",
    }
    assert campus.info.splits["place"].cell_m == CAMPUS.cell_m
    assert set(vhf.info.splits) == {"place"}
    assert campus.sessions["track"].null_count == 0
    assert vhf.sessions["track"].null_count == SESSIONS


def test_a_seed_gives_the_same_dataset(tmp_path: Path) -> None:
    first, again = make(tmp_path / "a"), make(tmp_path / "b")
    other = make(tmp_path / "c", seed=4)
    assert first["fingerprint"] == again["fingerprint"] != other["fingerprint"]


def test_two_thousand_sessions_report_progress(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int | None]] = []
    arguments = SynthArguments(target=tmp_path / "set", sessions=2_000)
    result = synth(arguments, lambda *progress: seen.append(progress))
    assert result["sessions"] == 2_000
    assert {name for name, _, _ in seen} == {"drawing sessions", "writing the dataset"}
    assert seen[-1] == ("writing the dataset", 2_000, 2_000)


def test_a_dataset_is_replaced_only_on_request(tmp_path: Path) -> None:
    make(tmp_path / "set")
    before = open_store(tmp_path / "set").fingerprint
    with pytest.raises(DatasetError, match="already"):
        make(tmp_path / "set", seed=9)
    assert open_store(tmp_path / "set").fingerprint == before
    make(tmp_path / "set", seed=9, overwrite=True)
    assert open_store(tmp_path / "set").fingerprint != before


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"options": {"shadowing": 3.0}}, "shadowing"),
        ({"options": {"transmit_power_dbm": -50.0}}, "transmit_power_dbm"),
        ({"sessions": 0}, "at least one session"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_options_write_nothing(tmp_path: Path, more: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make(tmp_path / "set", **more)
    assert not (tmp_path / "set").exists()
