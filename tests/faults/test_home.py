"""Homes that cannot be written: a clear sentence, and nothing half made."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.command import heimdall
from training_core.contract.jobs import SynthArguments
from training_core.data.synth import synth

CONFIG = '[trainer]\nepochs = 1\naccelerator = "cpu"\n[data]\ndataset = "{dataset}"\n'


def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A file system of its own in memory, as root only."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system can only be mounted by root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path / "read-only", "ro,size=1m")


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    for folder in mounted(tmp_path / "full", "size=64k"):
        (folder / "filler").write_bytes(bytes(56 * 1024))
        yield folder


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration on a small dataset outside the home."""
    dataset = tmp_path / "campus"
    synth(SynthArguments(target=dataset, sessions=60, seed=2))
    path = tmp_path / "x.toml"
    path.write_text(CONFIG.format(dataset=dataset))
    return path


@pytest.mark.parametrize("command", ["run", "synth"])
def test_a_read_only_home_is_one_clear_error(
    read_only: Path, config: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("HEIMDALL_HOME", str(read_only))
    arguments: dict[str, list[object]] = {
        "run": ["run", "--config", config],
        "synth": ["data", "synth", "--sessions", "50", "--name", "x"],
    }
    done = heimdall(*arguments[command], code=1)
    assert "could not be made" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert list(read_only.iterdir()) == []


def test_a_full_home_starts_nothing_and_leaves_nothing_half_made(
    full: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEIMDALL_HOME", str(full))
    done = heimdall("run", "--config", config, code=1)
    assert "Traceback" not in done.stderr
    assert "is full" in " ".join(done.stderr.split())
    assert list((full / "runs").iterdir()) == []


def test_a_dataset_on_a_full_disk_is_not_left_half_made(full: Path, tmp_path: Path) -> None:
    done = heimdall("data", "synth", "--sessions", "500", "--out", full / "campus", code=1)
    assert "Traceback" not in done.stderr
    assert {p.name for p in full.iterdir()} == {"filler"}
