"""The files of a run that are published: configuration, checkpoints, exported models."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from training_core.contract.checkpoints import (
    CheckpointSidecar,
    best_checkpoints,
    checkpoint_folder,
    own_checkpoints,
    sidecar_path,
)
from training_core.contract.config import Config
from training_core.contract.files import sha256_file
from training_core.contract.run_dir import RunDir, RunInfo
from training_core.publishing.mlflow_store import MlflowStore
from training_core.publishing.object_store import open_object_store
from training_core.publishing.publisher_state import PublisherState, WaitingExport
from training_core.publishing.registry import register_export


class RunArtifacts:
    """What of a run's files is published already and what is still to be.

    Args:
        run: Directory of the run.
        home: The home, for the embedded stores and the credentials.
        info: What is known of the run.
        config: Its configuration.
        state: What is published already; kept up to date.
        save: Writes the state.
    """

    def __init__(
        self,
        run: RunDir,
        home: Path,
        info: RunInfo,
        config: Config,
        state: PublisherState,
        save: Callable[[], None],
    ) -> None:
        self._run = run
        self._home = home
        self._info = info
        self._config = config
        self._state = state
        self._save = save

    def take_export(self, record: Mapping[str, Any]) -> None:
        """Remember an export that an `artifact` record wants registered."""
        wanted, path = record.get("register"), record.get("path")
        if not isinstance(wanted, dict) or not isinstance(path, str):
            return
        folder = self._run.path / path
        folder = folder if folder.is_dir() else folder.parent
        known = {(v.export, v.name, v.sha256) for v in self._state.registered}
        export = WaitingExport(
            folder=str(folder),
            name=str(wanted.get("name", "")),
            alias=str(wanted.get("alias") or ""),
        )
        if (folder.name, export.name, record.get("sha256")) in known:
            return
        if export not in self._state.waiting:
            self._state.waiting.append(export)

    def upload_description(self, store: MlflowStore) -> None:
        """Upload `config.toml` and `run.json`.

        Raises:
            TrackingError: The server refused or did not answer.
        """
        self._upload(store, self._run.config_path, "")
        self._upload(store, self._run.info_path, "")

    def upload_checkpoints(self, store: MlflowStore) -> None:
        """Upload the best and the last checkpoint.

        Raises:
            TrackingError: The server refused or did not answer.
        """
        directory = self._config.checkpoint.directory
        folder = checkpoint_folder(self._run, directory)
        saved = own_checkpoints(self._run, directory)
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
            store.set_tags(self._state.mlflow_run_id, tags)

    def register_waiting(self, store: MlflowStore) -> Exception | None:
        """Register exports; what fails stays in `waiting` and is returned, not raised."""
        problem: Exception | None = None
        for export in list(self._state.waiting):
            try:
                objects = open_object_store(self._config.storage, self._home)
                done = register_export(
                    store,
                    objects,
                    Path(export.folder),
                    export.name,
                    export.alias,
                    self._state.mlflow_run_id,
                    extra_tags={"heimdall.git_commit": self._info.git_commit},
                )
            except Exception as error:
                problem = error
                continue
            self._state.registered.append(done)
            self._state.waiting.remove(export)
            self._save()
        return problem

    def _upload(self, store: MlflowStore, path: Path, folder: str) -> None:
        digest = sha256_file(path)
        key = f"{folder}/{path.name}"
        if self._state.artifacts.get(key) == digest:
            return
        store.log_file(self._state.mlflow_run_id, path, folder)
        self._state.artifacts[key] = digest
        self._save()
