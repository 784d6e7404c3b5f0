"""MLflow with bounded waiting: runs, parameters, metrics, artifacts."""

import fcntl
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training_core.contract.errors import HeimdallError, TrackingError
from training_core.contract.home import ensure_folder, tracking_uri
from training_core.contract.secrets import credentials
from training_core.publishing.metric_points import Point, safe_name

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

RUN_TAG = "heimdall.run_id"
_MOST_PARAMS = 100
_LONGEST_PARAM = 6000
_LONGEST_TAG = 8000
_PLAIN_WORDS = {
    "Read timed out": "The server took the request and did not answer in time",
    "ConnectTimeoutError": "The server could not be reached in time",
    "Connection refused": "Nothing listens at that address",
    "NameResolutionError": "The name of the server is not known",
    "No module named 'boto3'": "The run's artifacts lie in a bucket: for writing there MLflow needs "
    "boto3, unless its server passes them on (--serve-artifacts)",
    "too many 500 error responses": "The server failed (HTTP 500): its own log says why",
    "too many 503 error responses": "The server failed (HTTP 503): its own log says why",
}
_UNHARMED = "The run and everything in its directory are unharmed"

# A call that was retried inside the client may have been done twice: we retry ourselves,
# after looking at what is there.
_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT": "120",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "GIT_PYTHON_REFRESH": "quiet",
}


# Variables that we set from the credentials file: the file may hold others by the next look.
_from_file: set[str] = set()


class RefusedError(TrackingError):
    """The server will never take this: repeating it is useless."""


