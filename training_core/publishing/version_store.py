"""Where the files of a version of a registered model lie: said at its registration, or by a name."""

import os
from typing import Final
from urllib.parse import urlsplit

from training_core.contract.errors import StorageError
from training_core.contract.sections import StorageSection

URI: Final = "heimdall.uri"
_ENDPOINT, _REGION = "heimdall.storage_endpoint", "heimdall.storage_region"
# As MLflow and Amazon's own tools know them; the first that is set wins.
_VARIABLES: Final = ("MLFLOW_S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


def place_tags(uri: str, endpoint: str, region: str) -> dict[str, str]:
    """What a version says of where its files lie, without a name or password in the address."""
    if not endpoint:
        return {URI: uri}
    parts = urlsplit(endpoint)
    shown = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return {URI: uri, _ENDPOINT: shown, _REGION: region}


def endpoint_of_environment() -> str:
    """The S3 server that the environment names; empty where it names none."""
    return next((os.environ[name] for name in _VARIABLES if os.environ.get(name)), "")


def region_of_environment() -> str:
    """The region that the environment names."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def place_of(name: str, tags: dict[str, str], asked: StorageSection) -> StorageSection:
    """The store that holds a version.

    Args:
        name: Of the version, for messages.
        tags: Of the version.
        asked: What was named; without an endpoint the version itself says where it is.

    Raises:
        StorageError: It lies in a bucket, and nobody says on which server.
    """
    uri = urlsplit(tags.get(URI, ""))
    if asked.endpoint or uri.scheme != "s3":
        return asked
    endpoint = tags.get(_ENDPOINT) or endpoint_of_environment()
    if not endpoint:
        raise StorageError(
            f"{name} was not fetched",
            why=f"It lies in the bucket {uri.netloc!r}, and nobody says on which server",
            unharmed="Nothing was changed",
            action="Set MLFLOW_S3_ENDPOINT_URL to http://host:port, or name it by "
            "--storage-endpoint",
        )
    region = tags.get(_REGION) or asked.region
    return StorageSection(endpoint=endpoint, bucket=uri.netloc, region=region)
