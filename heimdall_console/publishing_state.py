"""What a run's publisher has reached, as `publisher.json` says, and waiting for it."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TextIO

import orjson

from heimdall_console.formatting import counted, duration, plain, shortened, size
from heimdall_console.terminal import Terminal
from training_core.contract.errors import HeimdallError
from training_core.contract.files import read_regular
from training_core.contract.lock import is_locked
from training_core.contract.processes import PUBLISHER, start_detached
from training_core.contract.run_dir import RunDir

if TYPE_CHECKING:
    import subprocess

_POLL_S = 0.2
# Records wait a moment so that they travel together: that is no lag to speak of.
_SHORTEST_LAG_S = 5.0


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
    behind_s: float = 0.0
    """How much older than the newest record the newest published one is, seconds."""
    thinned: int = 0
    """Metric points that were left out because they came too fast."""
    log_bytes: int = 0
    """Size of the log when it last wrote."""
    final_status: str = ""
    """FINISHED, FAILED or KILLED once MLflow shows the run's end."""
    next_attempt: float = 0.0
    """When a publisher tries again, seconds since 1970; 0 where it need not wait."""
    is_alive: bool = False
    """Whether a publisher is at work."""

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
        reason = f": {plain(self.waits_for)}" if self.waits_for else ""
        if self.state == "gave_up":
            return f"not published{reason}"
        if self.state == "publishing" and self.is_alive:
            return f"publishing, {self.lag_text()}"
        if not reason:
            reason = ": the publisher is at work" if self.is_alive else ": its publisher is gone"
        return f"not published yet{reason}"

    def lag_text(self) -> str:
        """How far behind the log it is and why, in a few words; empty without a publisher."""
        if not self.state or self.is_done:
            return self.state and "published"
        if self.behind_bytes is None:
            behind = "starting"
        elif self.behind_s >= _SHORTEST_LAG_S:
            behind = f"{duration(self.behind_s)} ({size(self.behind_bytes)}) behind"
        else:
            behind = "up to date" if self.state == "publishing" else "waiting"
        left_out = f", {counted(self.thinned, 'point')} thinned" if self.thinned else ""
        reason = f": {plain(self.waits_for)}" if self.waits_for else ""
        return f"{behind}{left_out}{reason}"

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "state": self.state,
            "mlflow_run_id": self.mlflow_run_id,
            "tracking_uri": self.tracking_uri,
            "registered": self.registered,
            "waits_for": self.waits_for,
            "behind_bytes": self.behind_bytes,
            "behind_s": self.behind_s,
            "points_thinned": self.thinned,
            "next_attempt": self.next_attempt or None,
        }


def read_publishing(run: RunDir) -> PublishingState:
    """Read `publisher.json`; one that is missing or damaged counts as starting."""
    try:
        found = orjson.loads(read_regular(run.publisher_path))
    except (OSError, orjson.JSONDecodeError):
        found = None
    is_alive = is_locked(run.publisher_lock_path)
    if not isinstance(found, dict):
        return PublishingState("starting", is_alive=is_alive)
    registered = found.get("registered")
    updated, behind_s = _number(found, "updated"), _number(found, "behind_s")
    behind_bytes = int(_number(found, "behind_bytes"))
    if is_alive and (unseen_bytes := _log_bytes(run) - int(_number(found, "log_bytes"))) > 0:
        # It writes at every success: what came since then waits for as long as it is silent.
        behind_s += max(0.0, time.time() - updated)
        behind_bytes += unseen_bytes
    return PublishingState(
        state=str(found.get("state", "")),
        mlflow_run_id=str(found.get("mlflow_run_id") or ""),
        tracking_uri=str(found.get("tracking_uri") or ""),
        registered=[v for v in registered if isinstance(v, dict)]
        if isinstance(registered, list)
        else [],
        waits_for=str(found.get("waits_for") or ""),
        updated=updated,
        behind_bytes=behind_bytes if "behind_bytes" in found else None,
        behind_s=round(behind_s, 1),
        thinned=int(_number(found, "thinned")),
        log_bytes=int(_number(found, "log_bytes")),
        final_status=str(found.get("final_status") or ""),
        next_attempt=_number(found, "next_attempt"),
        is_alive=is_alive,
    )


def _log_bytes(run: RunDir) -> int:
    try:
        return run.log_path.stat().st_size
    except OSError:
        return 0


def _number(found: dict[str, Any], key: str) -> float:
    value = found.get(key)
    return float(value) if isinstance(value, int | float) else 0.0


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


class _Show(Protocol):
    def __call__(self, state: PublishingState | None, prefix: str = "") -> None: ...


@contextlib.contextmanager
def waiting_line(stream: TextIO, terminal: Terminal) -> Iterator[_Show]:
    """One line on a terminal that says what is waited for; None clears it, and so does the end."""
    shown = ""

    def show(state: PublishingState | None, prefix: str = "") -> None:
        nonlocal shown
        text = shortened(_waiting_text(state, prefix), terminal.width - 1) if state else ""
        if terminal.interactive and text != shown:
            stream.write(f"\r\x1b[K{text}")
            stream.flush()
            shown = text

    try:
        yield show
    finally:
        show(None)


def _waiting_text(state: PublishingState, prefix: str) -> str:
    what = "metrics and models"
    if state.waits_for:
        what = plain(state.waits_for)
    elif state.behind_s >= _SHORTEST_LAG_S:
        what = state.lag_text()
    return f" {prefix}publishing: {what} (Ctrl+C: not wait)"


def show_waiting(
    run: RunDir,
    deadline_s: float,
    stream: TextIO,
    terminal: Terminal,
    is_over: Callable[[PublishingState], bool],
) -> PublishingState:
    """Wait as above, with one line on a terminal that says what for; Ctrl+C ends the waiting."""
    with waiting_line(stream, terminal) as show:
        try:
            return wait_for_publishing(run, deadline_s, show, is_over)
        except KeyboardInterrupt:
            return read_publishing(run)


def start_publisher(run: RunDir) -> "subprocess.Popen[bytes]":
    """Start a run's publisher; it outlives this process, and leaves where another is at work.

    Raises:
        HeimdallError: It could not be started.
    """
    try:
        return start_detached(PUBLISHER, run.path, run.publisher_output_path)
    except OSError as error:
        raise HeimdallError(
            "The publisher could not be started",
            why=error.strerror or str(error),
            unharmed="The run and what was published are as they were",
            action="Make the run directory writable, or free some memory",
        ) from error
