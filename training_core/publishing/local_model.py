"""The file behind a reference to a model, fetched when it is a registered one."""

from pathlib import Path

from training_core.contract.home import home_path
from training_core.contract.jobs import ModelReference
from training_core.contract.sections import StorageSection
from training_core.publishing.mlflow_store import MlflowStore
from training_core.publishing.registry import ResolvedModel, resolve_model


def local_model(reference: ModelReference) -> ResolvedModel:
    """The ONNX file of a path or of `name@alias`, `name@v3`, `name@latest`.

    Raises:
        TrackingError: There is no such model, or MLflow did not answer.
        StorageError: The object store has no such file, or did not answer.
    """
    path = Path(reference.model)
    # A file may have an @ in its name; what exists is a file.
    if path.exists() or "@" not in reference.model:
        return ResolvedModel(path)
    home = home_path()
    storage = StorageSection(
        endpoint=reference.storage_endpoint, bucket=reference.bucket, region=reference.region
    )
    return resolve_model(
        reference.model,
        MlflowStore.connect(reference.tracking_uri, home),
        storage,
        home,
    )
