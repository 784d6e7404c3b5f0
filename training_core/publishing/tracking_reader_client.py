"""Runs of an MLflow server, listed in pages and then kept up to date by what changes."""

from collections.abc import Iterator

from training_core.publishing.mlflow_store import MlflowStore
from training_core.publishing.tracking_reader_rows import Row, row_of

_FIRST_PAGE, _PAGE = 100, 1000
_NEWEST_FIRST = ["attributes.start_time DESC"]
_ALIVE = "attributes.status = 'RUNNING'"
_WAITING = "attributes.status = 'SCHEDULED'"
_MOST_LOOKED_UP = 200


class ClientRuns:
    """The runs of a tracking server.

    MLflow does not say what has changed: runs that are alive are asked for again, and the
    newest ones until one is known.

    Args:
        store: The server.
    """

    def __init__(self, store: MlflowStore) -> None:
        self._store = store
        self._experiments: dict[str, str] = {}
        self._known: set[str] = set()
        self._alive: set[str] = set()

    def pages(self) -> Iterator[list[Row]]:
        """Every run, the newest first; the first page is small.

        Raises:
            TrackingError: The server refused or did not answer.
        """
        self._read_experiments()
        self._known.clear()
        self._alive.clear()
        if self._experiments:
            yield from self._search("", _FIRST_PAGE)

    def changes(self) -> tuple[list[Row], list[str]]:
        """Runs that are new, alive or have just ended, and ids of those gone.

        Raises:
            TrackingError: The server refused or did not answer.
        """
        self._read_experiments()
        if not self._experiments:
            return [], []
        before, known = set(self._alive), set(self._known)
        found: dict[str, Row] = {}
        for filter_text in (_ALIVE, _WAITING):
            for page in self._search(filter_text, _PAGE):
                found |= {row["id"]: row for row in page}
        for page in self._search("", _FIRST_PAGE):
            found |= {row["id"]: row for row in page}
            if any(row["id"] in known for row in page):
                break
        gone = []
        for run_id in sorted(before - found.keys())[:_MOST_LOOKED_UP]:
            row = self._look_up(run_id)
            if row is None:
                gone.append(run_id)
                self._known.discard(run_id)
                self._alive.discard(run_id)
            else:
                found[run_id] = row
        return list(found.values()), gone

    def _look_up(self, run_id: str) -> Row | None:
        from mlflow.exceptions import MlflowException

        with self._store.explained("A run could not be looked up"):
            try:
                run = self._store.client.get_run(run_id)
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                return None
        if run.info.lifecycle_stage != "active":
            return None
        row = row_of(run, self._experiments.get(run.info.experiment_id, ""))
        self._remember(row)
        return row

    def _search(self, filter_text: str, size: int) -> Iterator[list[Row]]:
        token = None
        while True:
            with self._store.explained("The runs could not be listed"):
                page = self._store.client.search_runs(
                    list(self._experiments),
                    filter_string=filter_text,
                    max_results=size,
                    order_by=_NEWEST_FIRST,
                    page_token=token,
                )
            rows = [row_of(run, self._experiments.get(run.info.experiment_id, "")) for run in page]
            for row in rows:
                self._remember(row)
            yield rows
            token, size = page.token, _PAGE
            if not token:
                return

    def _remember(self, row: Row) -> None:
        self._known.add(row["id"])
        if row["status"] in ("RUNNING", "SCHEDULED"):
            self._alive.add(row["id"])
        else:
            self._alive.discard(row["id"])

    def _read_experiments(self) -> None:
        found: dict[str, str] = {}
        token = None
        with self._store.explained("The experiments could not be listed"):
            while True:
                page = self._store.client.search_experiments(page_token=token)
                found |= {e.experiment_id: e.name for e in page}
                if not (token := page.token):
                    break
        self._experiments = found
