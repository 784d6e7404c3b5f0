"""Whether the servers that a run publishes to answer, asked within a bounded time."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from training_core.contract.config import Config
from training_core.contract.errors import HeimdallError, StorageError, TrackingError
from training_core.contract.home import model_store_folder, tracking_uri
from training_core.contract.jobs import Report
from training_core.training.checks import Check

_WAIT_S: Final = 20.0
_LOOK_S: Final = 0.2
_REQUEST_S: Final = "8"
_LATER: Final = "The run itself would not need it: `heimdall-console sync` publishes later"
_PROBE_KEY: Final = "heimdall-preflight/"
_DATABASE: Final = "sqlite:///"


def check_tracking(config: Config, home: Path, report: Report) -> Check:
    """Whether MLflow answers; nothing is written there.

    Raises:
        TrackingError: It refuses or does not answer.
        HeimdallError: The credentials file is unusable.
    """
    if not config.tracking.enabled:
        return Check("skipped", why="tracking.enabled is false: the run is not published")
    uri = tracking_uri(home, config.tracking.uri)
    database = Path(uri.removeprefix(_DATABASE))
    if uri.startswith(_DATABASE) and not database.exists():
        # Connecting would make it; that is left to the first run.
        return _writable(database, {"uri": uri, "exists": False})
    # Only this process, and only while nothing but this is asked.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", _REQUEST_S)

    def ask() -> None:
        from training_core.publishing.mlflow_store import MlflowStore

        store = MlflowStore.connect(config.tracking.uri, home)
        with store.explained(f"MLflow at {uri} does not answer"):
            store.client.search_experiments(max_results=1)

    late = TrackingError(
        f"MLflow at {uri} does not answer",
        why=f"There was no answer within {_WAIT_S:g} s",
        action=f"Check tracking.uri and that the server runs. {_LATER}",
    )
    try:
        _within_time(ask, late, lambda: report("tracking", 0, 1))
    except TrackingError as error:
        error.action = f"Check tracking.uri, the credentials and that the server runs. {_LATER}"
        raise
    return Check(figures={"uri": uri, "exists": True})


def check_storage(config: Config, home: Path, report: Report) -> Check:
    """Whether the object store answers; nothing is written there.

    Raises:
        StorageError: It refuses or does not answer.
        HeimdallError: The credentials file is unusable.
    """
    export = config.export
    if not (config.tracking.enabled and export.enabled and export.register_model):
        return Check("skipped", why="The run registers no model")
    storage = config.storage
    if not storage.endpoint:
        folder = model_store_folder(home) / storage.bucket
        return _writable(folder, {"uri": str(folder), "exists": folder.is_dir()})
    uri = f"{storage.endpoint.rstrip('/')}/{storage.bucket}"

    def ask() -> None:
        from training_core.publishing.object_store import open_object_store

        open_object_store(storage, home).keys(_PROBE_KEY)

    late = StorageError(
        f"The object store {storage.endpoint} does not answer",
        why=f"There was no answer within {_WAIT_S:g} s",
        action="Check storage.endpoint and that the server runs",
    )
    try:
        _within_time(ask, late, lambda: report("storage", 0, 1))
    except StorageError as error:
        if getattr(error.__cause__, "code", "") != "NoSuchBucket":
            raise
        return Check(
            "warning",
            {"uri": uri, "exists": False},
            why=f"There is no bucket {storage.bucket}",
            action="The first upload makes it, where the key may; else make it, or correct "
            "storage.bucket",
        )
    return Check(figures={"uri": uri, "exists": True})


def _writable(path: Path, figures: dict[str, object]) -> Check:
    """Whether a file or folder that the home will hold can be made."""
    above = next(folder for folder in (path, *path.parents) if folder.exists())
    if os.access(above, os.W_OK | os.X_OK):
        return Check(figures=figures)
    return Check(
        "failed",
        figures,
        why=f"{above} is not writable",
        action="Make it writable, or set HEIMDALL_HOME to another folder",
    )


def _within_time(
    ask: Callable[[], None], late: HeimdallError, still_wanted: Callable[[], None]
) -> None:
    """Ask in a thread that is left behind when it takes too long or nobody wants it any more."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            ask()
        except BaseException as error:
            raised.append(error)

    # A client may wait for minutes in a call that cannot be interrupted.
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    deadline = time.monotonic() + _WAIT_S
    while thread.is_alive():
        still_wanted()
        thread.join(_LOOK_S)
        if time.monotonic() > deadline:
            raise late
    if raised:
        raise raised[0]
