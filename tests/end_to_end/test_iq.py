"""IQ recordings in, a registered LocalizationNet out, predictions without torch."""

import csv
from pathlib import Path

import numpy as np
import orjson
import pytest

from tests.end_to_end.command import answer, heimdall
from training_core.radio.geo import LocalFrame

pytestmark = pytest.mark.slow

RECEIVERS_M = ((-800.0, -500.0), (900.0, -400.0), (0.0, 900.0))
SAMPLES = 4096

CONFIG = """
[data]
split = "imported"
[model]
name = "localization_net"
[trainer]
epochs = 1
batch_size = 8
accelerator = "cpu"
[export]
model_name = "spectrograms"
"""


def write_recordings(source: Path, sessions: int) -> None:
    """Noise whose level falls with the distance to each receiver, in the seed's layout."""
    frame = LocalFrame(45.0, 7.6)
    random = np.random.default_rng(0)
    parts = ["train"] * (sessions - 10) + ["val"] * 5 + ["test"] * 5
    for number, part in enumerate(parts):
        folder = source / part
        folder.mkdir(parents=True, exist_ok=True)
        emitter_m = random.uniform(-700.0, 700.0, 2)
        noise = random.normal(size=(len(RECEIVERS_M), 2, SAMPLES)).astype(np.float32)
        for row, place_m in enumerate(RECEIVERS_M):
            noise[row] *= 100.0 / np.hypot(*(emitter_m - place_m))
        name = f"session-{number:03d}"
        np.save(folder / f"{name}_iq.npy", noise)
        latitude, longitude = frame.to_wgs84(*emitter_m)
        np.save(folder / f"{name}_label.npy", np.array([float(latitude), float(longitude)]))
        places = [frame.to_wgs84(*place_m) for place_m in RECEIVERS_M]
        described = {
            "sample_rate_hz": 48_000.0,
            "receivers": [
                {"id": f"rx{row}", "latitude": float(place[0]), "longitude": float(place[1])}
                for row, place in enumerate(places)
            ],
        }
        (folder / f"{name}_meta.json").write_bytes(orjson.dumps(described))


def test_iq_to_registered_model_and_predictions(tmp_path: Path) -> None:
    write_recordings(tmp_path / "recordings", 24)
    config = tmp_path / "iq.toml"
    config.write_text(CONFIG)

    imported = answer("data", "import", "npy", tmp_path / "recordings", "--name", "iq")
    assert imported["sessions"] == 24
    heimdall("run", "--config", config, "--data-dir", "iq")
    out = tmp_path / "predictions.csv"
    heimdall("predict", "spectrograms@challenger", "iq", "--out", out)

    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(row["session_id"].startswith("test-") for row in rows) == 5
    assert len(rows) == 24
    assert all(abs(float(row["latitude"]) - 45.0) < 0.1 for row in rows)
    evaluated = answer("evaluate", "spectrograms@challenger", "iq")
    assert evaluated["kind"] == "localization_net"
    assert evaluated["split"]["rows"] == 5
