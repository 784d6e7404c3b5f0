"""What a run's publisher has reached, as `publisher.json` says, and waiting for it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TextIO

import orjson

from heimdall_console.formatting import plain, shortened, size
from heimdall_console.terminal import Terminal
from training_core.contract.errors import HeimdallError
from training_core.contract.processes import PUBLISHER, start_detached
from training_core.contract.run_dir import RunDir

_POLL_S = 0.2


@dataclass(frozen=True)
class PublishingState:
    """How far publishing is; `state` is empty where there is no publisher."""

    state: str = ""
    mlflow_run_id: str = ""
    tracking_uri: str = ""
    registered: list[dict[str, Any]] = field(default_factory=list)
    """Versions: name, version, alias, uri."""
    waits_for: str = ""
    """What it waits for, such as a server that does not answer."""
    updated: float = 0.0
    """When it last wrote, seconds since 1970."""
    behind_bytes: int | None = None
    """How much of the log is not published yet; None where the publisher has not said."""

    @property
    def is_done(self) -> bool:
        """Whether everything is published."""
        return self.state == "done"

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

    def registered_text(self) -> str:
        """Registered versions for a person; empty without any."""
        return ", ".join(
            f"{plain(v.get('name', ''))} version {plain(v.get('version', '?'))}"
            + (f" @{plain(v['alias'])}" if v.get("alias") else "")
            for v in self.registered
        )

    def text(self) -> str:
        """How far it is, for a person; empty without a publisher."""
        if not self.state:
            return ""
        versions = self.registered_text()
        if self.is_done:
            return "in MLflow" + (f", registered as {versions}" if versions else "")
        if self.state == "gave_up":
            return f"not published: {plain(self.waits_for)}"
        return f"not published yet: {plain(self.waits_for) or 'the publisher is at work'}"

    def lag_text(self) -> str:
        """How far behind the log it is and why, in a few words; empty without a publisher."""
        if not self.state or self.is_done:
            return self.state and "published"
        behind = "starting" if self.behind_bytes is None else f"{size(self.behind_bytes)} behind"
        reason = f": {plain(self.waits_for)}" if self.waits_for else ""
        return f"{behind}{reason}"

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "state": self.state,
            "mlflow_run_id": self.mlflow_run_id,
            "tracking_uri": self.tracking_uri,
            "registered": self.registered,
            "waits_for": self.waits_for,
            "behind_bytes": self.behind_bytes,
        }


def read_publishing(run: RunDir) -> PublishingState:
    """Read `publisher.json`; one that is missing or damaged counts as starting."""
    try:
        found = orjson.loads(run.publisher_path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        found = None
    if not isinstance(found, dict):
        return PublishingState("starting")
    registered = found.get("registered")
    updated, offset = found.get("updated"), found.get("offset")
    return PublishingState(
        state=str(found.get("state", "")),
        mlflow_run_id=str(found.get("mlflow_run_id") or ""),
        tracking_uri=str(found.get("tracking_uri") or ""),
        registered=[v for v in registered if isinstance(v, dict)]
        if isinstance(registered, list)
        else [],
        waits_for=str(found.get("waits_for") or ""),
        updated=float(updated) if isinstance(updated, int | float) else 0.0,
        behind_bytes=_behind(run, offset) if isinstance(offset, int) else None,
    )


def _behind(run: RunDir, offset: int) -> int:
    try:
        return max(0, run.log_path.stat().st_size - offset)
    except OSError:
        return 0


def wait_for_publishing(
    run: RunDir,
    deadline_s: float,
    on_wait: Callable[[PublishingState], None],
    is_over: Callable[[PublishingState], bool],
) -> PublishingState:
    """Wait until all is published or the deadline has passed.

    Args:
        run: The run.
        deadline_s: How long to wait at most.
        on_wait: Told the state while waiting.
        is_over: Whether to wait no longer.
    """
    end = time.monotonic() + deadline_s
    while True:
        over = time.monotonic() >= end
        state = read_publishing(run)
        if over or is_over(state):
            return state
        on_wait(state)
        time.sleep(_POLL_S)


def show_waiting(
    run: RunDir,
    deadline_s: float,
    stream: TextIO,
    terminal: Terminal,
    is_over: Callable[[PublishingState], bool],
) -> PublishingState:
    """Wait as above, with one line on a terminal that says what for; Ctrl+C ends the waiting."""
    shown = ""

    def show(state: PublishingState) -> None:
        nonlocal shown
        text = f" publishing: {plain(state.waits_for) or 'metrics and models'} (Ctrl+C: not wait)"
        text = shortened(text, terminal.width - 1)
        if terminal.interactive and text != shown:
            stream.write(f"\r\x1b[K{text}")
            stream.flush()
            shown = text

    try:
        return wait_for_publishing(run, deadline_s, show, is_over)
    except KeyboardInterrupt:
        return read_publishing(run)
    finally:
        if shown:
            stream.write("\r\x1b[K")
            stream.flush()


def publish(run: RunDir, deadline_s: float, stream: TextIO, terminal: Terminal) -> PublishingState:
    """Start a run's publisher and wait for its end; it outlives this process.

    Raises:
        HeimdallError: It could not be started, or said at once why it cannot work.
    """
    run.read_info()
    started = time.time()
    try:
        process = start_detached(PUBLISHER, run.path, run.publisher_output_path)
    except OSError as error:
        raise HeimdallError(
            "The publisher could not be started",
            why=error.strerror or str(error),
            unharmed="The run and what was published are as they were",
            action="Make the run directory writable, or free some memory",
        ) from error

    def is_over(state: PublishingState) -> bool:
        left = process.poll() is not None
        # What an earlier publisher wrote says nothing of this one.
        is_fresh = state.updated >= started
        return left or (is_fresh and state.state in ("done", "gave_up"))

    state = show_waiting(run, deadline_s, stream, terminal, is_over)
    if process.poll() not in (None, 0) and state.updated < started:
        lines = run.publisher_output_path.read_text(errors="replace").splitlines()[-3:]
        raise HeimdallError(
            f"The publisher of {run.id} ended at once",
            why="\n".join(lines),
            unharmed="The run and what was published are as they were",
            action=f"Read {run.publisher_output_path}",
        )
    return state
