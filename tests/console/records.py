"""Runs with checkpoints, exports and evaluations, as far as the console reads them."""

import hashlib
import os
from pathlib import Path
from typing import Any

import orjson

from heimdall_console.checkpoint_rows import CheckpointRow
from training_core.contract.checkpoints import CheckpointSidecar, write_sidecar
from training_core.contract.jobs import EvaluateArguments, JobDir, create_job
from training_core.contract.run_dir import RunDir, RunInfo, create_run, new_id
from training_core.contract.run_log import RunLogWriter


def saved_run(
    home: Path,
    values: list[float],
    reasons: dict[int, str] | None = None,
    name: str = "morning",
    created: float = 1e9,
) -> RunDir:
    """A run with a checkpoint after each epoch."""
    info = RunInfo(id=new_id(created), name=name, experiment="x", created=created)
    run = create_run(home, info, "")
    for epoch, value in enumerate(values):
        path = run.checkpoints / f"epoch={epoch:03d}-step={10 * (epoch + 1):07d}.ckpt"
        path.write_bytes(os.urandom(1000 + epoch))
        sidecar = CheckpointSidecar(
            file=path.name,
            step=10 * (epoch + 1),
            epoch=epoch,
            metrics={"val/loss": value},
            monitor="val/loss",
            size_bytes=path.stat().st_size,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            created=created + epoch,
            reason=(reasons or {}).get(epoch, "validation"),
            run_id=run.id,
        )
        write_sidecar(run.checkpoints, sidecar)
    with RunLogWriter(run.log_path) as log:
        log.append("state", status="running")
        log.append("state", status="finished", exit_code=0)
    return run


def field(number: int, content: bytes) -> bytes:
    """One length-delimited field of a protocol buffer."""
    length, size = b"", len(content)
    while size >= 0x80:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def export_of(run: RunDir, row: CheckpointRow, name: str) -> str:
    """An export folder as far as the console reads it; returns the model's SHA-256."""
    folder = run.exports / name
    folder.mkdir()
    value = orjson.dumps(row.sidecar.sha256)
    entry = field(1, b"heimdall.checkpoint_sha256") + field(2, value)
    model = b"\x08\x08" + field(7, os.urandom(5000)) + field(14, entry)
    (folder / "model.onnx").write_bytes(model)
    sha256 = hashlib.sha256(model).hexdigest()
    (folder / "proof.json").write_bytes(orjson.dumps({"sha256": sha256, "ok": True}))
    return sha256


def evaluated(home: Path, model: str, part: str = "val", sessions: int = 40) -> JobDir:
    """An evaluation that has ended."""
    arguments = EvaluateArguments.model_validate(
        {"model": model, "dataset": home / "datasets" / "campus", "split": part}
    )
    job = create_job(home, "evaluate", arguments)
    errors = [3.0 * (n + 1) for n in range(sessions)]
    result: dict[str, Any] = {
        "model": model,
        "run_id": "",
        "dataset": "campus",
        "split": {"name": "place", "part": part, "rows": sessions, "train_rows": 200, "note": ""},
        "leakage": {"test_share": 0.1, "test_nearest_m": 80.0},
        "methods": {
            "network": {
                "metrics": {"median_m": 61.5, "mean_m": 60.0, "p90_m": 108.0, "coverage_90": 0.9},
                "cdf_m": errors,
            },
            "training_centroid": {
                "metrics": {"median_m": 500.0, "mean_m": 510.0, "p90_m": 900.0},
                "cdf_m": [100.0, 500.0, 900.0],
            },
        },
        "coverage": [[0.5, 0.48], [0.9, 0.91]],
        "positions": {
            "of": sessions,
            "session_id": [f"s{n:03d}" for n in range(sessions)],
            "track": ["t[0]"] * sessions,
            "truth_m": [[10.0 * n, 5.0 * n] for n in range(sessions)],
            "estimate_m": [[10.0 * n, 5.0 * n + errors[n]] for n in range(sessions)],
            "covariance_m2": [[900.0, 0.0, 900.0]] * sessions,
            "error_m": errors,
            "receivers": [4] * sessions,
            "receivers_m": [[0.0, 0.0], [400.0, 200.0]],
        },
        "warnings": ["Only [a few] sessions."],
    }
    job.result_path.write_bytes(orjson.dumps(result))
    with RunLogWriter(job.log_path) as log:
        log.append("state", status="running")
        log.append("state", status="finished", exit_code=0)
    return job
