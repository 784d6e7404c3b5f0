"""What silence is, and whose floor moved: on drawn receivers and on the measured campus."""

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from training_core.radio.generator import generate
from training_core.radio.presets import preset_options
from training_core.radio.receiver_floors import (
    DETECTION_MARGIN_DB,
    moved_receivers,
    receiver_floors,
)

Float64Array = NDArray[np.float64]
FLOORS = np.array([-95.0, -92.0, -97.0, -90.0])


def noisy_receivers(rows: int, seed: int, gain_db: Float64Array | float = 0.0) -> Float64Array:
    """Receivers that report their noise, and signals above it in half of the rows."""
    generator = np.random.default_rng(seed)
    noise = FLOORS + generator.normal(0, 1, (rows, 4))
    signal = generator.uniform(-110, -50, (rows, 4))
    return np.fmax(noise, signal) + gain_db


def test_a_receiver_that_reports_noise_is_off_where_it_says_nothing() -> None:
    rssi = noisy_receivers(600, 0)
    rssi[200:400, 1] = np.nan
    floors = receiver_floors(rssi)
    assert floors.reports_noise.all()
    np.testing.assert_allclose(floors.floor_dbm, FLOORS - 1.5, atol=1.5)
    np.testing.assert_allclose(floors.audible_dbm, floors.floor_dbm + DETECTION_MARGIN_DB)
    np.testing.assert_array_equal(np.isnan(floors.with_silence(rssi)), np.isnan(rssi))
    heard = floors.heard(rssi)
    assert 0.3 < np.isfinite(heard).mean() < 0.8
    assert np.nanmin(heard - floors.audible_dbm) > 0


@pytest.mark.parametrize("preset", ["campus", "vhf-network"])
def test_a_receiver_that_is_quiet_below_its_threshold_is_silent_there(preset: str) -> None:
    drawn = generate(preset_options(preset, {}), 800, seed=3)
    rssi = drawn.links.rssi_dbm
    floors = receiver_floors(rssi)
    often_missing = np.isnan(rssi).mean(axis=0) > 0.01
    assert not floors.reports_noise[often_missing].any()
    filled = floors.with_silence(rssi)
    known = np.isfinite(floors.floor_dbm) & often_missing
    assert np.isfinite(filled[:, known]).all()
    silent = np.isnan(rssi) & known
    expected = np.broadcast_to(floors.floor_dbm, rssi.shape)[silent]
    np.testing.assert_array_equal(filled[silent], expected)


def test_a_moved_floor_is_seen_whatever_all_share() -> None:
    floors = receiver_floors(noisy_receivers(900, 1))
    assert not moved_receivers(floors, noisy_receivers(300, 2)).any()
    assert not moved_receivers(floors, noisy_receivers(300, 2, gain_db=6.0)).any()
    moved = moved_receivers(floors, noisy_receivers(300, 2, np.array([1.0, 1.0, 7.0, 1.0])))
    np.testing.assert_array_equal(moved, [False, False, True, False])


def test_a_few_readings_tell_nothing() -> None:
    floors = receiver_floors(noisy_receivers(900, 1))
    shifted = noisy_receivers(10, 2, np.array([0.0, 0.0, 30.0, 0.0]))
    assert not moved_receivers(floors, shifted).any()
    assert np.isnan(receiver_floors(noisy_receivers(10, 1)).floor_dbm).all()


def test_two_receivers_of_the_measured_campus_moved_between_april_and_july(
    shared_data: Path,
) -> None:
    with (shared_data / "powder_frs_rss" / "single_tx.csv").open() as file:
        header, *rows = csv.reader(file)
    names = [name for name in header[1:] if not name.startswith(("bus", "tx_"))]
    columns = [header.index(name) for name in names]
    table = np.array([[row[column] for column in columns] for row in rows], dtype=np.float64)
    rssi = np.where(table <= -101, np.nan, table)  # -101 is "no reading"
    is_april = np.array([row[0].startswith("2022-04") for row in rows])
    floors = receiver_floors(rssi[~is_april])
    assert floors.reports_noise.all()
    moved = moved_receivers(floors, rssi[is_april])
    assert sorted(np.array(names)[moved]) == ["ebc-nuc1-b210", "law73-nuc1-b210"]
