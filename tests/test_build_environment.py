"""The script behind `make`: builds what is missing, completes what is stale, redoes what is broken."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "build_environment.py"


@pytest.fixture
def builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script, pointed at an empty checkout; what it would install is only noted down."""
    root = tmp_path / "checkout"
    root.mkdir()
    (root / "pyproject.toml").write_text("[project]\n")
    (root / "constraints.txt").write_text("torch==2.13.0\n")
    specification = importlib.util.spec_from_file_location("build_environment", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    module: Any = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    environment = root / ".venv"
    places = {
        "ROOT": root,
        "ENVIRONMENT": environment,
        "PYTHON": environment / "bin" / "python",
        "STAMP": environment / ".complete",
        "UNFINISHED": environment / ".unfinished",
        "DISCARDED": root / ".venv.discarded",
        "LOCK": root / ".venv.lock",
        "INPUTS": (root / "pyproject.toml", root / "constraints.txt"),
        "installations": 0,
    }
    for name, value in places.items():
        monkeypatch.setattr(module, name, value, raising=False)

    def install() -> None:
        assert module.UNFINISHED.exists(), "a build that is killed here would go unnoticed"
        module.installations += 1

    # Downloading gigabytes is what `make` itself shows; here it matters when it is done.
    monkeypatch.setattr(module, "install", install)
    return module


def test_the_life_of_an_environment(builder: Any) -> None:
    # Missing: it is built.
    assert builder.main() == 0
    assert builder.installations == 1
    assert builder.is_complete()
    marker = builder.ENVIRONMENT / "marker"
    marker.touch()

    # Complete: nothing is done.
    assert builder.main() == 0
    assert builder.installations == 1

    # A changed pin: brought up to date where it is.
    (builder.ROOT / "constraints.txt").write_text("torch==2.13.1\n")
    assert not builder.is_complete()
    assert builder.main() == 0
    assert builder.installations == 2
    assert marker.exists()

    # Made by hand, without a stamp: adopted.
    builder.STAMP.unlink()
    assert builder.main() == 0
    assert builder.installations == 3
    assert marker.exists()

    # Its build was killed: built anew, nothing of it is trusted.
    builder.UNFINISHED.touch()
    assert builder.main() == 0
    assert builder.installations == 4
    assert not marker.exists()
    assert builder.is_complete()

    # Its interpreter is gone: built anew.
    marker.touch()
    builder.PYTHON.unlink()
    assert builder.main() == 0
    assert not marker.exists()
    assert builder.is_complete()


def test_a_failed_installation_is_said_and_not_taken_for_complete(
    builder: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def install() -> None:
        builder.run([sys.executable, "-c", "raise SystemExit(1)"], "pip could not install.")

    monkeypatch.setattr(builder, "install", install)
    assert builder.main() == 1
    assert "pip could not install." in capfd.readouterr().err
    assert not builder.is_complete()
    assert not builder.is_usable()


def test_an_old_python_is_refused_with_the_way_out(
    builder: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(builder, "OLDEST_PYTHON", (99, 0))
    assert builder.main() == 1
    assert "make PYTHON=" in capsys.readouterr().err
    assert not builder.ENVIRONMENT.exists()


def test_it_needs_nothing_but_the_standard_library() -> None:
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import runpy; runpy.run_path({str(SCRIPT)!r})"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
