"""What a run's publisher has reached, as `publisher.json` says."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from heimdall_console.formatting import plain
from training_core.contract.run_dir import RunDir

_POLL_S = 0.2


@dataclass(frozen=True)
class PublishingState:
    """How far publishing is; `state` is empty where there is no publisher."""

    state: str = ""
    mlflow_run_id: str = ""
    registered: list[dict[str, Any]] = field(default_factory=list)
    """Versions: name, version, alias."""
    waits_for: str = ""
    """What it waits for, such as a server that does not answer."""

    @property
    def is_done(self) -> bool:
        """Whether everything is published."""
        return self.state in ("done", "finished")

    @property
    def is_owing(self) -> bool:
        """Whether something is still to be published."""
        return bool(self.state) and not self.is_done

    @property
    def reference(self) -> str:
        """The newest registered version as `name@alias` (or `name@v3`); empty without one."""
        if not self.registered:
            return ""
        newest = self.registered[-1]
        alias = newest.get("alias") or f"v{newest.get('version')}"
        return f"{newest.get('name', '')}@{alias}"

    def text(self) -> str:
        """One line for a person."""
        versions = ", ".join(
            f"{plain(v.get('name', ''))} version {plain(v.get('version', '?'))}"
            + (f" @{plain(v['alias'])}" if v.get("alias") else "")
            for v in self.registered
        )
        if self.is_done:
            return f"MLflow, registered as {versions}" if versions else "MLflow"
        if not self.state:
            return ""
        waiting = plain(self.waits_for or "the publisher is still at work")
        return f"not yet: {waiting}" + (f"; registered as {versions}" if versions else "")

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "state": self.state,
            "mlflow_run_id": self.mlflow_run_id,
            "registered": self.registered,
            "waits_for": self.waits_for,
        }


def read_publishing(run: RunDir, *, expected: bool) -> PublishingState:
    """Read `publisher.json`; a missing one counts as starting where it is expected."""
    try:
        found = orjson.loads(run.publisher_path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        found = None
    if not isinstance(found, dict):
        return PublishingState("starting" if expected else "")
    registered = found.get("registered")
    return PublishingState(
        state=str(found.get("state", "")),
        mlflow_run_id=str(found.get("mlflow_run_id") or ""),
        registered=[v for v in registered if isinstance(v, dict)]
        if isinstance(registered, list)
        else [],
        waits_for=str(found.get("error") or found.get("waits_for") or ""),
    )


def wait_for_publishing(
    run: RunDir, deadline_s: float, on_wait: Callable[[PublishingState], None]
) -> PublishingState:
    """Wait until all is published or the deadline has passed.

    Args:
        run: The run.
        deadline_s: How long to wait at most.
        on_wait: Told the state while waiting.
    """
    end = time.monotonic() + deadline_s
    while True:
        state = read_publishing(run, expected=True)
        if state.is_done or state.state == "gave_up" or time.monotonic() >= end:
            return state
        on_wait(state)
        time.sleep(_POLL_S)
