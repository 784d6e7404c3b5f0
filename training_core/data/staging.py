"""Building a directory beside its place, so that it appears whole or not at all."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training_core.contract.datasets import DATASET_FILE
from training_core.contract.errors import DatasetError
from training_core.contract.files import fsync_folder


@contextmanager
def staged_directory(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """A new directory to fill; when the block ends without an error it becomes `path`.

    Args:
        path: Where the dataset is to lie.
        overwrite: Replace the dataset that lies there. Anything that is not a dataset
            is never replaced, except an empty directory.

    Raises:
        DatasetError: `path` is taken, or the disk is full or not writable.
    """
    path = Path(path).expanduser().absolute()
    _refuse_taken(path, overwrite)
    staging = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        staging.mkdir(mode=0o700)
        try:
            yield staging
            _flush(staging)
            _replace(staging, path, overwrite)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
    except OSError as error:
        raise DatasetError(
            f"The dataset {path} could not be written",
            why=_reason(error),
            unharmed="What was there before is unchanged, and nothing half-written is left",
            action="Free some space, or name another place for the dataset",
        ) from error


def _reason(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "The disk is full"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"The place is not writable ({error.strerror})"
    return str(error)


def _refuse_taken(path: Path, overwrite: bool) -> None:
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not (path / DATASET_FILE).is_file():
        raise DatasetError(
            f"{path} already exists and is not a dataset",
            unharmed="It was not touched",
            action="Name another place for the dataset",
        )
    if not overwrite:
        raise DatasetError(
            f"There is already a dataset at {path}",
            unharmed="It was not touched",
            action="Name another place, or ask to overwrite it",
        )


def _flush(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    fsync_folder(folder)


def _replace(staging: Path, path: Path, overwrite: bool) -> None:
    # Asked again: another importer may have finished in the meantime.
    _refuse_taken(path, overwrite)
    staging.chmod(0o755)
    if not path.exists():
        os.rename(staging, path)
    else:
        former = path.with_name(f".{path.name}.{secrets.token_hex(4)}.former")
        os.rename(path, former)
        try:
            os.rename(staging, path)
        except OSError:
            os.rename(former, path)
            raise
        shutil.rmtree(former, ignore_errors=True)
    fsync_folder(path.parent)
