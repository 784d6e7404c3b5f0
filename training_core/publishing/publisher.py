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
# A run that looks crashed is looked at twice: its last words may be on their way.
_LAST_LOOK_S = 0.3
_FIRST_BACKOFF_S = 1.0
_LONGEST_BACKOFF_S = 60.0
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
        with (run.path / "publisher.lock").open("a") as lock:
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

    def follow(self) -> int:
        """Publish until the end; returns the exit code."""
        started = time.monotonic()
        self._say("publishing")
        is_settled = False
        while True:
            is_new = self._publication.read()
            status = self._publication.status
            if not status.has_ended:
                # Only silence after the end of a run counts towards giving up.
                self._succeeded = time.monotonic()
            if status is RunStatus.QUEUED and time.monotonic() - started > _NEVER_STARTED_S:
                return self._give_up("The run has not started yet")
            has_ended = status.has_ended and not is_new
            try:
                if has_ended and is_settled:
                    self._publication.finish()
                    if not self._publication.read():
                        self._say("done")
                        return 0
                else:
                    self._publication.publish()
                self._succeeded = time.monotonic()
                if self._state.attempts:
                    self._state.attempts = 0
                    self._say("publishing")
            except Exception as error:
                # Whatever goes wrong between us and a server, the run must not notice.
                if not self._wait(error, status):
                    return 1
                continue
            is_settled = has_ended
            if not is_new:
                time.sleep(_LAST_LOOK_S if has_ended else _POLL_S)

    def _wait(self, error: Exception, status: RunStatus) -> bool:
        """Sleep before the next attempt; False when it is time to give up."""
        reason = (
            str(error) if isinstance(error, HeimdallError) else f"{type(error).__name__}: {error}"
        )
        if status.has_ended and time.monotonic() - self._succeeded > self._give_up_s:
            self._give_up(reason)
            return False
        delay = min(_FIRST_BACKOFF_S * 2.0 ** min(self._state.attempts, 10), _LONGEST_BACKOFF_S)
        # Without jitter the publishers of a cluster would return all at once.
        delay *= random.uniform(0.5, 1.0)
        self._state.attempts += 1
        self._state.next_attempt = time.time() + delay
        self._say("retrying", reason)
        deadline = time.monotonic() + delay
        while time.monotonic() < deadline:
            time.sleep(min(1.0, max(0.0, deadline - time.monotonic())))
        return True

    def _give_up(self, reason: str) -> int:
        self._say("gave_up", reason)
        return 1

    def _say(self, state: str, reason: str = "") -> None:
        self._state.state = state  # type: ignore[assignment]  # every caller names one of them
        self._state.waits_for = reason
        if state != "retrying":
            self._state.next_attempt = None
        self._state.updated = time.time()
        # A full disk must not end what can still be published.
        with contextlib.suppress(OSError):
            self._state.write(self._run.publisher_path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
