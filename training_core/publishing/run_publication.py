"""One run on its way into MLflow and the registry: what is published, in which order."""

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from training_core.contract.config_file import load_config
from training_core.contract.lock import is_locked
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogReader, parse_line
from training_core.contract.run_status import RunStatus, derive_status
from training_core.publishing.metric_points import Point, Thinner
from training_core.publishing.mlflow_store import MlflowStore, RefusedError
from training_core.publishing.publisher_state import PublisherState
from training_core.publishing.run_artifacts import RunArtifacts
from training_core.publishing.run_description import alert_tag, run_params, run_tags
from training_core.publishing.sweep_publication import mlflow_parent
from training_core.publishing.system_metrics import is_due, system_step, system_values

_CHUNK_POINTS = 1000
# What one piece of the log yields is published whole before the place is remembered: a
# publisher that is killed again and again still gets on.
_CHUNK_BYTES = 64 * 1024
# Larger batches cost the server less than many small ones; people can wait this long.
_FLUSH_INTERVAL_S = 2.0
_TAIL_BYTES = 16 * 1024

MLFLOW_STATUS = {
    RunStatus.FINISHED: "FINISHED",
    RunStatus.STOPPED: "KILLED",
    RunStatus.KILLED: "KILLED",
    RunStatus.FAILED: "FAILED",
    RunStatus.CRASHED: "FAILED",
}


