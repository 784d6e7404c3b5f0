"""The one MLflow store that a tracking reader reads, connected when it is needed."""

import os
import re
import threading
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from training_core.contract.errors import TrackingError
from training_core.contract.home import tracking_uri
from training_core.publishing.mlflow_store import MlflowStore
from training_core.publishing.tracking_reader_client import ClientRuns
from training_core.publishing.tracking_reader_database import DatabaseRuns

_REQUEST_TIMEOUT_S: Final = "10"
_SQLITE: Final = "sqlite:///"
_USERINFO: Final = re.compile(r"^([a-z][a-z0-9+.-]*://)[^/@]*@")


class TrackingSource:
    """A store, by its address.

    Args:
        configured_uri: Address; empty for the database of the home.
        home: The home, for its database and the credentials file.
    """

    def __init__(self, configured_uri: str, home: Path) -> None:
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", _REQUEST_TIMEOUT_S)
        self.uri = _without_password(tracking_uri(home, configured_uri))
        """Address for MLflow; that of a server is without name and password."""
        self.shown_uri = _USERINFO.sub(r"\1", self.uri)
        """Address for people."""
        self.home = home
        """For the database and the credentials."""
        self._lock = threading.Lock()
        self._store: MlflowStore | None = None
        self._client_runs: ClientRuns | None = None
        self.database: DatabaseRuns | None = None
        """Set where the store is an SQLite file."""
        self._path: Path | None = None
        if self.uri.startswith(_SQLITE):
            self._path = Path(unquote(self.uri.removeprefix(_SQLITE).partition("?")[0]))
            self.database = DatabaseRuns(self._path)

    @property
    def is_empty(self) -> bool:
        """Whether the database was never made: reading makes none."""
        return self._path is not None and not self._path.exists()

    def store(self) -> MlflowStore:
        """MLflow's own client of the store; the first call imports it, which takes seconds.

        Raises:
            TrackingError: The address is not one of MLflow, or the database is not there.
        """
        if self.is_empty:
            raise TrackingError(
                f"There is no database {self._path}",
                unharmed="None was made by reading",
                action="It is made by the first run that is published",
            )
        with self._lock:
            if self._store is None:
                self._store = MlflowStore.connect(self.uri, self.home)
            return self._store

    def client_runs(self) -> ClientRuns:
        """The runs as the client lists them.

        Raises:
            TrackingError: As `store`.
        """
        store = self.store()
        with self._lock:
            if self._client_runs is None:
                self._client_runs = ClientRuns(store)
            return self._client_runs

    def forget_connection(self) -> None:
        """Connect anew at the next use, with the credentials that are there by then."""
        with self._lock:
            self._store = self._client_runs = None


def _without_password(uri: str) -> str:
    """The address; name and password in it move to where MLflow's client looks for them."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or "@" not in parts.netloc:
        return uri
    userinfo, _, host = parts.netloc.rpartition("@")
    name, _, password = userinfo.partition(":")
    os.environ["MLFLOW_TRACKING_USERNAME"] = unquote(name)
    os.environ["MLFLOW_TRACKING_PASSWORD"] = unquote(password)
    return urlunsplit(parts._replace(netloc=host))
