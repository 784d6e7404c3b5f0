"""A run with its log, and a driver for GPUs that are not there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_driver import build_driver
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogWriter


@pytest.fixture(scope="session")
def fake_nvml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a `libnvidia-ml.so.1` that plays whatever `FAKE_NVML` names."""
    return build_driver(Path(__file__).parent / "fake_nvml.c", tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    path = tmp_path / "run"
    path.mkdir()
    return RunDir(path)


@pytest.fixture
def log(run: RunDir) -> Iterator[RunLogWriter]:
    with RunLogWriter(run.log_path) as writer:
        yield writer