class RunPublication:
    """Follows the log of a run and publishes what is new.

    Every method may be called again after it raised, and the process may die anywhere:
    nothing is published twice and nothing is left out. `state` says where reading begins
    again; it moves on only when everything read before that place is published.

    Args:
        run: Directory of the run.
        home: The home, for the embedded stores and the credentials.
        state: What is published already; kept up to date and written to `publisher.json`.
    """

    def __init__(self, run: RunDir, home: Path, state: PublisherState) -> None:
        self.run = run
        self.home = home
        self.state = state
        self.config = load_config(run.config_path)
        self.info = run.read_info()
        self.status = RunStatus.QUEUED
        self.is_worker_alive = False
        """Whether the run's worker lived when the log was last looked at."""
        self._artifacts = RunArtifacts(run, home, self.info, self.config, state, self._save)
        before = _seen_before(run, state.offset)
        self._last_state, self._last_time_s, self._damaged_before, self._newer_before = before
        self._reached_s = self._last_time_s
        self._reader = RunLogReader(run.log_path, state.offset)
        self._restarts = 0
        self._is_at_end = False
        self._thinner = Thinner(
            self.config.tracking.max_points_per_s, state.closed, state.names, state.left
        )
        self._thinned_before, self._sent = state.thinned, 0
        self._tags: dict[str, str] = {}
        self._flushed = 0.0
        self._saved: object = None
        self._store: MlflowStore | None = None

    def read(self) -> bool:
        """Take in one piece of the log; say whether there was something new."""
        self.is_worker_alive = is_locked(self.run.lock_path)
        if self._thinner.ready >= _CHUNK_POINTS:
            # Without a server nothing more is held in memory.
            return True
        offset = self._reader.offset
        records = self._reader.read_new(_CHUNK_BYTES)
        if self._reader.restarts != self._restarts:
            self._restarts = self._reader.restarts
            self._thinner.close_all()
            offset = 0
        for record in records:
            self._take(record, offset)
        self._set_status(derive_status(self._last_state, self.is_worker_alive))
        self._is_at_end = self._reader.offset == offset
        return not self._is_at_end

    def publish(self, *, everything: bool = False) -> bool:
        """Publish what was read.

        Args:
            everything: The log has ended or is at rest: do not wait for more.

        Returns:
            False where there is not enough yet and nothing was tried.

        Raises:
            HeimdallError: A server refused or did not answer; call again later.
        """
        now = time.time()
        if not everything and self._thinner.ready < _CHUNK_POINTS:
            if not self._is_at_end or 0 <= now - self._flushed < _FLUSH_INTERVAL_S:
                return False
            self._thinner.close_older_than(now)
        store, mlflow_run_id = self._connect(), self.state.mlflow_run_id
        if not self.state.described:
            store.log_params(mlflow_run_id, run_params(self.config))
            parent = mlflow_parent(store, self.info, self.home)
            store.set_tags(mlflow_run_id, run_tags(self.info, self.config, parent))
            self._artifacts.upload_description(store)
            self.state.described = True
        if self.state.final_status and not self.status.has_ended:
            store.set_status(mlflow_run_id, "RUNNING")
            self.state.final_status = ""
        while self._thinner.ready:
            chunk = self._thinner.take(_CHUNK_POINTS)
            self._log_points(store, chunk)
            self._thinner.sent(len(chunk))
            self._sent += len(chunk)
        if self._tags:
            store.set_tags(mlflow_run_id, self._tags)
            self._tags = {}
        self._flushed = now
        self._remember_place()
        self._save()
        return True

    def finish(self) -> None:
        """Publish the rest of a run that has ended, its status, and then its files.

        Large files may take minutes: nobody should see a dead run as running for so long.

        Raises:
            HeimdallError: A server refused or did not answer; call again later.
        """
        self._thinner.close_all()
        self.publish(everything=True)
        store, mlflow_run_id = self._connect(), self.state.mlflow_run_id
        end = (MLFLOW_STATUS[self.status], round(self._last_time_s * 1000))
        if (self.state.final_status, self.state.ended_ms) != end:
            store.set_tags(mlflow_run_id, self._final_tags())
            store.set_status(mlflow_run_id, *end)
            self.state.final_status, self.state.ended_ms = end
            self._save()
        if self.config.tracking.log_checkpoints:
            self._artifacts.upload_checkpoints(store)
        if (problem := self._artifacts.register_waiting(store)) is not None:
            raise problem

    def forget_connection(self) -> None:
        """Connect anew at the next use, with the credentials that are there by then."""
        self._store = None

    def measure_lag(self) -> None:
        """Bring what `state` says of the lag up to date."""
        state = self.state
        state.log_bytes = self._log_bytes()
        is_behind = self._thinner.ready or self._reader.offset < state.log_bytes
        oldest_s = self._thinner.oldest_time_s
        if not is_behind and oldest_s is None:
            state.behind_bytes, state.behind_s = 0, 0.0
            return
        newest_s = self._newest_time_s() if is_behind else self._last_time_s
        state.behind_bytes = max(0, state.log_bytes - state.offset)
        state.behind_s = round(max(0.0, newest_s - self._reached_s), 1)

    def _take(self, record: Mapping[str, Any], offset: int) -> None:
        kind, time_s = record["kind"], record.get("t")
        if isinstance(time_s, int | float):
            self._last_time_s = float(time_s)
        if kind == "metrics":
            self._thinner.add(record, offset)
        elif kind == "hardware":
            self._take_hardware(record, offset)
        elif kind == "state" and isinstance(record.get("status"), str):
            self._last_state = record["status"]
            # A pause or an end keeps the last points; a log that goes on chooses as it did then.
            self._thinner.close_all()
        elif kind == "artifact" and record.get("name") == "model.onnx":
            self._artifacts.take_export(record)
        elif kind == "alert" and (tag := alert_tag(record)) is not None:
            self._tags[tag[0]] = tag[1]

    def _take_hardware(self, record: Mapping[str, Any], offset: int) -> None:
        step = system_step(self._last_time_s, self.info.created)
        if step is None:
            return
        newest = self._thinner.newest_step
        due = [(n, v) for n, v in system_values(record).items() if is_due(step, newest(n))]
        self._thinner.add_values(step, self._last_time_s, due, offset)

    def _set_status(self, status: RunStatus) -> None:
        if status is not self.status:
            self.status = status
            if not status.has_ended:
                self._tags["heimdall.status"] = status.value

    def _final_tags(self) -> dict[str, str]:
        names = {v: k for k, v in self.state.names.items() if v != k}
        damaged = self._damaged_before + self._reader.broken
        newer = self._newer_before + self._reader.newer
        return {
            "heimdall.status": self.status.value,
            "heimdall.points_thinned": str(self.state.thinned),
            "heimdall.metric_names": orjson.dumps(names).decode() if names else "",
            "heimdall.metrics_refused": ", ".join(sorted(self.state.refused)),
            "heimdall.log_lines_damaged": str(damaged) if damaged else "",
            "heimdall.log_records_newer": str(newer) if newer else "",
        }

    def _connect(self) -> MlflowStore:
        """The store, with our run in it: found by our id before one is made."""
        if self._store is None:
            store = MlflowStore.connect(self.config.tracking.uri, self.home)
            if self.state.tracking_uri not in ("", store.uri):
                raise RefusedError(
                    f"The run is published at {self.state.tracking_uri}",
                    why=f"Its configuration names {store.uri} now",
                    action="Remove publisher.json to publish it again there",
                )
            self.state.tracking_uri = store.uri
            self._store = store
        if not self.state.mlflow_run_id:
            found = self._store.find_run(self.info.id)
            self.state.mlflow_run_id = found or self._store.create_run(
                self.info.experiment,
                self.info.name,
                round(self.info.created * 1000),
                run_tags(self.info, self.config),
            )
            self._save()
        return self._store

    def _log_points(self, store: MlflowStore, points: list[Point]) -> None:
        """Log points; one that the server refuses is left out, never its whole batch."""
        points = [point for point in points if point.name not in self.state.refused]
        if not points:
            return
        try:
            store.log_points(self.state.mlflow_run_id, points)
        except RefusedError as error:
            if len(points) == 1:
                self.state.refused[points[0].name] = error.why
                return
            half = len(points) // 2
            self._log_points(store, points[:half])
            self._log_points(store, points[half:])

    def _remember_place(self) -> None:
        """Everything decided is published: a new process may begin here."""
        thinner, state = self._thinner, self.state
        oldest = thinner.oldest_offset
        state.offset = self._reader.offset if oldest is None else oldest
        state.closed, state.left = dict(thinner.closed), dict(thinner.left)
        state.names = dict(thinner.names)
        state.thinned = self._thinned_before + thinner.thinned
        state.points, self._sent = state.points + self._sent, 0
        oldest_s = thinner.oldest_time_s
        self._reached_s = self._last_time_s if oldest_s is None else oldest_s

    def _save(self) -> None:
        """Write the state if it says something new; a full disk is no reason to stop."""
        state = self.state
        numbers = (state.offset, state.points, state.ended_ms, len(state.artifacts))
        words = (state.mlflow_run_id, state.described, state.final_status)
        now = (*numbers, *words, len(state.waiting), len(state.registered))
        if now == self._saved:
            return
        self.measure_lag()
        state.updated = time.time()
        with contextlib.suppress(OSError):
            state.write(self.run.publisher_path)
            self._saved = now

    def _log_bytes(self) -> int:
        try:
            return self.run.log_path.stat().st_size
        except OSError:
            return 0

    def _newest_time_s(self) -> float:
        """When the last record of the log was written."""
        with contextlib.suppress(OSError), self.run.log_path.open("rb") as file:
            file.seek(max(self._reader.offset, self.state.log_bytes - _TAIL_BYTES))
            for line in reversed(file.read(2 * _TAIL_BYTES).split(b"\n")):
                record = parse_line(line)
                if record is not None and isinstance(record.get("t"), int | float):
                    return float(record["t"])
        return self._last_time_s


def _seen_before(run: RunDir, offset: int) -> tuple[str | None, float, int, int]:
    """Up to an offset: the last status, the last time, how many damaged and newer lines."""
    status, time_s = None, time.time()
    reader = RunLogReader(run.log_path)
    while reader.offset < offset:
        records = reader.read_new(min(256 * 1024, offset - reader.offset))
        if not records:
            break
        for record in records:
            if record["kind"] == "state" and isinstance(record.get("status"), str):
                status = record["status"]
            if isinstance(t := record.get("t"), int | float):
                time_s = float(t)
    return status, time_s, reader.broken, reader.newer
