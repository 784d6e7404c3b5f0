"""One run on its way into MLflow and the registry: what is published, in which order."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from training_core.contract.checkpoints import (
    CheckpointSidecar,
    best_checkpoints,
    checkpoint_folder,
    own_checkpoints,
    sidecar_path,
)
from training_core.contract.config_file import load_config
from training_core.contract.files import sha256_file
from training_core.contract.lock import is_locked
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogReader
from training_core.contract.run_status import RunStatus, derive_status
from training_core.publishing.metric_points import Thinner
from training_core.publishing.mlflow_store import MlflowStore, RefusedError
from training_core.publishing.object_store import open_object_store
from training_core.publishing.publisher_state import PublisherState, WaitingExport
from training_core.publishing.registry import register_export
from training_core.publishing.run_description import run_params, run_tags

_CHUNK_POINTS = 1000
_CHUNK_BYTES = 256 * 1024
# Larger batches cost the server less than many small ones; people can wait this long.
_FLUSH_INTERVAL_S = 2.0

MLFLOW_STATUS = {
    RunStatus.FINISHED: "FINISHED",
    RunStatus.STOPPED: "KILLED",
    RunStatus.KILLED: "KILLED",
    RunStatus.FAILED: "FAILED",
    RunStatus.CRASHED: "FAILED",
}


class RunPublication:
    """Follows the log of a run and publishes what is new.

    Every method may be called again after it raised: nothing is published twice.

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
        self._reader = RunLogReader(run.log_path, state.offset)
        self._thinner = Thinner(self.config.tracking.max_points_per_s, state.highest, state.names)
        self._thinned_before = state.thinned
        self._last_state, self._last_time_s = _seen_before(run, state.offset)
        self._flushed = 0.0
        self._saved: object = None
        self._store: MlflowStore | None = None

    def read(self) -> bool:
        """Take in one piece of the log; say whether there was something new."""
        locked = is_locked(self.run.lock_path)
        offset = self._reader.offset
        for record in self._reader.read_new(_CHUNK_BYTES):
            self._take(record, offset)
        self.status = derive_status(self._last_state, locked)
        return self._reader.offset != offset

    def publish(self, *, everything: bool = False) -> None:
        """Publish what was read.

        Args:
            everything: The log has ended or is at rest: do not wait for more.

        Raises:
            HeimdallError: A server refused or did not answer; call again later.
        """
        now = time.time()
        if not everything and self._thinner.ready < _CHUNK_POINTS:
            if now - self._flushed < _FLUSH_INTERVAL_S:
                return
            self._thinner.close_older_than(now)
        store, mlflow_run_id = self._connect(), self.state.mlflow_run_id
        if not self.state.described:
            store.log_params(mlflow_run_id, run_params(self.config))
            store.set_tags(mlflow_run_id, run_tags(self.info, self.config))
            self._upload(store, self.run.config_path, "")
            self._upload(store, self.run.info_path, "")
            self.state.described = True
        if self.state.final_status and not self.status.has_ended:
            store.set_status(mlflow_run_id, "RUNNING")
            self.state.final_status = ""
        while self._thinner.ready:
            chunk = self._thinner.take(_CHUNK_POINTS)
            self._log_points(store, [point for _, point in chunk])
            self._thinner.sent(len(chunk))
            self.state.points += len(chunk)
            self._save()
        self._flushed = now
        self._save()

    def finish(self) -> None:
        """Publish the rest of a run that has ended, and its status, once and last.

        Raises:
            HeimdallError: A server refused or did not answer; call again later.
        """
        self._thinner.close_all()
        self.publish(everything=True)
        store, mlflow_run_id = self._connect(), self.state.mlflow_run_id
        if self.config.tracking.log_checkpoints:
            self._upload_checkpoints(store)
        problem = self._register_waiting(store)
        status = MLFLOW_STATUS[self.status]
        if self.state.final_status != status:
            names = {v: k for k, v in self.state.names.items() if v != k}
            tags = {
                "heimdall.status": self.status.value,
                "heimdall.points_thinned": str(self.state.thinned),
            }
            if names:
                tags["heimdall.metric_names"] = orjson.dumps(names).decode()
            store.set_tags(mlflow_run_id, tags)
            store.set_status(mlflow_run_id, status, round(self._last_time_s * 1000))
            self.state.final_status = status
        self._save()
        if problem is not None:
            raise problem

    def _take(self, record: Mapping[str, Any], offset: int) -> None:
        kind = record["kind"]
        if isinstance(time_s := record.get("t"), int | float):
            self._last_time_s = float(time_s)
        if kind == "metrics":
            self._thinner.add(record, offset)
        elif kind == "state" and isinstance(record.get("status"), str):
            self._last_state = record["status"]
        elif kind == "artifact" and record.get("name") == "model.onnx":
            self._take_export(record)

    def _take_export(self, record: Mapping[str, Any]) -> None:
        wanted, path = record.get("register"), record.get("path")
        if not isinstance(wanted, dict) or not isinstance(path, str):
            return
        folder = self.run.path / path
        folder = folder if folder.is_dir() else folder.parent
        known = {(v.export, v.name, v.sha256) for v in self.state.registered}
        export = WaitingExport(
            folder=str(folder),
            name=str(wanted.get("name", "")),
            alias=str(wanted.get("alias") or ""),
        )
        if (folder.name, export.name, record.get("sha256")) in known:
            return
        if export not in self.state.waiting:
            self.state.waiting.append(export)

    def _connect(self) -> MlflowStore:
        """The store, with our run in it: found by our id before one is made."""
        if self._store is None:
            self._store = MlflowStore.connect(self.config.tracking.uri, self.home)
            if self.state.tracking_uri not in ("", self._store.uri):
                raise RefusedError(
                    f"The run is published at {self.state.tracking_uri}",
                    why=f"Its configuration names {self._store.uri} now",
                    action="Remove publisher.json to publish it again there",
                )
            self.state.tracking_uri = self._store.uri
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

    def _log_points(self, store: MlflowStore, points: list[Any]) -> None:
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

    def _upload(self, store: MlflowStore, path: Path, folder: str) -> None:
        digest = sha256_file(path)
        key = f"{folder}/{path.name}"
        if self.state.artifacts.get(key) == digest:
            return
        store.log_file(self.state.mlflow_run_id, path, folder)
        self.state.artifacts[key] = digest
        self._save()

    def _upload_checkpoints(self, store: MlflowStore) -> None:
        directory = self.config.checkpoint.directory
        folder = checkpoint_folder(self.run, directory)
        saved = own_checkpoints(self.run, directory)
        chosen: dict[str, CheckpointSidecar] = {}
        if saved:
            chosen["last"] = saved[-1]
        if ranked := best_checkpoints(saved):
            chosen["best"] = ranked[0]
        for sidecar in {s.file: s for s in chosen.values()}.values():
            path = folder / sidecar.file
            if path.is_file():
                self._upload(store, path, "checkpoints")
                self._upload(store, sidecar_path(path), "checkpoints")
        tags = {f"heimdall.checkpoint_{kind}": s.file for kind, s in chosen.items()}
        if tags:
            store.set_tags(self.state.mlflow_run_id, tags)

    def _register_waiting(self, store: MlflowStore) -> Exception | None:
        """Register exports; what fails stays in `waiting` and is returned, not raised."""
        problem: Exception | None = None
        for export in list(self.state.waiting):
            try:
                objects = open_object_store(self.config.storage, self.home)
                done = register_export(
                    store,
                    objects,
                    Path(export.folder),
                    export.name,
                    export.alias,
                    self.state.mlflow_run_id,
                    extra_tags={"heimdall.git_commit": self.info.git_commit},
                )
            except Exception as error:
                problem = error
                continue
            self.state.registered.append(done)
            self.state.waiting.remove(export)
            self._save()
        return problem

    def _log_bytes(self) -> int:
        try:
            return self.run.log_path.stat().st_size
        except FileNotFoundError:
            return 0

    def _save(self) -> None:
        oldest = self._thinner.oldest_offset
        if self._thinner.ready == 0:
            self.state.offset = self._reader.offset if oldest is None else oldest
        self.state.thinned = self._thinned_before + self._thinner.thinned
        state = self.state
        made = (
            state.offset,
            state.points,
            state.mlflow_run_id,
            state.described,
            state.final_status,
        )
        now = (*made, len(state.artifacts), len(state.waiting), len(state.registered))
        if now == self._saved:
            return
        self._saved = now
        self.state.log_bytes = self._log_bytes()
        self.state.updated = time.time()
        self.state.write(self.run.publisher_path)


def _seen_before(run: RunDir, offset: int) -> tuple[str | None, float]:
    """Status of the last `state` record, and time of the last record, up to an offset."""
    status, time_s = None, time.time()
    reader = RunLogReader(run.log_path)
    while reader.offset < offset:
        before = reader.offset
        for record in reader.read_new(min(_CHUNK_BYTES, offset - before)):
            if record["kind"] == "state":
                status = record.get("status")
            time_s = record.get("t", time_s)
        if reader.offset == before:
            break
    return status, time_s
