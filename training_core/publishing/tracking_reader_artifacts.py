"""Artifacts of an MLflow run: listed, and previewed by a bounded number of bytes."""

import os
import tempfile
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import orjson

from training_core.contract.errors import HeimdallError, TrackingError
from training_core.contract.files import open_regular
from training_core.publishing.mlflow_store import MlflowStore
from training_core.publishing.object_store import StoredEntry
from training_core.publishing.tracking_reader_bucket import bucket_of

MOST_LISTED: Final = 2000
_PREVIEW_BYTES: Final = 256 * 1024
# A server gives whole files only.
_LARGEST_DOWNLOAD_BYTES: Final = 16 * 1024 * 1024


def list_artifacts(store: MlflowStore, home: Path, run_id: str, folder: str) -> dict[str, Any]:
    """What a folder among the artifacts holds, folders first.

    Raises:
        StorageError: The bucket that it lies in refused or did not answer.
        TrackingError: The server refused or did not answer.
    """
    bucket = bucket_of(_root(store, run_id), home)
    if bucket is not None:
        found = bucket.entries(folder)
    else:
        with store.explained("The artifacts could not be listed"):
            found = [
                StoredEntry(entry.path, entry.is_dir, entry.file_size)
                for entry in store.client.list_artifacts(run_id, folder or None)
            ]
    found.sort(key=lambda entry: (not entry.is_folder, entry.key))
    entries = [
        {"path": entry.key, "is_folder": entry.is_folder, "size_bytes": entry.size_bytes}
        for entry in found[:MOST_LISTED]
    ]
    return {"artifacts": entries, "left_out": max(0, len(found) - MOST_LISTED)}


def preview_artifact(store: MlflowStore, home: Path, run_id: str, path: str) -> dict[str, Any]:
    """The beginning of a file, as text where it is text.

    Returns:
        `kind` (text, json, binary), `text`, `size_bytes`, `is_cut`.

    Raises:
        StorageError: The bucket that it lies in refused or did not answer.
        TrackingError: The server refused or did not answer, or the file is too large.
    """
    uri = _root(store, run_id)
    if (root := _local_folder(uri)) is not None:
        content, size = _read_local(root, path)
    elif (bucket := bucket_of(uri, home)) is not None:
        content, size = bucket.beginning(path, _PREVIEW_BYTES)
    else:
        content, size = _download(store, run_id, path)
    is_cut = size > len(content)
    if b"\0" in content:
        return {"kind": "binary", "text": "", "size_bytes": size, "is_cut": is_cut}
    text = content.decode(errors="replace")
    if path.endswith(".json") and not is_cut:
        try:
            pretty = orjson.dumps(orjson.loads(content), option=orjson.OPT_INDENT_2)
        except orjson.JSONDecodeError:
            pass
        else:
            return {"kind": "json", "text": pretty.decode(), "size_bytes": size, "is_cut": False}
    return {"kind": "text", "text": text, "size_bytes": size, "is_cut": is_cut}


def _root(store: MlflowStore, run_id: str) -> str:
    """Address of the artifacts of a run."""
    with store.explained("The run could not be looked up"):
        return str(store.client.get_run(run_id).info.artifact_uri)


def _local_folder(uri: str) -> Path | None:
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return Path(uri) if not parts.scheme and uri.startswith("/") else None


def _read_local(root: Path, path: str) -> tuple[bytes, int]:
    """The beginning of a file below a folder, and its size."""
    place = (root / path).resolve()
    if not place.is_relative_to(root.resolve()):
        raise _not_shown(path, "Its path leads out of the run's artifacts")
    try:
        with os.fdopen(open_regular(place), "rb") as file:
            return file.read(_PREVIEW_BYTES), os.fstat(file.fileno()).st_size
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else ""
        raise _not_shown(path, why or str(error)) from error


def _download(store: MlflowStore, run_id: str, path: str) -> tuple[bytes, int]:
    """The beginning of a file that a server holds, and its size."""
    parent = path.rpartition("/")[0]
    with store.explained("The artifact could not be looked up"):
        sizes = {e.path: e.file_size for e in store.client.list_artifacts(run_id, parent or None)}
    if path not in sizes:
        raise _not_shown(path, "It is not among the run's artifacts")
    size = sizes[path] or 0
    if size > _LARGEST_DOWNLOAD_BYTES:
        raise _not_shown(path, f"It has {size / 1e6:,.0f} MB; previews end at 16 MB")
    with (
        tempfile.TemporaryDirectory(prefix="heimdall-preview-") as folder,
        store.explained("The artifact could not be read"),
    ):
        file = Path(store.client.download_artifacts(run_id, path, folder))
        return file.read_bytes()[:_PREVIEW_BYTES], file.stat().st_size


def _not_shown(path: str, why: str) -> HeimdallError:
    return TrackingError(
        f"The artifact {path[:200]} was not shown",
        why=why,
        unharmed="Nothing was changed",
        action="Fetch it with `mlflow artifacts download` if you need it whole",
    )
