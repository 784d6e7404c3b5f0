"""Reading registered models and their proofs from MLflow, by the process that imports it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from heimdall_console.model_rows import ModelVersion, RegisteredModel, local_proof, models_of
from training_core.contract.config_file import load_config
from training_core.contract.errors import HeimdallError
from training_core.contract.run_dir import find_run

if TYPE_CHECKING:
    from heimdall_console.sources.tracking_reader import TrackingReader


def read_models(reader: "TrackingReader") -> list[RegisteredModel]:
    """Every registered model.

    Raises:
        TrackingError: MLflow refused or did not answer.
    """
    return models_of(reader.stream("models"))


def find_proof(
    version: ModelVersion, home: Path, reader: "TrackingReader"
) -> tuple[dict[str, Any], str]:
    """The proof of a version, from this disk or from MLflow; where it is nowhere, why."""
    proof = local_proof(version, home)
    if proof:
        return proof, ""
    if not (version.mlflow_run_id and version.tag("export")):
        return {}, "not on this disk, and the version does not say where else"
    path = f"exports/{version.tag('export')}/proof.json"
    try:
        answer = reader.answer("preview", run=version.mlflow_run_id, path=path)
        found = orjson.loads(answer.get("text") or "{}")
    except HeimdallError as error:
        return {}, f"not on this disk, and not read from MLflow: {error.what}. {error.why}"
    except orjson.JSONDecodeError:
        return {}, "not on this disk, and damaged in MLflow"
    if isinstance(found, dict) and found.get("sha256") == version.tag("onnx_sha256"):
        return found, ""
    return {}, "not on this disk, and that in MLflow is of another file"


def tracking_address(chosen: str) -> str:
    """The MLflow that was chosen, or that of the environment: a job reads the first only."""
    return chosen or os.environ.get("MLFLOW_TRACKING_URI", "")


def storage_of(version: ModelVersion, home: Path) -> dict[str, str]:
    """Where the files of a version are, as arguments of a job: as its run was configured."""
    bucket = urlsplit(version.tag("uri")).netloc
    found = {"bucket": bucket} if version.tag("uri").startswith("s3:") and bucket else {}
    try:
        storage = load_config(find_run(home, version.tag("run_id")).config_path).storage
    except HeimdallError:
        return found
    return {
        "storage_endpoint": storage.endpoint,
        "bucket": found.get("bucket", storage.bucket),
        "region": storage.region,
    }
