"""What a worker can be asked to do with registered models: set an alias, download a version."""

from typing import Any

from training_core.contract.home import ensure_folder, home_path
from training_core.contract.jobs import (
    DownloadArguments,
    Report,
    ServerArguments,
    SetAliasArguments,
    no_report,
)
from training_core.contract.sections import StorageSection
from training_core.contract.turns import alone


def set_alias(arguments: SetAliasArguments, report: Report = no_report) -> dict[str, Any]:
    """Move an alias to a version, or take it away.

    Raises:
        TrackingError: There is no such model or version, the alias has moved meanwhile, or
            MLflow did not answer.
    """
    from training_core.publishing.mlflow_store import MlflowStore
    from training_core.publishing.registry_aliases import set_alias as move

    report("connect", 0, None)
    home = home_path()
    tracking = MlflowStore.connect(arguments.tracking_uri, home)
    # MLflow itself cannot move an alias only if it is where it is expected to be.
    with alone(ensure_folder(home) / ".aliases.lock"):
        before = move(
            tracking, arguments.name, arguments.alias, arguments.version, arguments.expected
        )
    return {
        "name": arguments.name,
        "alias": arguments.alias,
        "version": arguments.version,
        "before": before,
        "tracking_uri": tracking.uri,
    }


def download(arguments: DownloadArguments, report: Report = no_report) -> dict[str, Any]:
    """Fetch all files of a version into a new folder.

    Raises:
        StorageError: A file is missing or damaged, or the folder exists.
        TrackingError: There is no such model or alias, or MLflow did not answer.
    """
    from training_core.publishing.mlflow_store import MlflowStore
    from training_core.publishing.registry_download import download_version

    home = home_path()
    report("connect", 0, None)
    tracking = MlflowStore.connect(arguments.tracking_uri, home)
    name, version, files = download_version(
        arguments.model, tracking, _storage(arguments), home, arguments.target, report
    )
    return {
        "name": name,
        "version": version,
        "target": str(arguments.target),
        "files": len(files),
        "names": files,
    }


def _storage(arguments: ServerArguments) -> StorageSection:
    return StorageSection(
        endpoint=arguments.storage_endpoint, bucket=arguments.bucket, region=arguments.region
    )
