"""Where exported models lie: a folder of the home, or a bucket behind the same four calls."""

import contextlib
import hashlib
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from training_core.contract.errors import StorageError
from training_core.contract.files import replace_durably, sha256_file
from training_core.contract.home import model_store_folder
from training_core.contract.secrets import credentials
from training_core.contract.sections import StorageSection

MODEL_FILES = ("model.onnx", "config.toml", "metrics.json", "proof.json", "README.md")
"""What a stored model consists of; only the first must be there."""


@dataclass(frozen=True)
class StoredObject:
    """One verified object of a store."""

    key: str
    uri: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class StoredEntry:
    """What lies in a folder of a bucket."""

    key: str
    is_folder: bool
    size_bytes: int | None


class ObjectStore(Protocol):
    """A flat store of files by key; every upload is read back before it counts."""

    endpoint: str
    """Address of its server; empty where there is none."""
    region: str
    """Region of the bucket."""

    def uri(self, key: str) -> str:
        """Address of a key, for people and for tags."""
        ...

    def upload(self, path: Path, key: str) -> StoredObject:
        """Store a file and verify what the store now holds.

        Raises:
            StorageError: The store refused, did not answer, or holds something else.
        """
        ...

    def download(self, key: str, path: Path) -> None:
        """Fetch an object to `path`, which appears whole or not at all.

        Raises:
            StorageError: There is no such object, or the store did not answer.
        """
        ...

    def keys(self, prefix: str) -> list[str]:
        """Every key that starts with `prefix`, sorted.

        Raises:
            StorageError: The store did not answer.
        """
        ...


def open_object_store(storage: StorageSection, home: Path) -> ObjectStore:
    """The store that a configuration names: S3 where it has an endpoint, else the home.

    Raises:
        StorageError: The endpoint is not an address, or its keys are not set.
    """
    if not storage.endpoint:
        return LocalObjectStore(model_store_folder(home), storage.bucket)
    from training_core.publishing.s3_store import S3ObjectStore

    return S3ObjectStore.connect(storage, credentials(home))


def model_key(name: str, version: int, file: str = "") -> str:
    """`<name>/v<N>/<file>`, the key of a stored model's file.

    Raises:
        StorageError: The name cannot be part of a key.
    """
    if not name or name in {".", ".."} or any(character in name for character in "/\\\0"):
        raise StorageError(
            f"A model cannot be stored under the name {name!r}",
            why="Names become folders: no slash, no backslash, not only dots",
            unharmed="Nothing was stored",
            action="Choose another export.model_name",
        )
    return f"{name}/v{version}/{file}"


class LocalObjectStore:
    """A folder: `<root>/<bucket>/<key>`."""

    endpoint = region = ""

    def __init__(self, root: Path, bucket: str) -> None:
        self.folder = root / bucket

    def uri(self, key: str) -> str:
        """A `file:` address."""
        return (self.folder / key).resolve().as_uri()

    def upload(self, path: Path, key: str) -> StoredObject:
        """Copy beside the target, fsync, read back, rename."""
        target = self.folder / key
        try:
            digest, size = _copy_durably(path, target)
        except OSError as error:
            raise _local_error(f"{path.name} was not stored as {target}", error) from error
        return StoredObject(key, self.uri(key), size, digest)

    def download(self, key: str, path: Path) -> None:
        """Copy an object to `path`."""
        try:
            _copy_durably(self.folder / key, path)
        except OSError as error:
            raise _local_error(f"{self.folder / key} was not read", error) from error

    def keys(self, prefix: str) -> list[str]:
        """Files below the folder, without those still being written."""
        if not self.folder.is_dir():
            return []
        found = (
            path.relative_to(self.folder).as_posix()
            for path in self.folder.rglob("*")
            if path.is_file() and not path.name.endswith(".tmp")
        )
        return sorted(key for key in found if key.startswith(prefix))


def _copy_durably(source: Path, target: Path) -> tuple[str, int]:
    """Copy by a temporary name; return the SHA-256 and size that were read back."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with source.open("rb") as reader, temporary.open("xb") as writer:
            shutil.copyfileobj(reader, writer, 1 << 20)
            writer.flush()
            os.fsync(writer.fileno())
        expected, found = sha256_file(source), sha256_file(temporary)
        if expected != found:
            raise OSError(f"the copy has SHA-256 {found} instead of {expected}")
        replace_durably(temporary, target)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return found, target.stat().st_size


def _local_error(what: str, error: OSError) -> StorageError:
    return StorageError(
        what,
        why=error.strerror or str(error),
        unharmed="The export in its run directory is unharmed",
        action="Check the free space and the permissions of the folder",
    )


def etags(path: Path, part_bytes: int) -> set[str]:
    """The ETags that an S3 server may give a file: of one piece, and of parts."""
    whole = hashlib.md5(usedforsecurity=False)
    parts: list[bytes] = []
    with path.open("rb") as file:
        while piece := file.read(part_bytes):
            whole.update(piece)
            parts.append(hashlib.md5(piece, usedforsecurity=False).digest())
    joined = hashlib.md5(b"".join(parts), usedforsecurity=False).hexdigest()
    return {whole.hexdigest(), f"{joined}-{len(parts)}"}
