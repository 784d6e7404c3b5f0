"""The process that publishes one run: `python -m training_core.publishing.publisher RUN_DIR`."""

import contextlib
import fcntl
import os
import random
import sys
import time
from pathlib import Path

from training_core.contract.errors import HeimdallError
from training_core.contract.home import home_path
from training_core.contract.run_dir import RunDir
from training_core.contract.run_status import RunStatus
from training_core.publishing.publisher_state import PublisherState, read_state
from training_core.publishing.run_publication import RunPublication

_POLL_S = 1.0
_LAST_LOOK_S = 0.3
# Who killed a worker writes its end a moment later; until then the run looks crashed.
_LAST_WORDS_S = 2.0
_FIRST_BACKOFF_S = 1.0
_LONGEST_BACKOFF_S = 60.0
_FIRST_PAUSE_S = 600.0
_LONGEST_PAUSE_S = 86400.0
_NEVER_STARTED_S = 60.0
_LOCK_WAIT_S = 5.0


def main(arguments: list[str]) -> int:
    """Publish a run until its log has ended and everything is there.

    Returns:
        0 when everything is published (or another publisher is at it), 1 when it gave up.
    """
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m training_core.publishing.publisher RUN_DIR\n")
        return 2
    with contextlib.suppress(OSError):
        os.nice(19 - os.nice(0))
    run = RunDir(Path(arguments[0]).absolute())
    try:
        run.read_info()
        with run.publisher_lock_path.open("a") as lock:
            if not _take_lock(lock.fileno()):
                return 0
            return Publisher(run, home_path()).follow()
    except (HeimdallError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _take_lock(descriptor: int) -> bool:
    """Wait a little: an old publisher may be about to leave a run that goes on."""
    deadline = time.monotonic() + _LOCK_WAIT_S
    while True:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.5)
        else:
            return True


class Publisher:
    """Follows one run, retrying what fails.

    Args:
        run: Directory of the run.
        home: The home.
    """

    def __init__(self, run: RunDir, home: Path) -> None:
        self._run = run
        self._state: PublisherState = read_state(run.publisher_path)
        self._state.pid = os.getpid()
        self._publication = RunPublication(run, home, self._state)
        self._give_up_s = 60.0 * self._publication.config.tracking.give_up_after_minutes
        self._succeeded = time.monotonic()
        self._at_rest_since: float | None = None

    def follow(self) -> int:
        """Publish until the end; returns the exit code."""
        started = time.monotonic()
        self._say("publishing")
        while self._run.info_path.exists():
            size_bytes = self._log_bytes()
            is_new = self._publication.read()
            status = self._publication.status
            if self._publication.is_worker_alive:
                # Only silence after the end of a run counts towards giving up.
                self._succeeded = time.monotonic()
            if status is RunStatus.QUEUED and time.monotonic() - started > _NEVER_STARTED_S:
                return self._give_up("The run has not started yet")
            is_settled = self._is_settled(status, is_new)
            try:
                if is_settled:
                    self._publication.finish()
                    self._note_success()
                    if not self._publication.read():
                        return self._done(size_bytes)
                elif self._publication.publish():
                    self._note_success()
            except Exception as error:
                # Whatever goes wrong between us and a server, the run must not notice.
                if not self._wait(error):
                    return 1
                continue
            if not is_new:
                time.sleep(_LAST_LOOK_S if status.has_ended else _POLL_S)
        # The directory was removed: nobody waits for the rest.
        return 0

    def _note_success(self) -> None:
        self._succeeded = time.monotonic()
        self._state.give_ups = 0
        if self._state.attempts:
            self._state.attempts = 0
            self._say("publishing")

    def _is_settled(self, status: RunStatus, is_new: bool) -> bool:
        """Whether the run has ended and nothing was added for a while."""
        if not status.has_ended or is_new:
            self._at_rest_since = None
            return False
        now = time.monotonic()
        if self._at_rest_since is None:
            self._at_rest_since = now
        rest_s = _LAST_WORDS_S if status is RunStatus.CRASHED else _LAST_LOOK_S
        return now - self._at_rest_since >= rest_s

    def _wait(self, error: Exception) -> bool:
        """Sleep before the next attempt; False when it is time to give up."""
        reason = (
            str(error) if isinstance(error, HeimdallError) else f"{type(error).__name__}: {error}"
        )
        if not self._run.info_path.exists():
            return True
        self._publication.forget_connection()
        if time.monotonic() - self._succeeded > self._give_up_s:
            self._give_up(reason)
            return False
        delay = min(_FIRST_BACKOFF_S * 2.0 ** min(self._state.attempts, 10), _LONGEST_BACKOFF_S)
        # Without jitter the publishers of a cluster would return all at once.
        delay *= random.uniform(0.5, 1.0)
        self._state.attempts += 1
        self._state.next_attempt = time.time() + delay
        self._say("retrying", reason)
        deadline = time.monotonic() + delay
        while time.monotonic() < deadline and self._run.info_path.exists():
            time.sleep(min(1.0, max(0.0, deadline - time.monotonic())))
        return True

    def _give_up(self, reason: str) -> int:
        self._state.give_ups += 1
        pause_s = min(_FIRST_PAUSE_S * 2.0 ** min(self._state.give_ups - 1, 10), _LONGEST_PAUSE_S)
        self._state.next_attempt = time.time() + pause_s
        self._say("gave_up", reason)
        return 1

    def _done(self, size_bytes: int) -> int:
        self._say("done", log_bytes=size_bytes)
        return 0

    def _say(self, state: str, reason: str = "", log_bytes: int | None = None) -> None:
        self._publication.measure_lag()
        if log_bytes is not None:
            # An unfinished last line will never be published, and is not owed.
            self._state.log_bytes, self._state.behind_bytes = log_bytes, 0
            self._state.behind_s = 0.0
        self._state.state = state  # type: ignore[assignment]  # every caller names one of them
        self._state.waits_for = reason
        if state in ("publishing", "done"):
            self._state.next_attempt = None
        self._state.updated = time.time()
        # A full disk must not end what can still be published.
        with contextlib.suppress(OSError):
            self._state.write(self._run.publisher_path)

    def _log_bytes(self) -> int:
        try:
            return self._run.log_path.stat().st_size
        except OSError:
            return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