class MlflowStore:
    """One tracking server or database.

    Args:
        client: MLflow's own client.
        uri: Address, for messages.
        artifacts: Folder for artifacts, where the store is a database of ours.
    """

    def __init__(self, client: "MlflowClient", uri: str, artifacts: Path | None) -> None:
        self.client = client
        self.uri = uri
        self._artifacts = artifacts

    @classmethod
    def connect(cls, configured_uri: str, home: Path) -> "MlflowStore":
        """The store that a configuration names; an embedded database is made when missing.

        Raises:
            TrackingError: The address is not one of MLflow, or the database cannot be made.
        """
        uri = tracking_uri(home, configured_uri)
        _set_environment(home)
        is_database = not uri.startswith(("http://", "https://", "databricks"))
        artifacts = ensure_folder(home) / "artifacts" if is_database else None
        with _explained(f"MLflow at {uri} cannot be used"), _one_at_a_time(uri, home):
            from mlflow.tracking import MlflowClient

            client = MlflowClient(tracking_uri=uri, registry_uri=uri)
            if is_database:
                # The first use makes the tables: two processes at once would collide.
                client.search_experiments(max_results=1)
        return cls(client, uri, artifacts)

    def find_run(self, run_id: str, *, tag: str = RUN_TAG) -> str | None:
        """MLflow's id of our run, in any experiment; the first where there are several.

        Args:
            run_id: Ours.
            tag: Where it stands.

        Raises:
            TrackingError: The server refused or did not answer.
        """
        from mlflow.entities import ViewType

        with self.explained("The run could not be looked up"):
            experiments, token = [], None
            while True:
                page = self.client.search_experiments(
                    view_type=ViewType.ACTIVE_ONLY, page_token=token
                )
                experiments += [found.experiment_id for found in page]
                if not (token := page.token):
                    break
            runs = self.client.search_runs(
                experiments,
                filter_string=f"tags.`{tag}` = '{run_id}'",
                order_by=["attributes.start_time ASC"],
                max_results=1,
            )
        return runs[0].info.run_id if runs else None

    def create_run(self, experiment: str, name: str, start_ms: int, tags: Mapping[str, str]) -> str:
        """Make a run and its experiment; creating is not idempotent: call `find_run` first.

        Raises:
            TrackingError: The server refused or did not answer.
        """
        with self.explained(f"The run was not made in experiment {experiment}"):
            run = self.client.create_run(
                self._experiment(experiment),
                start_time=start_ms,
                tags=_tags(tags),
                run_name=name,
            )
        return str(run.info.run_id)

    def log_params(self, mlflow_run_id: str, params: Mapping[str, str]) -> None:
        """Add parameters; those that are there already stay as they are.

        Raises:
            TrackingError: The server refused or did not answer.
        """
        from mlflow.entities import Param

        with self.explained("The parameters were not published"):
            known = self.client.get_run(mlflow_run_id).data.params
            new = [
                Param(key, _storable(value[:_LONGEST_PARAM]))
                for key, value in ((safe_name(k, {}), v) for k, v in params.items())
                if key not in known
            ]
            for start in range(0, len(new), _MOST_PARAMS):
                self.client.log_batch(mlflow_run_id, params=new[start : start + _MOST_PARAMS])

    def log_points(self, mlflow_run_id: str, points: Iterable[Point]) -> None:
        """Add at most 1,000 metric points; identical points are stored once.

        Raises:
            RefusedError: The server does not take one of them.
            TrackingError: The server refused or did not answer.
        """
        from mlflow.entities import Metric

        metrics = [Metric(p.name, p.value, p.time_ms, p.step) for p in points]
        with self.explained(f"{len(metrics)} metric points were not published"):
            self.client.log_batch(mlflow_run_id, metrics=metrics)

    def set_tags(self, mlflow_run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run.

        Raises:
            TrackingError: The server refused or did not answer.
        """
        from mlflow.entities import RunTag

        with self.explained("The tags were not published"):
            entries = [RunTag(key, value) for key, value in _tags(tags).items()]
            for start in range(0, len(entries), _MOST_PARAMS):
                self.client.log_batch(mlflow_run_id, tags=entries[start : start + _MOST_PARAMS])

    def log_file(self, mlflow_run_id: str, path: Path, folder: str = "") -> None:
        """Upload a file as an artifact; one of the same name is replaced.

        Raises:
            TrackingError: The server refused or did not answer.
        """
        with self.explained(f"{path.name} was not published"):
            self.client.log_artifact(mlflow_run_id, str(path), folder or None)

    def artifact_uri(self, mlflow_run_id: str, folder: str) -> str:
        """Address of a folder among the artifacts of a run.

        Raises:
            TrackingError: The server refused or did not answer.
        """
        with self.explained("The run's artifacts could not be found"):
            root: str = self.client.get_run(mlflow_run_id).info.artifact_uri
        return f"{root.rstrip('/')}/{folder}"

    def set_status(self, mlflow_run_id: str, status: str, end_ms: int | None = None) -> None:
        """Set RUNNING, or an end: FINISHED, FAILED or KILLED.

        Raises:
            TrackingError: The server refused or did not answer.
        """
        with self.explained(f"The status {status} was not published"):
            if end_ms is None:
                self.client.update_run(mlflow_run_id, status=status)
            else:
                self.client.set_terminated(mlflow_run_id, status, end_ms)

    @contextmanager
    def explained(self, what: str) -> Iterator[None]:
        """Turn what the client raises into an error for a person."""
        with _explained(what):
            yield

    def _experiment(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(name)
        if found is None:
            location = (self._artifacts / "runs").as_uri() if self._artifacts else None
            try:
                return str(self.client.create_experiment(name, artifact_location=location))
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
                found = self.client.get_experiment_by_name(name)
        if found is None or found.lifecycle_stage != "active":
            raise RefusedError(
                f"The experiment {name!r} of MLflow is deleted",
                unharmed=_UNHARMED,
                action="Restore it in MLflow, or choose another run.experiment",
            )
        return str(found.experiment_id)


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {
        safe_name(key, {}): _storable(value[:_LONGEST_TAG])
        for key, value in tags.items()
        if value != ""
    }


def _storable(text: str) -> str:
    """The text without what PostgreSQL refuses for good."""
    return text.replace("\0", "\ufffd")


def _set_environment(home: Path) -> None:
    """Bound every wait of the client, and hand it the credentials it reads from there."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for name in _from_file:
        os.environ.pop(name, None)
    _from_file.clear()
    keys = credentials(home)
    for name, secret in (
        ("MLFLOW_TRACKING_TOKEN", keys.tracking_token),
        ("MLFLOW_TRACKING_USERNAME", keys.tracking_username),
        ("MLFLOW_TRACKING_PASSWORD", keys.tracking_password),
    ):
        if secret is not None and not os.environ.get(name):
            os.environ[name] = secret.get_secret_value()
            _from_file.add(name)


@contextmanager
def _one_at_a_time(uri: str, home: Path) -> Iterator[None]:
    """Let one process at a time make the tables of an embedded database."""
    if not uri.startswith("sqlite"):
        yield
        return
    with (home / ".mlflow.lock").open("a") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _explained(what: str) -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except HeimdallError:
        raise
    except MlflowException as error:
        raise _translated(what, error) from error
    except Exception as error:
        # Databases, HTTP and artifact stores each raise trees of their own through the client.
        raise TrackingError(
            what,
            why=_first_line(error),
            unharmed=_UNHARMED,
            action="Check tracking.uri and that the server runs; publishing goes on by itself",
        ) from error


def _translated(what: str, error: Any) -> TrackingError:
    status, code = error.get_http_status_code(), str(error.error_code)
    message = _first_line(error)
    if code in {"UNAUTHENTICATED", "PERMISSION_DENIED", "CUSTOMER_UNAUTHORIZED"} or re.search(
        r"error code 40[13]\b", message
    ):
        return TrackingError(
            what,
            why=f"The MLflow server does not accept the credentials ({message})",
            unharmed=_UNHARMED,
            action="Set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and _PASSWORD, or write "
            "them into credentials.toml of the home: it is read again at every attempt",
        )
    if code == "INVALID_PARAMETER_VALUE" and status == 400 and "'active' state" not in message:
        return RefusedError(what, why=message, unharmed=_UNHARMED)
    return TrackingError(
        what,
        why=message,
        unharmed=_UNHARMED,
        action="Check tracking.uri and that the server runs; publishing goes on by itself",
    )


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    line = lines[0] if lines else type(error).__name__
    # The client quotes its HTTP library's exceptions inside one another.
    for sign, words in _PLAIN_WORDS.items():
        if sign in line:
            return words
    return line[:500]
