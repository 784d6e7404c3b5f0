"""Fetching all files of a version of a registered model."""

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from training_core.contract.errors import StorageError
from training_core.contract.files import fsync_folder, sha256_file
from training_core.contract.jobs import Report, no_report
from training_core.contract.leftovers import remove_half_folders
from training_core.contract.sections import StorageSection
from training_core.publishing.mlflow_store import MlflowStore
from training_core.publishing.object_store import model_key, open_object_store
from training_core.publishing.registry import complete_version, damaged


def download_version(
    reference: str,
    tracking: MlflowStore,
    storage: StorageSection,
    home: Path,
    target: Path,
    report: Report = no_report,
) -> tuple[str, int, list[str]]:
    """Fetch all files of a version into a new folder, which appears whole or not at all.

    Args:
        reference: `name@alias`, `name@v3` or `name@latest`.
        tracking: MLflow with its registry.
        storage: Where the files are; without an endpoint, where the version says.
        home: The home, for its store and the credentials.
        target: The folder; it must not exist.
        report: Told which file is fetched.

    Returns:
        Registered model, version and names of the files.

    Raises:
        TrackingError: There is no such model or alias, or MLflow did not answer.
        StorageError: A file is missing or damaged in the object store, or the folder exists.
    """
    name, number, sha256, place = complete_version(reference, tracking, storage)
    if target.exists():
        raise StorageError(
            f"{target} was not made",
            why="It exists already",
            unharmed="It was not changed, and nothing was fetched",
            action="Choose another folder",
        )
    objects = open_object_store(place, home)
    prefix = model_key(name, number)
    files = [key.removeprefix(prefix) for key in objects.keys(prefix)]
    files = [file for file in files if file and "/" not in file]
    with _appearing(target) as hidden:
        for done, file in enumerate(files):
            report(f"fetch {file}", done, len(files))
            objects.download(prefix + file, hidden / file)
        model = hidden / "model.onnx"
        found = sha256_file(model) if model.is_file() else ""
        if found != sha256:
            raise damaged(name, number, found, sha256)
        report("fetch", len(files), len(files))
    return name, number, files


@contextlib.contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """A folder beside the target that takes its name where all goes well, and goes otherwise."""
    remove_half_folders(target)
    hidden = target.with_name(f".{target.name}.{secrets.token_hex(4)}.new")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        hidden.mkdir()
        yield hidden
        hidden.rename(target)
        fsync_folder(target.parent)
    except OSError as error:
        raise StorageError(
            f"{target} was not made",
            why=error.strerror or str(error),
            unharmed="The version is as it was",
            action="Free some space, or choose another folder",
        ) from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
