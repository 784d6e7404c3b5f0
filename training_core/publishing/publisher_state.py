"""`publisher.json`: what of a run is published, kept over restarts."""

from pathlib import Path
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from training_core.contract.files import read_regular, write_atomic
from training_core.publishing.metric_points import LogPoint


class RegisteredVersion(BaseModel):
    """One export that became a version of a registered model."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    """Registered model."""
    version: int
    """Its version."""
    alias: str = ""
    """Alias that points to it since."""
    uri: str
    """Where the object store holds it."""
    sha256: str
    """Of model.onnx."""
    export: str
    """Folder that was registered."""


class WaitingExport(BaseModel):
    """An export that is to be registered."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    folder: str
    name: str
    alias: str = ""


class PublisherState(BaseModel):
    """Everything the publisher knows; written whole after every success or failure."""

    model_config = ConfigDict(extra="ignore")

    state: Literal["starting", "publishing", "retrying", "gave_up", "done"] = "starting"
    """gave_up: for now; `heimdall-console sync` starts it again where it stopped."""
    waits_for: str = ""
    """Why it is retrying or gave up, for a person."""
    attempts: int = 0
    """Failed attempts since the last success."""
    give_ups: int = 0
    """How often it gave up since the last success."""
    next_attempt: float | None = None
    """When it tries again, or is started again by whoever looks; seconds since 1970."""
    tracking_uri: str = ""
    """MLflow server or database."""
    mlflow_run_id: str = ""
    """The run there."""
    offset: int = 0
    """Byte of the log before which everything is published; `closed` and `left` belong to it."""
    log_bytes: int = 0
    """Size of the log."""
    behind_bytes: int = 0
    """Bytes of the log that are not published yet."""
    behind_s: float = 0.0
    """Seconds between the newest record and the newest that is published."""
    points: int = 0
    """Metric points published."""
    thinned: int = 0
    """Metric points left out by `tracking.max_points_per_s`."""
    closed: dict[str, int] = {}
    """Metric in the log → last step that is published or left out for good."""
    left: dict[str, LogPoint] = {}
    """Metric in the log → its newest point where that was left out; published if it is the last."""
    names: dict[str, str] = {}
    """Metric in the log → metric in MLflow."""
    refused: dict[str, str] = {}
    """Metric in MLflow → why the server does not take it."""
    described: bool = False
    """Whether parameters, tags and the configuration are there."""
    artifacts: dict[str, str] = {}
    """File → SHA-256 of what was uploaded."""
    waiting: list[WaitingExport] = []
    """Exports still to be registered."""
    registered: list[RegisteredVersion] = []
    """Exports that are registered."""
    final_status: str = ""
    """FINISHED, FAILED or KILLED once it is set."""
    ended_ms: int = 0
    """The end that was set with it, milliseconds since 1970."""
    pid: int = 0
    """Of the publisher."""
    updated: float = 0.0
    """Seconds since 1970."""

    def write(self, path: Path) -> None:
        """Replace the file.

        Raises:
            OSError: The disk is full or not writable.
        """
        write_atomic(path, orjson.dumps(self.model_dump(), option=orjson.OPT_INDENT_2))


def read_state(path: Path) -> PublisherState:
    """The state at `path`; a new one where there is none or it is damaged.

    A damaged one costs nothing but time: what is published already is found there again.
    """
    try:
        return PublisherState.model_validate_json(read_regular(path))
    except (OSError, ValidationError):
        return PublisherState()
