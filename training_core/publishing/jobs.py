"""What a worker can be asked to do with models: export, register, predict."""

import contextlib
import csv
import io
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from training_core.contract.checkpoints import mark_exported, read_sidecar
from training_core.contract.errors import CheckpointError, DatasetError, ExportError
from training_core.contract.files import sha256_file, write_atomic
from training_core.contract.home import home_path
from training_core.contract.jobs import (
    ExportArguments,
    PredictArguments,
    RegisterArguments,
    Report,
    no_report,
)
from training_core.contract.sections import StorageSection

CSV_COLUMNS = ("session_id", "latitude", "longitude", "cov_ee_m2", "cov_en_m2", "cov_nn_m2")


def export(arguments: ExportArguments, report: Report = no_report) -> dict[str, Any]:
    """Export a checkpoint to ONNX, proved on validation rows of its dataset.

    Raises:
        CheckpointError: The checkpoint is missing, damaged, or holds code.
        DatasetError: There are no rows to prove it with.
        ExportError: The network cannot be exported, or the file fails its proof.
    """
    from training_core.models.restore import load_network
    from training_core.publishing.export_folder import export_folder
    from training_core.publishing.proof_rows import proof_rows

    checkpoint = arguments.checkpoint
    report("load checkpoint", 0, 3)
    network, origin = load_network(checkpoint)
    report("read validation rows", 1, 3)
    rows = proof_rows(origin, arguments.dataset)
    report("export", 2, 3)
    run = _run_of(checkpoint)
    target = arguments.target or (run or checkpoint.parent) / "exports" / checkpoint.stem
    sidecar = read_sidecar(checkpoint)
    done = export_folder(
        network,
        origin,
        rows,
        target,
        opset=arguments.opset,
        checkpoint_sha256=sha256_file(checkpoint),
        step=sidecar.step if sidecar else None,
        config=run / "config.toml" if run else None,
        metrics=sidecar.metrics if sidecar else None,
    )
    # A checkpoint on a disk that is only read is in no rotation.
    with contextlib.suppress(OSError):
        mark_exported(checkpoint)
    report("export", 3, 3)
    return {
        "export": str(target),
        "model": str(done.path),
        "exporter": done.exporter,
        "fallback": done.fallback,
        "export_s": done.export_s,
        "proof_s": done.proof_s,
        "size_bytes": done.proof.size_bytes,
        "sha256": done.proof.sha256,
        "proof": done.proof.summary(),
    }


def register(arguments: RegisterArguments, report: Report = no_report) -> dict[str, Any]:
    """Make an export a version of a registered model; export it first where that is asked for.

    Raises:
        CheckpointError: The checkpoint is missing, damaged, or holds code.
        DatasetError: There are no rows to prove the export with.
        ExportError: The folder is no export, or its proof is of another file.
        StorageError: The object store refused or did not answer.
        TrackingError: MLflow refused or did not answer.
    """
    from training_core.publishing.mlflow_store import MlflowStore
    from training_core.publishing.model_metadata import ModelMetadata
    from training_core.publishing.object_store import open_object_store
    from training_core.publishing.onnx_session import open_session, session_props
    from training_core.publishing.registry import register_export

    home = home_path()
    if arguments.checkpoint is not None:
        export(ExportArguments(checkpoint=arguments.checkpoint, target=arguments.export), report)
    model = arguments.export / "model.onnx"
    metadata = ModelMetadata.from_props(session_props(open_session(model, 1)), str(model))
    storage = StorageSection(
        endpoint=arguments.storage_endpoint, bucket=arguments.bucket, region=arguments.region
    )
    objects = open_object_store(storage, home)
    report("connect", 0, None)
    tracking = MlflowStore.connect(arguments.tracking_uri, home)
    mlflow_run_id = tracking.find_run(metadata.run_id) if metadata.run_id else None
    if mlflow_run_id is None:
        # Servers accept only the artifacts of a run: an export whose own run was never
        # published gets one that says so.
        name = f"import of {arguments.export.name}"
        tags = {"heimdall.imported_run_id": metadata.run_id, "heimdall.host_export": model.name}
        mlflow_run_id = tracking.create_run(arguments.name, name, round(time.time() * 1000), tags)
        tracking.set_status(mlflow_run_id, "FINISHED", round(time.time() * 1000))
    done = register_export(
        tracking,
        objects,
        arguments.export,
        arguments.name,
        arguments.alias,
        mlflow_run_id,
        may_move_back=True,
        report=report,
    )
    return {**done.model_dump(), "tracking_uri": tracking.uri, "mlflow_run_id": mlflow_run_id}


def predict(arguments: PredictArguments, report: Report = no_report) -> dict[str, Any]:
    """Write the estimated position of every session of a dataset as CSV.

    Raises:
        DatasetError: The dataset is unreadable, empty, or lacks what the model reads.
        ExportError: The model is unusable, or knows none of the receivers.
        StorageError: A registered model could not be fetched.
        TrackingError: There is no such registered model.
    """
    from training_core.data.store import open_store
    from training_core.publishing.inference import OnnxModel, heard_known
    from training_core.publishing.local_model import local_model

    if arguments.model.endswith(".ckpt"):
        raise CheckpointError(
            f"{arguments.model} is a checkpoint; predictions are made with exported models",
            unharmed="Nothing was written",
            action=f"Run `heimdall-console export {arguments.model}` first",
        )
    store = open_store(arguments.dataset)
    if not store.session_ids:
        raise DatasetError(
            f"The dataset {store.info.name} has no sessions",
            unharmed="Nothing was written",
            action="Import recordings first",
        )
    resolved = local_model(arguments)
    report("load model", 0, 1)
    model = OnnxModel(resolved.path)
    report("load model", 1, 1)
    start = time.perf_counter()
    found = model.predict(store, report)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    covariance = found.covariance_m2
    for row, session_id in enumerate(found.session_id):
        writer.writerow(
            [
                session_id,
                f"{found.latitude_deg[row]:.9f}",
                f"{found.longitude_deg[row]:.9f}",
                *(f"{covariance[row, i, j]:.6g}" for i, j in ((0, 0), (0, 1), (1, 1))),
            ]
        )
    try:
        write_atomic(arguments.out, text.getvalue().encode())
    except OSError as error:
        raise ExportError(
            f"{arguments.out} was not written",
            why=error.strerror or str(error),
            unharmed="The model and the dataset are unharmed",
            action="Free some space or choose another --out",
        ) from error
    unheard = int(np.count_nonzero(~heard_known(model, store)))
    return {
        "out": str(arguments.out),
        "sessions": len(found.session_id),
        "sessions_without_known_receiver": unheard,
        "model": str(resolved.path),
        "registered_model": resolved.name,
        "version": resolved.version,
        "seconds": time.perf_counter() - start,
    }


def _run_of(checkpoint: Path) -> Path | None:
    """The run directory that a checkpoint lies in, or that its sidecar names."""
    parent = checkpoint.absolute().parent.parent
    if (parent / "run.json").is_file():
        return parent
    sidecar = read_sidecar(checkpoint)
    if sidecar and sidecar.run_id:
        run = home_path() / "runs" / sidecar.run_id
        if (run / "run.json").is_file() and json.loads((run / "run.json").read_bytes()):
            return run
    return None
