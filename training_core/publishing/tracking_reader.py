"""The process that reads MLflow for a viewer: `python -m training_core.publishing.tracking_reader`.

Requests come as JSON lines on standard input, {"id": 1, "request": "runs", …}; answers go as JSON
lines to standard output, {"id": 1, "event": "answer", …}, any number of them, and then
{"id": 1, "event": "done"} or {"id": 1, "event": "error", "error": {…}}. {"cancel": 1} ends a
request. The address comes in MLFLOW_TRACKING_URI; without it, the database of the home is read.
The process ends when its input does.
"""

import os
import sys
import threading
import time
import traceback
from typing import Any, BinaryIO, Final

import orjson

from training_core.contract.errors import HeimdallError, TrackingError
from training_core.contract.home import home_path
from training_core.publishing.tracking_reader_requests import answers
from training_core.publishing.tracking_reader_source import TrackingSource

_SILENCE_S: Final = 45.0
"""A request that got no answer for so long ends in an error, whatever its thread waits for."""
_UNHARMED: Final = "What was read before stays, and nothing was changed"


class _Request:
    """One request and whether somebody still waits for it."""

    def __init__(self, number: Any, asked: dict[str, Any]) -> None:
        self.number = number
        self.asked = asked
        self.silence_s = float(asked.get("silence_s") or _SILENCE_S)
        self.last_s = time.monotonic()
        self.has_ended = False


class TrackingReader:
    """Answers requests, each in a thread of its own: one that hangs holds up no other.

    Args:
        source: What is read.
        output: Where answers go.
    """

    def __init__(self, source: TrackingSource, output: BinaryIO) -> None:
        self._source = source
        self._output = output
        self._lock = threading.Lock()
        self._asked = threading.Condition(self._lock)
        self._open: dict[Any, _Request] = {}

    def serve(self, lines: BinaryIO) -> None:
        """Answer until the input ends."""
        threading.Thread(target=self._watch, name="watch", daemon=True).start()
        self._write({"event": "ready", "uri": self._source.shown_uri, "pid": os.getpid()})
        for line in lines:
            try:
                asked = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(asked, dict):
                self._take(asked)

    def _take(self, asked: dict[str, Any]) -> None:
        if "cancel" in asked:
            with self._lock:
                request = self._open.pop(asked["cancel"], None)
                if request is not None:
                    request.has_ended = True
            return
        request = _Request(asked.get("id"), asked)
        with self._lock:
            self._open[request.number] = request
            self._asked.notify()
        threading.Thread(target=self._answer, args=(request,), daemon=True).start()

    def _answer(self, request: _Request) -> None:
        try:
            for answer in answers(self._source, request.asked):
                if not self._send(request, {"event": "answer", **answer}):
                    return
        except HeimdallError as error:
            self._source.forget_connection()
            self._end(request, {"event": "error", "error": self._for_viewers(error)})
        except Exception as error:
            # What libraries raise is no reason to die: other requests go on.
            wrong = TrackingError(
                "The tracking reader failed",
                why=f"{type(error).__name__}: {str(error)[:300]}",
                unharmed=_UNHARMED,
                action="Refresh; if it happens again, report the traceback",
            )
            told = {"error": wrong.as_fields(), "traceback": traceback.format_exc()[-8000:]}
            self._end(request, {"event": "error", **told})
        else:
            self._end(request, {"event": "done"})

    def _send(self, request: _Request, answer: dict[str, Any]) -> bool:
        """Send an answer; False where nobody waits for it any more."""
        if request.has_ended:
            return False
        self._write({"id": request.number, **answer})
        request.last_s = time.monotonic()
        return True

    def _end(self, request: _Request, answer: dict[str, Any]) -> None:
        with self._lock:
            if request.has_ended:
                return
            request.has_ended = True
            if self._open.get(request.number) is request:
                del self._open[request.number]
        self._write({"id": request.number, **answer})

    def _watch(self) -> None:
        """End the requests that get no answer; sleeps for as long as nothing can be late."""
        while True:
            with self._asked:
                now = time.monotonic()
                left_s = {r: r.last_s + r.silence_s - now for r in self._open.values()}
                late = [request for request, left in left_s.items() if left <= 0]
                if not late:
                    self._asked.wait(min(left_s.values()) if left_s else None)
            for request in late:
                silent = TrackingError(
                    f"{self._source.shown_uri} did not answer",
                    why=f"It was silent for {request.silence_s:.0f} s",
                    unharmed=_UNHARMED,
                    action="Check the address and that the server runs; then refresh",
                )
                self._end(request, {"event": "error", "error": silent.as_fields()})

    def _for_viewers(self, error: HeimdallError) -> dict[str, str | int]:
        """The error without what it says of publishing, and without a password in an address."""
        if "publishing goes on" in error.action:
            error.action = "Check the address and that the server runs; it is tried again by itself"
        error.unharmed = _UNHARMED
        uri, shown = self._source.uri, self._source.shown_uri
        return {
            key: part.replace(uri, shown) if isinstance(part, str) else part
            for key, part in error.as_fields().items()
        }

    def _write(self, answer: dict[str, Any]) -> None:
        line = orjson.dumps(answer, option=orjson.OPT_NON_STR_KEYS, default=str) + b"\n"
        try:
            with self._lock:
                self._output.write(line)
                self._output.flush()
        except OSError:
            os._exit(0)  # The viewer is gone.


def main() -> int:
    """Serve the viewer that started this process."""
    # Libraries print where they like: the answers keep the real standard output to themselves.
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    source = TrackingSource(os.environ.get("MLFLOW_TRACKING_URI", ""), home_path())
    TrackingReader(source, output).serve(sys.stdin.buffer)
    sys.stderr.flush()
    # Threads may hang in a server's silence: nobody waits for them.
    os._exit(0)


if __name__ == "__main__":
    main()
