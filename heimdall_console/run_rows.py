"""One row for each run, whether it is on this disk, in MLflow, or both."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from heimdall_console.epochs import epoch_number

if TYPE_CHECKING:
    from heimdall_console.run_index import RunSummary

_TRACKED_KEY: Final = "mlflow:"
_RUN_TAG: Final = "heimdall.run_id"
_STATUS_TAG: Final = "heimdall.status"
_PARENT_TAG: Final = "mlflow.parentRunId"
_USER_TAG: Final = "user."
_ENDED: Final = frozenset({"finished", "stopped", "failed", "killed", "crashed"})
STATES: Final = ("queued", "starting", "running", "paused", *sorted(_ENDED))
"""Every status that a row can have."""
# MLflow's words; it does not know who stopped a run.
_STATUS: Final[dict[str, str]] = {
    "RUNNING": "running",
    "SCHEDULED": "queued",
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "killed",
}
_NUMBERS: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_YEAR_10000_MS: Final = 253_402_300_800_000


class RunRow:
    """What is known of one run without opening its log.

    Attributes:
        key: Our run id; `mlflow:` and MLflow's id where the run is not on this disk.
        mlflow_id: MLflow's id; empty where it is not there.
        path: Its directory; empty where the run is in MLflow only.
        status: One of our words.
        metrics: Last values as MLflow has them.
        at_best: Metrics of the best checkpoint.
        params: The configuration, flat; of a local run once it has been read.
        wrong: What MLflow holds of it that cannot be; empty where all is in order.
    """

    __slots__ = (
        "at_best",
        "best",
        "created_s",
        "ended_s",
        "epoch",
        "epochs",
        "eta_s",
        "experiment",
        "host",
        "is_making_results",
        "key",
        "metrics",
        "mlflow_id",
        "monitor",
        "name",
        "params",
        "parent_mlflow_id",
        "parent_run_id",
        "path",
        "reason",
        "run_id",
        "share_done",
        "status",
        "step",
        "tags",
        "text",
        "user",
        "wrong",
    )

    def __init__(self, key: str) -> None:
        self.key = key
        self.run_id = ""
        self.mlflow_id = ""
        self.path = ""
        self.name = ""
        self.experiment = ""
        self.status = ""
        self.created_s: float | None = None
        self.ended_s: float | None = None
        self.user = ""
        self.host = ""
        self.reason = ""
        self.is_making_results = False
        self.step: int | None = None
        self.epoch: int | None = None
        self.epochs: int | None = None
        self.share_done: float | None = None
        self.eta_s: float | None = None
        self.monitor = ""
        self.best: float | None = None
        self.metrics: Mapping[str, float] = {}
        self.at_best: Mapping[str, float] = {}
        self.params: Mapping[str, str] = {}
        self.tags: Mapping[str, str] = {}
        self.parent_run_id = ""
        self.parent_mlflow_id = ""
        self.wrong = ""
        self.text = ""
        """Lower case; what a bare word of a query is looked for in."""

    @property
    def is_local(self) -> bool:
        """Whether it is on this disk."""
        return bool(self.path)

    @property
    def is_live(self) -> bool:
        """Whether more will come."""
        return self.status not in _ENDED

    @property
    def epochs_done(self) -> int | None:
        """The epoch that it is at, or ended in, counted from 1."""
        if self.epoch is None:
            return None
        is_over = self.is_making_results or not self.is_live
        return epoch_number(self.epoch, self.epochs, self.share_done, has_ended=is_over)

    def took_s(self, now_s: float) -> float | None:
        """From its making to its end, or to now while it lives."""
        if self.created_s is None:
            return None
        if self.ended_s is not None:
            return max(0.0, self.ended_s - self.created_s)
        return max(0.0, now_s - self.created_s) if self.is_live else None


class RunRows:
    """The rows, kept up to date; a row is a new object exactly when something in it changed."""

    def __init__(self) -> None:
        self.rows: dict[str, RunRow] = {}
        """By key, in no order."""
        self._local: dict[str, RunSummary] = {}
        self._tracked: dict[str, dict[str, Any]] = {}
        self._mlflow_id_of: dict[str, str] = {}
        self._configs: dict[str, tuple[Mapping[str, str], Mapping[str, str]]] = {}
        self._unseen: set[str] | None = None

    def take_local(self, runs: Sequence["RunSummary"]) -> set[str]:
        """Take the runs of this home.

        Returns:
            Keys of the rows that are new, changed or gone.
        """
        before, self._local = self._local, {run.info.id: run for run in runs}
        changed = {run_id for run_id, run in self._local.items() if before.get(run_id) is not run}
        return self._rebuild(changed | (before.keys() - self._local.keys()))

    def take_config(
        self, run_id: str, params: Mapping[str, str], tags: Mapping[str, str]
    ) -> set[str]:
        """Take what the configuration of a local run says.

        Returns:
            Keys of the rows that changed.
        """
        self._configs[run_id] = (params, tags)
        return self._rebuild({run_id})

    def lacks_config(self) -> list[str]:
        """Local runs whose configuration was not taken yet, the newest first."""
        return [run_id for run_id in self._local if run_id not in self._configs]

    def take_tracked(
        self, rows: Iterable[dict[str, Any]], gone: Iterable[str], *, is_first: bool, is_last: bool
    ) -> set[str]:
        """Take rows of the tracking reader.

        Args:
            rows: New or changed ones.
            gone: MLflow's ids of those that are no longer there.
            is_first: Whether a list of all begins.
            is_last: Whether it ends here: what was not in it is gone.

        Returns:
            Keys of the rows that are new, changed or gone.
        """
        if is_first:
            self._unseen = set(self._tracked)
        changed: set[str] = set()
        for row in rows:
            mlflow_id = row["id"]
            if self._unseen is not None:
                self._unseen.discard(mlflow_id)
            if self._tracked.get(mlflow_id) != row:
                changed |= self._put(mlflow_id, row)
        leaving = list(gone)
        if is_last and self._unseen is not None:
            leaving += self._unseen
            self._unseen = None
        for mlflow_id in leaving:
            if mlflow_id in self._tracked:
                changed |= self._put(mlflow_id, None)
        return self._rebuild(changed)

    def forget_tracked(self) -> set[str]:
        """Let go of everything that came from MLflow: another server is read now."""
        changed: set[str] = set()
        for mlflow_id in list(self._tracked):
            changed |= self._put(mlflow_id, None)
        return self._rebuild(changed)

    def parent_of(self, row: RunRow) -> str:
        """Key of the run that a row belongs under; empty without one in the rows."""
        if row.parent_mlflow_id:
            parent = self._tracked.get(row.parent_mlflow_id)
            if parent is not None:
                return self._key_of(row.parent_mlflow_id, parent)
        run_id = row.parent_run_id
        if run_id in self._local:
            return run_id
        mlflow_id = self._mlflow_id_of.get(run_id, "") if run_id else ""
        return f"{_TRACKED_KEY}{mlflow_id}" if mlflow_id else ""

    def _put(self, mlflow_id: str, row: dict[str, Any] | None) -> set[str]:
        """Replace a row of MLflow; say which keys that touches."""
        before = self._tracked.pop(mlflow_id, None)
        touched = {f"{_TRACKED_KEY}{mlflow_id}"}
        if before is not None:
            run_id = before["tags"].get(_RUN_TAG, "")
            touched.add(run_id)
            if self._mlflow_id_of.get(run_id) == mlflow_id:
                del self._mlflow_id_of[run_id]
        if row is not None:
            self._tracked[mlflow_id] = row
            run_id = row["tags"].get(_RUN_TAG, "")
            if run_id:
                touched.add(run_id)
                self._mlflow_id_of.setdefault(run_id, mlflow_id)
        return touched - {""}

    def _key_of(self, mlflow_id: str, row: dict[str, Any]) -> str:
        run_id = row["tags"].get(_RUN_TAG, "")
        is_ours = run_id in self._local and self._mlflow_id_of.get(run_id) == mlflow_id
        return run_id if is_ours else f"{_TRACKED_KEY}{mlflow_id}"

    def _rebuild(self, keys: set[str]) -> set[str]:
        # A run that comes to this disk, or leaves it, changes whose row its twin's is.
        for key in list(keys):
            mlflow_id = self._mlflow_id_of.get(key)
            if mlflow_id:
                keys.add(f"{_TRACKED_KEY}{mlflow_id}")
        changed = set()
        for key in keys:
            row = self._row(key)
            if row is None:
                if self.rows.pop(key, None) is not None:
                    changed.add(key)
            else:
                self.rows[key] = row
                changed.add(key)
        return changed

    def _row(self, key: str) -> RunRow | None:
        run = self._local.get(key)
        if run is not None:
            row = RunRow(key)
            tracked = self._tracked.get(self._mlflow_id_of.get(key, ""))
            if tracked is not None:
                _fill_tracked(row, tracked)
            params, tags = self._configs.get(key, ({}, {}))
            row.params = {**row.params, **params}
            row.tags = {**row.tags, **tags}
            _fill_local(row, run)
        else:
            mlflow_id = key.removeprefix(_TRACKED_KEY)
            tracked = self._tracked.get(mlflow_id) if mlflow_id != key else None
            if tracked is None or self._key_of(mlflow_id, tracked) != key:
                return None
            row = RunRow(key)
            _fill_tracked(row, tracked)
        own = [value for name, value in row.tags.items() if name.startswith(_USER_TAG)]
        row.text = "\n".join((row.name, row.experiment, row.key, row.run_id, *own)).lower()
        return row


def _fill_local(row: RunRow, run: "RunSummary") -> None:
    info = run.info
    row.run_id, row.path = info.id, str(run.path)
    row.name, row.experiment, row.status = info.name, info.experiment, run.status.value
    row.created_s, row.ended_s = info.created, run.ended
    row.user, row.host, row.reason = info.user, info.host, run.reason
    row.step, row.epoch, row.epochs = run.step, run.epoch, run.epochs
    row.share_done, row.eta_s = run.share_done, run.remaining_s
    row.is_making_results = run.is_making_results
    row.monitor, row.best, row.at_best = run.monitor, run.best, run.metrics
    row.parent_run_id = info.parent


def _fill_tracked(row: RunRow, tracked: Mapping[str, Any]) -> None:
    tags = tracked["tags"]
    row.mlflow_id, row.run_id = tracked["id"], tags.get(_RUN_TAG, "")
    row.name, row.experiment = tracked["name"], tracked["experiment"]
    row.status = _STATUS.get(str(tracked["status"]), str(tracked["status"]).lower())
    said = tags.get(_STATUS_TAG, "")
    if said and (said in _ENDED) == (row.status in _ENDED):
        row.status = said
    row.created_s, row.ended_s = _seconds(tracked["start_ms"]), _seconds(tracked["end_ms"])
    row.user, row.host = tracked["user"], tags.get("heimdall.host", "")
    row.metrics = {
        name: _NUMBERS[value] if isinstance(value, str) else value
        for name, value in tracked["metrics"].items()
    }
    row.params, row.tags = tracked["params"], tags
    row.parent_mlflow_id = tags.get(_PARENT_TAG, "")
    row.parent_run_id = tags.get("heimdall.parent", "")
    row.wrong = f"Odd in MLflow: {tracked['wrong']}" if tracked.get("wrong") else ""


def _seconds(time_ms: object) -> float | None:
    """Seconds since 1970; None without a time, or with one of no calendar."""
    if isinstance(time_ms, int | float) and 0 < time_ms < _YEAR_10000_MS:
        return time_ms / 1000
    return None
