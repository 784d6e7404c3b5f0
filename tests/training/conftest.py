"""A small generated dataset and runs on it."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from training_core.contract.config_file import apply_overrides, read_source, validate
from training_core.contract.config_template import render_resolved
from training_core.contract.home import home_path
from training_core.contract.jobs import SynthArguments
from training_core.contract.run_dir import RunDir, RunInfo, create_run, new_id
from training_core.contract.run_log import RunLogReader
from training_core.data.synth import synth

BASE = """
[data]
split = "place"
[model.receiver_set_net]
width = 16
heads = 2
fingerprint_width = 32
[trainer]
epochs = 3
accelerator = "cpu"
[tracking]
enabled = false
[export]
enabled = false
"""

MakeRun = Callable[..., RunDir]


@pytest.fixture(scope="session")
def campus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campus of 240 sessions."""
    target = tmp_path_factory.mktemp("datasets") / "campus"
    synth(SynthArguments(target=target, preset="campus", sessions=240, seed=1))
    return target


@pytest.fixture
def make_run(campus: Path, tmp_path: Path) -> MakeRun:
    """Make run directories in the test's home, with `section.key=value` changes."""

    def make(*overrides: str, base: str = BASE, dataset: Path | None = campus) -> RunDir:
        path = tmp_path / "config.toml"
        path.write_text(base)
        changes = [*overrides]
        if dataset is not None:
            changes.insert(0, f"data.dataset={dataset}")
        config = validate(apply_overrides(read_source(path), changes))
        info = RunInfo(id=new_id(time.time()), name="test", experiment="tests", created=time.time())
        return create_run(home_path(), info, render_resolved(config, path))

    return make


def records(run: RunDir, kind: str) -> list[dict[str, Any]]:
    """Records of one kind."""
    return [r for r in RunLogReader(run.log_path).read_new() if r["kind"] == kind]


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A real file system of 48 KiB."""
    folder = tmp_path_factory.mktemp("small-disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system can only be mounted by root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
