"""A bucket of MinIO or any S3 server: made when missing, every upload verified."""

import hashlib
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from training_core.contract.errors import StorageError
from training_core.contract.files import replace_durably, sha256_file
from training_core.contract.secrets import Credentials
from training_core.contract.sections import StorageSection
from training_core.publishing.object_store import StoredEntry, StoredObject, etags

if TYPE_CHECKING:
    from minio import Minio

# A part must be sent within the timeout: 8 MiB in 30 s is a link of 280 kB/s.
_PART_BYTES = 8 * 1024 * 1024
_UNHARMED = "The export in its run directory is unharmed"
_WRONG_KEY = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"}
)
_ALREADY_MADE = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})


class S3ObjectStore:
    """One bucket behind an S3 endpoint."""

    def __init__(self, client: "Minio", storage: StorageSection, timeout_s: float) -> None:
        self._client = client
        self.endpoint = storage.endpoint
        self.region = storage.region
        self._bucket = storage.bucket
        self._timeout_s = timeout_s
        self._is_ready = False

    @classmethod
    def connect(
        cls, storage: StorageSection, keys: Credentials, timeout_s: float = 30.0
    ) -> "S3ObjectStore":
        """A store by its configuration; nothing is sent yet.

        Args:
            storage: Endpoint, bucket and region.
            keys: Credentials with both storage keys.
            timeout_s: Longest silence of the server, seconds.

        Raises:
            StorageError: The endpoint is not an address, or a key is missing.
        """
        if keys.storage_access_key is None or keys.storage_secret_key is None:
            raise StorageError(
                f"The object store {storage.endpoint} cannot be used",
                why="Its access key or secret key is not set",
                unharmed=_UNHARMED,
                action="Set HEIMDALL_S3_ACCESS_KEY and HEIMDALL_S3_SECRET_KEY, or credentials.toml",
            )
        import urllib3
        from minio import Minio

        address = urlsplit(storage.endpoint)
        pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=timeout_s, read=timeout_s),
            retries=urllib3.Retry(
                total=1, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]
            ),
            cert_reqs="CERT_REQUIRED",
        )
        try:
            client = Minio(
                endpoint=f"{address.netloc}{address.path.rstrip('/')}",
                access_key=keys.storage_access_key.get_secret_value(),
                secret_key=keys.storage_secret_key.get_secret_value(),
                secure=address.scheme == "https",
                region=storage.region,
                http_client=pool,
            )
        except ValueError as error:
            raise StorageError(
                f"storage.endpoint {storage.endpoint!r} is not an address of an object store",
                why=str(error),
                unharmed=_UNHARMED,
                action="Write it as http://host:port or https://host",
            ) from error
        return cls(client, storage, timeout_s)

    def uri(self, key: str) -> str:
        """An `s3:` address."""
        return f"s3://{self._bucket}/{key}"

    def upload(self, path: Path, key: str) -> StoredObject:
        """Send a file, then ask the server for its size and ETag, or read it back."""
        digest, size = sha256_file(path), path.stat().st_size
        with self._explained(f"{path.name} was not stored as {self.uri(key)}"):
            self._make_bucket()
            self._client.fput_object(
                self._bucket, key, str(path), metadata={"sha256": digest}, part_size=_PART_BYTES
            )
            stat = self._client.stat_object(self._bucket, key)
            # Encrypting servers have ETags of their own: their content itself is compared.
            is_whole = stat.size == size and (
                stat.etag in etags(path, _PART_BYTES) or self._remote_sha256(key) == digest
            )
        if not is_whole:
            raise StorageError(
                f"{self.uri(key)} is damaged",
                why="The server holds other bytes than were sent",
                unharmed=_UNHARMED,
                action="Upload it again; if it happens again, check the server's disks",
            )
        return StoredObject(key, self.uri(key), size, digest)

    def download(self, key: str, path: Path) -> None:
        """Fetch an object by a temporary name."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        try:
            with self._explained(f"{self.uri(key)} was not fetched"):
                self._check_reachable()
                response = self._client.get_object(self._bucket, key)
                try:
                    with temporary.open("xb") as file:
                        for piece in response.stream(1 << 20):
                            file.write(piece)
                        file.flush()
                        os.fsync(file.fileno())
                finally:
                    response.close()
                    response.release_conn()
                replace_durably(temporary, path)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def keys(self, prefix: str) -> list[str]:
        """Every key of the bucket that starts with `prefix`."""
        with self._explained(f"{self.uri(prefix)} was not listed"):
            self._check_reachable()
            found = self._client.list_objects(self._bucket, prefix=prefix, recursive=True)
            return sorted(entry.object_name for entry in found if entry.object_name)

    def entries(self, folder: str) -> list[StoredEntry]:
        """What lies in a folder of the bucket, and nothing below it.

        Args:
            folder: With a slash at its end; empty for the whole bucket.
        """
        with self._explained(f"{self.uri(folder)} was not listed"):
            self._check_reachable()
            found = self._client.list_objects(self._bucket, prefix=folder)
            return [
                StoredEntry(str(e.object_name).rstrip("/"), bool(e.is_dir), e.size)
                for e in found
                if e.object_name and e.object_name != folder
            ]

    def beginning(self, key: str, count: int) -> tuple[bytes, int]:
        """The first bytes of an object, and its size."""
        with self._explained(f"{self.uri(key)} was not read"):
            self._check_reachable()
            size = self._client.stat_object(self._bucket, key).size or 0
            if not size:
                return b"", 0
            response = self._client.get_object(self._bucket, key, length=count)
            try:
                return response.read(count), size
            finally:
                response.close()
                response.release_conn()

    def _remote_sha256(self, key: str) -> str:
        digest = hashlib.sha256()
        response = self._client.get_object(self._bucket, key)
        try:
            for piece in response.stream(1 << 20):
                digest.update(piece)
        finally:
            response.close()
            response.release_conn()
        return digest.hexdigest()

    def _make_bucket(self) -> None:
        from minio.error import InvalidResponseError, S3Error

        if self._is_ready:
            return
        self._check_reachable()
        try:
            exists = self._client.bucket_exists(self._bucket)
        except InvalidResponseError as error:
            # Some servers answer a HEAD on a missing bucket in a type the client does not read.
            if _status(error) != 404:
                raise
            exists = False
        if not exists:
            try:
                self._client.make_bucket(self._bucket)
            except S3Error as error:
                if error.code not in _ALREADY_MADE:
                    raise
        self._is_ready = True

    def _check_reachable(self) -> None:
        """Fail within seconds where nothing listens; the long timeout is for slow transfers."""
        address = urlsplit(self.endpoint)
        port = address.port or (443 if address.scheme == "https" else 80)
        with socket.create_connection((address.hostname or "", port), min(5.0, self._timeout_s)):
            pass

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turn what the client raises into an error for a person."""
        from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
        from urllib3.exceptions import HTTPError

        try:
            yield
        except S3Error as error:
            raise self._error(
                what, error.code or "", error.response.status, str(error.message)
            ) from error
        except (InvalidResponseError, ServerError) as error:
            raise self._error(what, "", _status(error), str(error)) from error
        except MinioException as error:
            raise self._error(what, "", 0, str(error)) from error
        except (HTTPError, TimeoutError, ConnectionError, socket.gaierror) as error:
            raise StorageError(
                what,
                why=f"{self.endpoint} is not reachable or does not answer ({_cause(error)})",
                unharmed=_UNHARMED,
                action="Check storage.endpoint and that the server runs; it is tried again later",
            ) from error
        except OSError as error:
            raise StorageError(
                what, why=error.strerror or str(error), unharmed=_UNHARMED
            ) from error

    def _error(self, what: str, code: str, status: int, message: str) -> StorageError:
        if code in _WRONG_KEY:
            why = f"The server does not accept the access key or secret key ({code})"
            action = "Check HEIMDALL_S3_ACCESS_KEY and HEIMDALL_S3_SECRET_KEY"
        elif status in {401, 403}:
            why = f"The key is wrong, or it has no permission for the bucket {self._bucket!r}"
            action = (
                "Check HEIMDALL_S3_ACCESS_KEY, HEIMDALL_S3_SECRET_KEY, storage.bucket "
                "and what that key may do"
            )
        elif code == "NoSuchBucket" or (status == 404 and not code):
            why = f"There is no bucket {self._bucket!r} at {self.endpoint}"
            action = "Check storage.bucket; an upload makes it when the key may"
        elif status == 404:
            why = "There is no such object"
            action = "Check the name and version; `storage.bucket` may be another"
        else:
            why = f"{self.endpoint} answered {code or status}: {message}"
            action = "Check storage.endpoint and the server's own log"
        return StorageError(what, why=why, unharmed=_UNHARMED, action=action)


def _status(error: Exception) -> int:
    """The HTTP status of an answer that was no S3 error document."""
    # The client keeps it in a private field and in its text only.
    return int(getattr(error, "status_code", None) or getattr(error, "_code", 0) or 0)


def _cause(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return type(reason).__name__ if not str(reason) else str(reason).rpartition(": ")[2][:200]
