"""The helper process that reads MLflow, asked from any thread of the console."""

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from training_core.contract.errors import TrackingError
from training_core.contract.home import working_folder

Answer = dict[str, Any]

MODULE: Final = "training_core.publishing.tracking_reader"
_SILENCE_S: Final = 60.0
"""The process itself ends a request before: this is for a process that hangs as a whole."""
_LEAVE_S: Final = 0.3
_UNHARMED: Final = "What was read before stays, and nothing was changed"


class TrackingReader:
    """The process, started by the first request and again by the next one where it is gone.

    Args:
        home: The home, for its database and the credentials file.
        uri: Address of MLflow; empty for `MLFLOW_TRACKING_URI`, or else the home's database.
    """

    def __init__(self, home: Path, uri: str = "") -> None:
        self._home = home
        self._uri = uri
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting: dict[int, queue.SimpleQueue[Answer]] = {}
        self._next = 0
        self._errors: deque[str] = deque(maxlen=20)
        self.shown_uri = ""
        """Address as the process says it, without a password; empty before its first word."""

    def stream(self, request: str, *, silence_s: float = 0.0, **asked: Any) -> Iterator[Answer]:
        """The answers to a request as they come; leaving the loop early cancels it.

        Args:
            request: Its name.
            silence_s: How long the process may wait for MLflow; its own measure when 0.
            asked: What the request needs.

        Raises:
            TrackingError: MLflow refused or did not answer, or the process could not be started.
        """
        if silence_s:
            asked["silence_s"] = silence_s
        number, answers = self._send(request, asked)
        has_ended = False
        try:
            while True:
                try:
                    answer = answers.get(timeout=max(_SILENCE_S, 2 * silence_s))
                except queue.Empty:
                    self.close()
                    raise _gone("It did not answer and was ended") from None
                has_ended = answer["event"] != "answer"
                if answer["event"] == "error":
                    raise _error_of(answer)
                if has_ended:
                    return
                yield answer
        finally:
            with self._lock:
                self._waiting.pop(number, None)
            if not has_ended:
                with contextlib.suppress(TrackingError):
                    self._write({"cancel": number})

    def answer(self, request: str, **asked: Any) -> Answer:
        """The last answer to a request that has one; empty where there is none.

        Raises:
            TrackingError: As `stream`.
        """
        last: Answer = {}
        for found in self.stream(request, **asked):
            last = found
        return last

    def close(self) -> None:
        """End the process; requests under way end in an error."""
        # A request holds the lock for as long as a process that hangs does not read it.
        is_free = self._lock.acquire(timeout=_LEAVE_S)
        process, self._process = self._process, None
        if is_free:
            self._lock.release()
        if process is None:
            return
        if is_free and process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        try:
            process.wait(_LEAVE_S if is_free else 0.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _send(self, request: str, asked: dict[str, Any]) -> tuple[int, "queue.SimpleQueue[Answer]"]:
        answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        with self._lock:
            if self._process is None:
                self._process = self._start()
            self._next += 1
            number = self._next
            self._waiting[number] = answers
        self._write({"id": number, "request": request, **asked})
        return number, answers

    def _write(self, message: dict[str, Any]) -> None:
        with self._lock:
            process = self._process
            if process is None or process.stdin is None:
                return
            try:
                process.stdin.write(orjson.dumps(message) + b"\n")
                process.stdin.flush()
            except (OSError, ValueError) as error:
                raise _gone("; ".join(self._errors) or str(error)) from error

    def _start(self) -> "subprocess.Popen[bytes]":
        environment = {**os.environ, "HEIMDALL_HOME": str(self._home)}
        if self._uri:
            # An address may hold a password: a command line would show it to everybody.
            environment["MLFLOW_TRACKING_URI"] = self._uri
        self._errors.clear()
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                cwd=working_folder(),
                start_new_session=True,
            )
        except OSError as error:
            raise _gone(error.strerror or str(error)) from error
        for function in (self._listen, self._keep_errors):
            threading.Thread(target=function, args=(process,), daemon=True).start()
        return process

    def _listen(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                with contextlib.suppress(orjson.JSONDecodeError):
                    self._take(orjson.loads(line))
        process.wait()
        with self._lock:
            if self._process is process:
                self._process = None
            left = list(self._waiting.values())
            self._waiting.clear()
        said = _gone("; ".join(self._errors) or f"It left with code {process.returncode}")
        for answers in left:
            answers.put({"event": "error", "error": said.as_fields()})

    def _take(self, answer: Answer) -> None:
        if answer.get("event") == "ready":
            self.shown_uri = str(answer.get("uri", ""))
            return
        with self._lock:
            answers = self._waiting.get(answer.get("id", 0))
        if answers is not None:
            answers.put(answer)

    def _keep_errors(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                self._errors.append(line[:300].decode(errors="replace").strip())


def _error_of(answer: Answer) -> TrackingError:
    said = answer.get("error") or {}
    error = TrackingError(
        str(said.get("what") or "MLflow could not be read"),
        why=str(said.get("why") or ""),
        unharmed=str(said.get("unharmed") or ""),
        action=str(said.get("action") or ""),
    )
    if answer.get("traceback"):
        error.add_note(str(answer["traceback"]))
    return error


def _gone(why: str) -> TrackingError:
    return TrackingError(
        "The process that reads MLflow is gone",
        why=why[:500],
        unharmed=_UNHARMED,
        action="It is started again by the next refresh",
    )
