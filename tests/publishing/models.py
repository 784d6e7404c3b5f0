"""Datasets, checkpoints and exports for the publishing tests."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.publishing.networks import RECEIVER_IDS, receiver_set_net, receiver_set_rows
from training_core.data.info import DatasetInfo, SiteOrigin
from training_core.data.store import SessionStore, write_store
from training_core.data.tables import (
    OBSERVATION_SCHEMA,
    RECEIVER_SCHEMA,
    SESSION_SCHEMA,
    build_table,
)
from training_core.models.restore import ORIGIN
from training_core.publishing.export_folder import export_folder
from training_core.radio.geo import LocalFrame


def origin_of(spec: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What a checkpoint of that network says of itself."""
    return {
        "network": spec,
        "model_class": "",
        "model_arguments": {},
        "data_class": "",
        "data_arguments": {},
        "run_id": "20260924-120000-abc123",
        "config_hash": "c" * 64,
        "dataset": "",
        "dataset_fingerprint": "d" * 64,
        "split": {"name": "random", "validation_split": 0.3, "test_split": 0.2, "seed": 1},
        **changes,
    }


def make_export(folder: Path, seed: int = 3, **changes: Any) -> Path:
    network, spec = receiver_set_net(seed)
    export_folder(
        network,
        origin_of(spec, **changes),
        receiver_set_rows(),
        folder,
        checkpoint_sha256="ab" * 32,
        step=1200,
        metrics={"val/median_m": 123.4, "val/nll": float("nan")},
    )
    return folder


def save_checkpoint(path: Path, dataset: Path | str, seed: int = 3) -> Path:
    network, spec = receiver_set_net(seed)
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    content = {"state_dict": state, "global_step": 7, ORIGIN: origin_of(spec, dataset=str(dataset))}
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)
    return path


def make_dataset(
    path: Path,
    sessions: int = 40,
    receiver_ids: tuple[str, ...] = (*RECEIVER_IDS, "unknown-1"),
    seed: int = 0,
) -> SessionStore:
    """Sessions around the site of the test network; the first was heard by nobody known."""
    draw = np.random.default_rng(seed)
    _, spec = receiver_set_net()
    frame = LocalFrame(**spec["origin"])
    places = frame.to_wgs84(*draw.uniform(-800, 800, (2, len(receiver_ids))))
    labels = frame.to_wgs84(*draw.uniform(-900, 900, (2, sessions)))
    session_ids = [f"s{row:03d}" for row in range(sessions)]
    pairs = [
        (session, receiver)
        for session in session_ids
        for receiver in receiver_ids
        if (draw.random() < 0.7 and session != "s000") or receiver == receiver_ids[-1]
    ]
    return write_store(
        path,
        # A dataset may have another zero than the model.
        DatasetInfo(name="near", site_origin=SiteOrigin(latitude_deg=40.7, longitude_deg=-111.8)),
        build_table(
            RECEIVER_SCHEMA,
            {
                "receiver_id": list(receiver_ids),
                "latitude_deg": places[0],
                "longitude_deg": places[1],
            },
        ),
        build_table(
            SESSION_SCHEMA,
            {"session_id": session_ids, "latitude_deg": labels[0], "longitude_deg": labels[1]},
        ),
        build_table(
            OBSERVATION_SCHEMA,
            {
                "session_id": [session for session, _ in pairs],
                "receiver_id": [receiver for _, receiver in pairs],
                "rssi_dbm": draw.uniform(-95, -50, len(pairs)),
            },
        ),
    )
