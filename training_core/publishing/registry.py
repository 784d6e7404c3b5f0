"""Registered models: from an export folder to a version, from `name@alias` to a file."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from training_core.contract.errors import ExportError, StorageError, TrackingError
from training_core.contract.files import sha256_file
from training_core.contract.jobs import Report, no_report
from training_core.contract.sections import StorageSection
from training_core.publishing.mlflow_store import MlflowStore, RefusedError
from training_core.publishing.model_metadata import ModelMetadata
from training_core.publishing.object_store import (
    MODEL_FILES,
    ObjectStore,
    model_key,
    open_object_store,
)
from training_core.publishing.onnx_session import open_session, session_props
from training_core.publishing.proof_report import read_proof
from training_core.publishing.publisher_state import RegisteredVersion
from training_core.publishing.version_store import place_of, place_tags

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

_STATUS, _SHA256 = "heimdall.status", "heimdall.onnx_sha256"
_REFERENCE = re.compile(r"^(?P<name>[^@]+)@(?P<alias>[^@]+)$")
_NUMBERED = re.compile(r"^v?(\d+)$")


def register_export(
    tracking: MlflowStore,
    objects: ObjectStore,
    export: Path,
    name: str,
    alias: str,
    mlflow_run_id: str,
    *,
    extra_tags: dict[str, str] | None = None,
    may_move_back: bool = False,
    report: Report = no_report,
) -> RegisteredVersion:
    """Make an export a version of a registered model; repeating it changes nothing.

    The version is made first, with the tag `heimdall.status` = uploading; then the files are
    stored under its number and read back; the alias moves last.

    Args:
        tracking: MLflow with its registry.
        objects: Where the files go.
        export: Folder with `model.onnx` and `proof.json`.
        name: Registered model; made when missing.
        alias: Alias that moves to the version; empty moves none.
        mlflow_run_id: Run whose artifact the export becomes: servers accept no other source.
        extra_tags: Further lineage.
        may_move_back: Whether the alias may leave a later version.
        report: Told which file is stored.

    Raises:
        ExportError: The folder is no export, or its proof is of another file.
        StorageError: The object store refused or did not answer.
        TrackingError: MLflow refused or did not answer.
    """
    sha256, tags = _lineage(export, mlflow_run_id, extra_tags or {})
    _make_model(tracking, name)
    version = _version_of(tracking, name, sha256, mlflow_run_id)
    files = [file for file in MODEL_FILES if (export / file).is_file()]
    if version is None:
        folder = f"exports/{export.name}"
        for file in (*files, *(["MLmodel"] if (export / "MLmodel").is_file() else [])):
            tracking.log_file(mlflow_run_id, export / file, folder)
        source = tracking.artifact_uri(mlflow_run_id, folder)
        with tracking.explained(f"No version of {name} was made"):
            version = tracking.client.create_model_version(
                name, source, mlflow_run_id, tags={**tags, _STATUS: "uploading"}
            )
    number = int(version.version)
    uri = objects.uri(model_key(name, number))
    place = place_tags(uri, objects.endpoint, objects.region)
    if version.tags.get(_STATUS) != "ready":
        for done, file in enumerate(files):
            report(f"store {file}", done, len(files))
            objects.upload(export / file, model_key(name, number, file))
        with tracking.explained(f"Version {number} of {name} was not completed"):
            for key, value in (place | {_STATUS: "ready"}).items():
                tracking.client.set_model_version_tag(name, str(number), key, value)
    report("store", len(files), len(files))
    moved = _move_alias(tracking, name, alias, number, may_move_back)
    return RegisteredVersion(
        name=name,
        version=number,
        alias=alias if moved else "",
        uri=uri,
        sha256=sha256,
        export=export.name,
    )


@dataclass(frozen=True)
class ResolvedModel:
    """A model on this machine."""

    path: Path
    """The ONNX file."""
    name: str = ""
    """Registered model; empty for a plain file."""
    version: int | None = None
    """Its version."""


def resolve_model(
    reference: str, tracking: MlflowStore, storage: StorageSection, home: Path
) -> ResolvedModel:
    """The file of a registered model: `name@alias`, `name@v3` or `name@latest`.

    Files lie in the cache by their SHA-256, which is checked on every use.

    Args:
        reference: What to look up.
        tracking: MLflow with its registry.
        storage: Where the files are; without an endpoint, where the version says.
        home: The home, for downloads and credentials.

    Raises:
        TrackingError: There is no such model or alias, or MLflow did not answer.
        StorageError: The file is missing or damaged in the object store.
    """
    name, number, sha256, place = complete_version(reference, tracking, storage)
    path = home / "cache" / "models" / sha256 / "model.onnx"
    if not (path.is_file() and sha256_file(path) == sha256):
        objects = open_object_store(place, home)
        objects.download(model_key(name, number, "model.onnx"), path)
        if (found := sha256_file(path)) != sha256:
            path.unlink(missing_ok=True)
            raise damaged(name, number, found, sha256)
    return ResolvedModel(path, name, number)


def complete_version(
    reference: str, tracking: MlflowStore, storage: StorageSection
) -> tuple[str, int, str, StorageSection]:
    """Name, number, SHA-256 and store of the version of a reference, if its files are all stored.

    Raises:
        StorageError: Nobody says where they are.
        TrackingError: There is no such model or alias, it is not complete, or MLflow did not
            answer.
    """
    match = _REFERENCE.match(reference)
    if match is None:
        raise TrackingError(
            f"{reference!r} names no registered model",
            why="It is no file either",
            unharmed="Nothing was changed",
            action="Write name@alias, name@v3, name@latest, or the path of an .onnx file",
        )
    name = match["name"]
    version = _find_version(tracking, name, match["alias"])
    number, sha256 = int(version.version), version.tags.get(_SHA256, "")
    if version.tags.get(_STATUS) != "ready" or not sha256:
        raise TrackingError(
            f"Version {number} of {name} is not complete",
            why="Its upload did not end, or another program registered it",
            unharmed="Nothing was changed",
            action="Register the export again, or choose another version",
        )
    place = place_of(f"Version {number} of {name}", dict(version.tags), storage)
    return name, number, sha256, place


def damaged(name: str, number: int, found: str, sha256: str) -> StorageError:
    """What is said where a stored file is not the one that was registered."""
    return StorageError(
        f"Version {number} of {name} is damaged in the object store",
        why=f"Its SHA-256 is {found or 'unknown'}; {sha256} was registered",
        unharmed="The damaged file was not kept",
        action="Register the export again",
    )


def _lineage(export: Path, mlflow_run_id: str, extra: dict[str, str]) -> tuple[str, dict[str, str]]:
    proof = read_proof(export / "proof.json")
    model = export / "model.onnx"
    sha256 = sha256_file(model) if model.is_file() else ""
    if sha256 != proof.sha256 or not proof.ok:
        raise ExportError(
            f"{export} was not registered",
            why=(
                "Its proof failed"
                if sha256 == proof.sha256
                else "Its model.onnx is missing or is not the file that was proved"
            ),
            unharmed="No version was made",
            action="Export the checkpoint again",
        )
    metadata = ModelMetadata.from_props(session_props(open_session(model, 1)), str(model))
    tags = {
        **extra,
        _SHA256: sha256,
        "heimdall.mlflow_run_id": mlflow_run_id,
        "heimdall.run_id": metadata.run_id,
        "heimdall.checkpoint_sha256": metadata.checkpoint_sha256,
        "heimdall.config_hash": metadata.config_hash,
        "heimdall.dataset_fingerprint": metadata.dataset_fingerprint,
        "heimdall.kind": metadata.kind,
        "heimdall.export": export.name,
        "heimdall.max_abs_difference": f"{proof.max_abs_difference:.3g}",
    }
    return sha256, {key: value for key, value in tags.items() if value}


def _make_model(tracking: MlflowStore, name: str) -> None:
    from mlflow.exceptions import MlflowException

    with tracking.explained(f"The registered model {name} was not made"):
        try:
            tracking.client.get_registered_model(name)
        except MlflowException as missing:
            if missing.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            try:
                tracking.client.create_registered_model(name)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise


def _versions(tracking: MlflowStore, name: str) -> "list[ModelVersion]":
    quoted = name.replace("'", "''")
    with tracking.explained(f"The versions of {name} could not be looked up"):
        found = tracking.client.search_model_versions(f"name='{quoted}'", max_results=1000)
    return sorted(found, key=lambda version: int(version.version))


def _version_of(
    tracking: MlflowStore, name: str, sha256: str, mlflow_run_id: str
) -> "ModelVersion | None":
    """The version that an earlier attempt made of the same file of the same run."""
    for version in _versions(tracking, name):
        if version.tags.get(_SHA256) == sha256 and version.run_id == mlflow_run_id:
            return version
    return None


def _move_alias(
    tracking: MlflowStore, name: str, alias: str, number: int, may_move_back: bool
) -> bool:
    if not alias:
        return False
    with tracking.explained(f"The alias {alias} was not moved to version {number} of {name}"):
        aliases = tracking.client.get_registered_model(name).aliases
        current = int(aliases.get(alias, 0))
        # A retry that comes late must not undo what a later run did.
        if current > number and not may_move_back:
            return False
        if current != number:
            tracking.client.set_registered_model_alias(name, alias, str(number))
    return True


def _find_version(tracking: MlflowStore, name: str, alias: str) -> "ModelVersion":
    from mlflow.exceptions import MlflowException

    try:
        if (numbered := _NUMBERED.match(alias)) is not None:
            return tracking.client.get_model_version(name, numbered[1])
        if alias == "latest":
            ready = [v for v in _versions(tracking, name) if v.tags.get(_STATUS) == "ready"]
            if ready:
                return ready[-1]
        return tracking.client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        with tracking.explained(f"{name}@{alias} could not be looked up"):
            if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                raise
        raise RefusedError(
            f"There is no registered model {name}@{alias}",
            why=f"{tracking.uri} knows {known_models(tracking, name)}",
            unharmed="Nothing was changed",
            action="Check the name, the alias and tracking.uri",
        ) from error


def known_models(tracking: MlflowStore, name: str) -> str:
    """What a server knows instead of a model or alias that it does not."""
    with tracking.explained("The registered models could not be listed"):
        models = {m.name: m.aliases for m in tracking.client.search_registered_models()}
    if name in models:
        aliases = [*sorted(models[name]), *(f"v{v.version}" for v in _versions(tracking, name))]
        return f"{name} with {', '.join(aliases) or 'no version'}"
    return f"the models {', '.join(sorted(models))}" if models else "no models"
