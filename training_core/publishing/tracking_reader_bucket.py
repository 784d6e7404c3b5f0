"""Artifacts that MLflow left in a bucket, read from there with our own keys.

MLflow's client would ask for a library of Amazon's, which is not installed, and fetch whole files.
"""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from training_core.contract.errors import StorageError
from training_core.contract.secrets import credentials
from training_core.contract.sections import StorageSection
from training_core.publishing.object_store import StoredEntry
from training_core.publishing.s3_store import S3ObjectStore
from training_core.publishing.version_store import endpoint_of_environment, region_of_environment

_TIMEOUT_S = 10.0
_AMAZON = "https://s3.amazonaws.com"


class BucketFolder:
    """The artifacts of one run in a bucket.

    Args:
        objects: The bucket.
        root: Where they begin, with a slash at its end.
    """

    def __init__(self, objects: S3ObjectStore, root: str) -> None:
        self._objects = objects
        self._root = root

    def entries(self, folder: str) -> list[StoredEntry]:
        """What lies in a folder of the run; keys count from the run's own folder.

        Raises:
            StorageError: The server refused or did not answer.
        """
        prefix = f"{self._root}{folder}/" if folder else self._root
        return [
            StoredEntry(e.key.removeprefix(self._root), e.is_folder, e.size_bytes)
            for e in self._objects.entries(prefix)
        ]

    def beginning(self, path: str, count: int) -> tuple[bytes, int]:
        """The first bytes of a file, and its size.

        Raises:
            StorageError: There is no such file, or the server refused or did not answer.
        """
        if any(part in ("", ".", "..") for part in path.split("/")) or "\0" in path:
            raise StorageError(
                f"The artifact {path[:200]!r} was not shown",
                why="Its path leads out of the run's artifacts",
                unharmed="Nothing was changed",
            )
        return self._objects.beginning(f"{self._root}{path}", count)


def bucket_of(artifact_uri: str, home: Path) -> BucketFolder | None:
    """The bucket of a run's artifacts; None where they lie elsewhere.

    The server is that of `MLFLOW_S3_ENDPOINT_URL`, as for MLflow itself; without it, Amazon's.

    Raises:
        StorageError: The keys are not set, or the endpoint is no address.
    """
    parts = urlsplit(artifact_uri)
    if parts.scheme != "s3":
        return None
    storage = StorageSection.model_construct(
        endpoint=endpoint_of_environment() or _AMAZON,
        bucket=parts.netloc,
        region=region_of_environment(),
    )
    objects = S3ObjectStore.connect(storage, credentials(home), _TIMEOUT_S)
    root = unquote(parts.path).strip("/")
    return BucketFolder(objects, f"{root}/" if root else "")
