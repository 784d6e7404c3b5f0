"""Runs of an MLflow server, listed in pages and then kept up to date by what changes."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from training_core.contract.errors import TrackingError
from training_core.publishing.mlflow_store import MlflowStore
from training_core.publishing.tracking_reader_rows import Row, row_of, unreadable_row

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.store.entities import PagedList

_FIRST_PAGE, _PAGE = 100, 1000
_NEWEST_FIRST, _OLDEST_FIRST = "attributes.start_time DESC", "attributes.start_time ASC"
_ALIVE = "attributes.status = 'RUNNING'"
_WAITING = "attributes.status = 'SCHEDULED'"
_MOST_LOOKED_UP = 200
_MOST_LOST_TOGETHER = 5
_FAILED_AT_IT = ("500 error responses", "503 error responses", "Failed to parse")


class ClientRuns:
    """The runs of a tracking server.

    MLflow does not say what has changed: runs that are alive are asked for again, and the
    newest ones until one is known. One run that it cannot hand out fails the page that it is on:
    smaller pages are asked for until it stands alone.

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
        token, place, last_id = None, 0, ""
        lost: list[Row] = []
        seen: set[str] = set()
        while True:
            try:
                page = self._page(filter_text, size, token)
            except TrackingError as error:
                if not _is_about_a_run(error) or len(lost) == _MOST_LOST_TOGETHER:
                    raise
                if size > 1:
                    size //= 2
                    continue
                # Kept until a later run can be read: else it is the server that is ill.
                lost.append(unreadable_row(len(lost) + 1, last_id, error.why))
                if not _is_place(token, place):
                    raise
                place, size = place + 1, _PAGE
                token = _token_of(place)
                continue
            rows = self._rows(page)
            token, place = page.token, place + len(rows)
            if lost and not filter_text:
                self._find_first(lost, rows, seen)
                rows = lost + rows
            # Elsewhere they are left out: they are named after the run before them in the list.
            lost = []
            last_id = rows[-1]["id"] if rows else last_id
            seen |= {row["id"] for row in rows}
            for row in rows:
                self._remember(row)
            yield rows
            # A page that was made smaller stays so until it has come to the run in question.
            size = _PAGE if size == _FIRST_PAGE else size
            if not token:
                return

    def _find_first(self, lost: list[Row], later: list[Row], seen: set[str]) -> None:
        """Put the first of the lost runs in its place, where it is the next one that is odd.

        A server looks one run further than it is asked for, so a run before an odd one is read
        from the other side.
        """
        start_ms = later[0]["start_ms"] if later else 0
        if len(lost) < 2 or start_ms is None:
            return
        newer, token = f"attributes.start_time > {start_ms:.0f}", _token_of(len(lost) - 1)
        try:
            page = self._page(newer, 1, token, _OLDEST_FIRST)
        except TrackingError:
            return
        for row in self._rows(page):
            # Runs that began at one time may stand in another order from that side.
            if row["id"] not in seen:
                lost[0] = row

    def _page(
        self, filter_text: str, size: int, token: str | None, order: str = _NEWEST_FIRST
    ) -> "PagedList[Run]":
        with self._store.explained("The runs could not be listed"):
            return self._store.client.search_runs(
                list(self._experiments),
                filter_string=filter_text,
                max_results=size,
                order_by=[order],
                page_token=token,
            )

    def _rows(self, page: "PagedList[Run]") -> list[Row]:
        return [row_of(r, self._experiments.get(r.info.experiment_id, "")) for r in page]

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


def _is_about_a_run(error: TrackingError) -> bool:
    """Whether the server is there and fails at something that it was to hand out."""
    from mlflow.exceptions import RestException

    cause = error.__cause__
    if isinstance(cause, RestException):
        return bool(cause.error_code in ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE"))
    return any(sign in str(cause) for sign in _FAILED_AT_IT)


def _is_place(token: str | None, place: int) -> bool:
    """Whether the server counts its pages by runs, so that a token stands for a place."""
    from mlflow.exceptions import MlflowException

    try:
        return bool(_search_utils().parse_start_offset_from_page_token(token) == place)
    except MlflowException:
        return False


def _token_of(place: int) -> str:
    """The token of the page that begins at a place, counted from 0."""
    return str(_search_utils().create_page_token(place), "ascii")


def _search_utils() -> Any:
    """MLflow's own reader and writer of tokens, which has no types."""
    from mlflow.utils.search_utils import SearchUtils

    return SearchUtils
