"""Specs come from the training sessions alone and describe honest networks."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from training_core.contract.errors import DatasetError
from training_core.data.features import observation_arrays
from training_core.data.mel import mel_parameters
from training_core.data.splits import Split
from training_core.data.store import DatasetInfo, SessionStore, SiteOrigin
from training_core.data.tables import (
    OBSERVATION_SCHEMA,
    RECEIVER_SCHEMA,
    SESSION_SCHEMA,
    build_table,
)
from training_core.models.noise_floor import noise_floor
from training_core.models.registry import network_from_spec
from training_core.models.specs import (
    LocalizationOptions,
    ReceiverSetOptions,
    localization_spec,
    receiver_set_spec,
)
from training_core.radio.geo import LocalFrame

SESSIONS = 100
RECEIVERS = ["north", "south", "bus", "dead", "rare"]
FRAME = LocalFrame(40.767, -111.836)
OPTIONS = ReceiverSetOptions(width=16, depth=1, heads=2, fingerprint_width=16)


def make_store() -> SessionStore:
    """North reports noise near -95 dBm or -60, south noise near -88, the bus half the time."""
    rng = np.random.default_rng(0)
    ids = np.array([f"s{index:03d}" for index in range(SESSIONS)])
    north = np.where(np.arange(SESSIONS) % 2 == 0, -95.0, -60.0) + rng.normal(0, 0.3, SESSIONS)
    south = -88.0 + rng.normal(0, 0.3, SESSIONS)
    bus = -80.0 + 20.0 * rng.random(SESSIONS // 2)
    rare = np.full(5, -70.0)
    bus_latitude = np.full(2 * SESSIONS + SESSIONS // 2 + 5, np.nan)
    bus_latitude[2 * SESSIONS : 2 * SESSIONS + SESSIONS // 2] = 40.77
    return SessionStore(
        path=Path("unused"),
        info=DatasetInfo(
            name="test", site_origin=SiteOrigin(latitude_deg=40.767, longitude_deg=-111.836)
        ),
        receivers=build_table(
            RECEIVER_SCHEMA,
            {
                "receiver_id": RECEIVERS,
                "latitude_deg": [40.775, 40.755, None, 40.76, 40.765],
                "longitude_deg": [-111.836, -111.836, None, -111.84, -111.83],
                "mobile": [False, False, True, False, False],
            },
        ),
        sessions=build_table(
            SESSION_SCHEMA,
            {
                "session_id": ids,
                "latitude_deg": 40.76 + 0.01 * rng.random(SESSIONS),
                "longitude_deg": -111.84 + 0.01 * rng.random(SESSIONS),
            },
        ),
        observations=build_table(
            OBSERVATION_SCHEMA,
            {
                "session_id": np.concatenate([ids, ids, ids[: SESSIONS // 2], ids[:5]]),
                "receiver_id": np.repeat(
                    ["north", "south", "bus", "rare"], [SESSIONS, SESSIONS, SESSIONS // 2, 5]
                ),
                "latitude_deg": bus_latitude,
                "longitude_deg": np.where(np.isnan(bus_latitude), np.nan, -111.836),
                "rssi_dbm": np.concatenate([north, south, bus, rare]),
            },
        ),
    )


def make_split(train: int = 80) -> Split:
    rows = np.arange(SESSIONS)
    return Split(rows[:train], rows[train:90], rows[90:], name="test", leaking=False, note="")


def test_floors_are_a_low_percentile_of_each_receiver() -> None:
    spec = receiver_set_spec(make_store(), make_split(), FRAME, OPTIONS)
    assert spec["receiver_ids"] == ["north", "south", "bus", "rare"]
    north, south, bus, rare, unknown = spec["encoder"]["floor"]
    assert north == pytest.approx(-95.4, abs=0.5)
    assert south == pytest.approx(-88.5, abs=0.5)
    assert bus == pytest.approx(-79.0, abs=1.0)
    assert rare == south  # Too few readings: the highest floor among the fixed ones.
    assert unknown == max(north, south, bus, rare)
    np.testing.assert_allclose(
        spec["encoder"]["threshold"], np.array(spec["encoder"]["floor"]) + 4.0
    )
    assert spec["encoder"]["shared_identity"] == [2]
    assert spec["origin"] == {"latitude_deg": 40.767, "longitude_deg": -111.836}


def test_floor_is_that_of_the_noisiest_day() -> None:
    rng = np.random.default_rng(3)
    april, july = rng.normal(-95.0, 0.7, 200), rng.normal(-86.5, 0.7, 200)
    july[:60] += 30.0
    day = np.repeat([0, 1], 200)
    floor = noise_floor(np.concatenate([april, july]), day)
    assert floor == pytest.approx(-87.5, abs=0.5)
    # A day on which the emitter was always near says nothing about the noise.
    july[:] = rng.uniform(-80.0, -50.0, 200)
    assert noise_floor(np.concatenate([april, july]), day) == pytest.approx(-96.1, abs=0.5)
    assert noise_floor(july, day[200:]) == pytest.approx(-78.5, abs=1.0)


def test_only_training_sessions_and_no_label_move_a_floor() -> None:
    store, split = make_store(), make_split()
    before = receiver_set_spec(store, split, FRAME, OPTIONS)
    levels = store.observations["rssi_dbm"].to_numpy().copy()
    is_later = np.isin(
        store.observations["session_id"].to_numpy(zero_copy_only=False).astype(str),
        store.sessions["session_id"].to_numpy(zero_copy_only=False).astype(str)[80:],
    )
    levels[is_later] += 500.0
    columns = {name: store.observations[name] for name in store.observations.column_names}
    changed = build_table(OBSERVATION_SCHEMA, columns | {"rssi_dbm": levels})
    assert receiver_set_spec(replace(store, observations=changed), split, FRAME, OPTIONS) == before


def test_a_stated_floor_comes_first_and_no_margin_means_no_threshold() -> None:
    store = make_store()
    columns = {name: store.receivers[name] for name in store.receivers.column_names}
    stated = build_table(RECEIVER_SCHEMA, columns | {"floor_dbm": [-101.5, None, None, None, None]})
    options = replace(OPTIONS, detection_margin_db=0.0)
    spec = receiver_set_spec(replace(store, receivers=stated), make_split(), FRAME, options)
    assert spec["encoder"]["floor"][0] == -101.5
    assert spec["encoder"]["threshold"] == [None] * 5


def test_mobile_receivers_can_be_left_out_altogether() -> None:
    store = make_store()
    options = replace(OPTIONS, use_mobile_receivers=False)
    spec = receiver_set_spec(store, make_split(), FRAME, options)
    assert spec["receiver_ids"] == ["north", "south", "rare"]
    network = network_from_spec(spec).eval()
    arrays = observation_arrays(store, FRAME, spec["receiver_ids"], spec["channels"])
    without_bus = replace(
        arrays,
        observation=np.where((arrays.receiver < 0)[:, :, None], np.nan, arrays.observation).astype(
            np.float32
        ),
    )
    for found, wanted in zip(
        network(*map(torch.from_numpy, arrays.inputs().values())),
        network(*map(torch.from_numpy, without_bus.inputs().values())),
        strict=True,
    ):
        torch.testing.assert_close(found, wanted)


def test_spec_is_plain_json_and_builds_its_network() -> None:
    store = make_store()
    spec = receiver_set_spec(store, make_split(), FRAME, OPTIONS)
    assert json.loads(json.dumps(spec)) == spec
    network = network_from_spec(spec).eval()
    arrays = observation_arrays(store, FRAME, spec["receiver_ids"], spec["channels"])
    mean, _ = network(*map(torch.from_numpy, arrays.inputs().values()))
    assert mean.shape == (SESSIONS, 2)
    assert mean.std() > 0


def test_who_was_running_changes_nothing_where_nothing_is_heard() -> None:
    store = make_store()
    spec = receiver_set_spec(store, make_split(), FRAME, OPTIONS)
    network = network_from_spec(spec).eval()
    arrays = observation_arrays(store, FRAME, spec["receiver_ids"], spec["channels"])
    noise = arrays.observation.copy()
    floors = np.array(spec["encoder"]["floor"], np.float32)[arrays.receiver]
    is_running = ~np.isnan(noise[:, :, 0])
    noise[is_running, 0] = floors[is_running] + 3.5
    mean, _ = network(*map(torch.from_numpy, replace(arrays, observation=noise).inputs().values()))
    control, _ = network(*map(torch.from_numpy, arrays.without_signal().inputs().values()))
    torch.testing.assert_close(mean, control)
    assert (control - control[0]).abs().max() < 1e-3


def test_a_training_split_without_labels_or_signal_is_refused() -> None:
    store, split = make_store(), make_split()
    with pytest.raises(DatasetError, match="No training session has a known position"):
        receiver_set_spec(store, replace(split, train=np.arange(0)), FRAME, OPTIONS)
    with pytest.raises(DatasetError, match="has an observation of snr_db"):
        receiver_set_spec(store, split, FRAME, replace(OPTIONS, channels=("snr_db",)))


def test_localization_spec_normalizes_each_receiver() -> None:
    rng = np.random.default_rng(1)
    levels = np.array([-40.0, -60.0])[None, :, None, None]
    spectrograms = (levels + rng.normal(0, 5, (6, 2, 128, 32))).astype(np.float32)
    spectrograms[2, 1] = np.nan
    targets = rng.normal(0, 100, (6, 2)).astype(np.float32)
    mel = mel_parameters(12_000, 12_000.0)
    spec = localization_spec(
        ["a", "b"], mel, spectrograms, targets, FRAME, LocalizationOptions(head_width=8)
    )
    assert spec["mean_db"] == pytest.approx([-40.0, -60.0], abs=0.2)
    assert spec["std_db"] == pytest.approx([5.0, 5.0], abs=0.2)
    assert json.loads(json.dumps(spec)) == spec
    with torch.device("meta"):
        assert network_from_spec(spec).input_names == ("spectrogram",)
    with pytest.raises(DatasetError, match="known position"):
        localization_spec(
            ["a", "b"], mel, spectrograms, targets * np.nan, FRAME, LocalizationOptions()
        )
