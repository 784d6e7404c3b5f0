"""Reading registered models and their proofs from MLflow, by the process that imports it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from heimdall_console.model_rows import ModelVersion, RegisteredModel, local_proof, models_of
from training_core.contract.errors import HeimdallError

if TYPE_CHECKING:
    from heimdall_console.sources.tracking_reader import TrackingReader


def read_models(reader: "TrackingReader") -> list[RegisteredModel]:
    """Every registered model.

    Raises:
        TrackingError: MLflow refused or did not answer.
    """
    return models_of(reader.stream("models"))


def find_proof(version: ModelVersion, home: Path, reader: "TrackingReader") -> dict[str, Any]:
    """The proof of a version, from this disk or from MLflow; empty where it is nowhere."""
    proof = local_proof(version, home)
    if proof or not (version.mlflow_run_id and version.tag("export")):
        return proof
    path = f"exports/{version.tag('export')}/proof.json"
    try:
        answer = reader.answer("preview", run=version.mlflow_run_id, path=path)
        found = orjson.loads(answer.get("text") or "{}")
    except (HeimdallError, orjson.JSONDecodeError):
        return {}
    is_whole = isinstance(found, dict) and found.get("sha256") == version.tag("onnx_sha256")
    return found if is_whole else {}
