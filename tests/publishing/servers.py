"""Starting, awaiting and ending the real servers of the publishing tests."""

import base64
import contextlib
import http.client
import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ACCESS_KEY, SECRET_KEY = "test-access", "test-secret-of-twenty"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still waiting for {what}")
        time.sleep(0.05)


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
        return True
    return False


def end_group(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


@dataclass
class S3Server:
    """A running `rclone serve s3`; buckets are folders of `folder`."""

    endpoint: str
    folder: Path


def mlflow_server(backend: str, artifacts: Path, port: int) -> "subprocess.Popen[bytes]":
    """Start `mlflow server` with one process; wait for its port yourself."""
    with (artifacts.parent / "mlflow-server.log").open("ab") as output:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--workers", "1"),
                *("--backend-store-uri", backend, "--artifacts-destination", artifacts.as_uri()),
                *("--host", "127.0.0.1", "--port", str(port)),
            ],
            cwd=artifacts.parent,
            # Its job runners are processes of their own, and nothing here needs them.
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


class _Guard(http.server.BaseHTTPRequestHandler):
    """Passes on what carries the right credentials; says 401 or 403 to the rest."""

    protocol_version = "HTTP/1.1"
    server: "GuardedServer"

    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        given = self.headers.get("Authorization", "")
        scheme, _, token = given.partition(" ")
        shown = base64.b64decode(token).decode() if scheme == "Basic" else given
        if shown != self.server.allowed:
            is_guest = shown.removeprefix("Bearer ").startswith("guest")
            self._send(403 if is_guest else 401, b"You are not authorized.", {})
            return
        headers = {"Content-Type": self.headers.get("Content-Type", "application/json")}
        connection = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=60)
        try:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            kind = {"Content-Type": answer.headers.get("Content-Type", "text/plain")}
            self._send(answer.status, answer.read(), kind)
        finally:
            connection.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815  # http.server's names

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class GuardedServer(http.server.ThreadingHTTPServer):
    """An MLflow server behind `name:password`, or behind `Bearer token`."""

    daemon_threads = True

    def __init__(self, uri: str, allowed: str) -> None:
        super().__init__(("127.0.0.1", 0), _Guard)
        self.behind = int(uri.rpartition(":")[2])
        self.allowed = allowed
        self.uri = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> "GuardedServer":
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self.server_close()
