"""What a person asked of a training from outside."""

import signal
import time
from types import FrameType
from typing import Final


class StopNowError(BaseException):
    """A second request to stop: nothing more is saved. Not an Exception: nothing may catch it."""


class StopControl:
    """Turns SIGTERM into a request that the training reads at its batch ends.

    The first one asks for a checkpoint and the end; a second one ends at once. SIGHUP and
    SIGINT are ignored: terminals come and go, and Ctrl+C belongs to the viewer.
    """

    _IMPATIENCE_S: Final = 0.2
    """Two signals closer than this are one request that arrived twice (pid and group)."""

    def __init__(self) -> None:
        self._requested_at: float | None = None
        self.is_validating_on_request = False
        """Whether the validation that runs now is one that a person asked for."""

    @property
    def stop_requested(self) -> bool:
        """Whether a person asked to stop."""
        return self._requested_at is not None

    def request_stop(self) -> None:
        """Ask for a checkpoint and the end, as a first SIGTERM does."""
        if self._requested_at is None:
            self._requested_at = time.monotonic()

    def install(self) -> None:
        """Take the signals; again after Lightning has put its own handlers there."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._on_terminate)

    def _on_terminate(self, number: int, frame: FrameType | None) -> None:
        if self._requested_at is None:
            self.request_stop()
        elif time.monotonic() - self._requested_at > self._IMPATIENCE_S:
            raise StopNowError
