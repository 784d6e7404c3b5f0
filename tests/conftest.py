"""Isolation that every test gets: a home of its own, no credentials, nothing left behind."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psutil
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED_DATA = Path(os.environ.get("HEIMDALL_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))

# What libraries drop into the current directory when nobody tells them where to write.
LITTER = ("mlruns", "mlflow.db", "lightning_logs", "checkpoints", "outputs", "runs")

# A variable of the person who runs the tests must neither help nor hurt them.
FOREIGN_PREFIXES = ("MLFLOW_", "HEIMDALL_", "AWS_", "MINIO_", "S3_", "SLURM_", "WANDB_")


# A deadline measures the machine; on a loaded one it would fail tests that are right.
hypothesis.settings.register_profile("project", deadline=None, max_examples=60)
hypothesis.settings.load_profile("project")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout that is tested: the tests themselves run elsewhere."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real measured data sets; a test that needs them skips where they are absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no measured data in {SHARED_DATA} (set HEIMDALL_SHARED_DATA)")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def isolated_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Move the home, the configuration and the current directory into the test's own folder.

    Returns:
        The folder that `HEIMDALL_HOME` names; it does not exist yet.
    """
    for name in list(os.environ):
        if name.startswith(FOREIGN_PREFIXES) and name != "HEIMDALL_SHARED_DATA":
            monkeypatch.delenv(name)
    # Folders of passed tests are removed and their names used again, but MLflow keeps an open
    # connection for each database path of the process: every home has a name of its own.
    home = tmp_path / f"home-{secrets.token_hex(4)}"
    monkeypatch.setenv("HEIMDALL_HOME", str(home))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    # Child processes start in the test's folder and must import this checkout all the same.
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    # The width and the colors of the terminal that started the tests do not count.
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "CI", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    workplace = tmp_path / "workplace"
    workplace.mkdir()
    monkeypatch.chdir(workplace)
    return home


@pytest.fixture(autouse=True, scope="session")
def nothing_left_in_the_checkout() -> Iterator[None]:
    """Fail the session when a test wrote a library's default output into the checkout."""
    before = {name for name in LITTER if (REPOSITORY / name).exists()}
    yield
    left = [n for n in LITTER if n not in before and (REPOSITORY / n).exists()]
    assert not left, f"the tests wrote into the checkout: {left}"


@pytest.fixture(autouse=True, scope="session")
def no_process_left_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fail the session when a server, worker or publisher that a test started outlives it.

    A publisher may take a few seconds to finish after its run; detached processes are no
    children of ours any more and are known by the home that they were given.
    """
    base = str(tmp_path_factory.getbasetemp())
    this_process = psutil.Process()
    before = {child.pid for child in this_process.children(recursive=True)}
    yield
    started = {c.pid: c for c in this_process.children(recursive=True) if c.pid not in before}
    started |= {p.pid: p for p in psutil.process_iter() if home_of(p).startswith(base)}
    _, alive = psutil.wait_procs([p for p in started.values() if is_ours(p)], timeout=20)
    left = [command_of(process) for process in alive]
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    assert not left, f"processes outlived the tests: {left}"


def home_of(process: psutil.Process) -> str:
    """Return the `HEIMDALL_HOME` that a process was started with, or ""."""
    try:
        return str(process.environ().get("HEIMDALL_HOME", ""))
    except (psutil.Error, OSError):
        return ""


def command_of(process: psutil.Process) -> str:
    """Return the start of a process's command line, or "" when it is gone."""
    try:
        return " ".join(process.cmdline())[:200]
    except (psutil.Error, OSError):
        return ""


def is_ours(process: psutil.Process) -> bool:
    """Say whether a process is one that a test started, not one of Python's or pytest's own."""
    if process.pid == os.getpid() or "resource_tracker" in command_of(process):
        return False
    with contextlib.suppress(psutil.Error):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies under tests/faults, and skip GPU tests where there is no GPU."""
    for item in items:
        if (REPOSITORY / "tests" / "faults") in item.path.parents:
            item.add_marker("faults")
        if item.get_closest_marker("gpu") is not None and not Path("/dev/nvidiactl").exists():
            item.add_marker(pytest.mark.skip(reason="no CUDA device on this machine"))
