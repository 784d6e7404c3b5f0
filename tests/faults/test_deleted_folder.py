"""The folder that a shell or the console is in is deleted: nothing ends in a traceback."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.console.programs import TIMEOUT_S, fake_command, write_dataset
from tests.console.terminal.real_console import PROGRAM, RealConsole
from training_core.contract.home import datasets_folder, runs_folder

FOLDER = "gone"
GONE = "The folder of this shell was deleted"


def in_deleted_folder(command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    script = f"mkdir {FOLDER} && cd {FOLDER} && rmdir ../{FOLDER} && exec {shlex.join(command)}"
    return subprocess.run(
        ["bash", "-c", script],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["runs", "list"],
        ["doctor"],
        ["run", "--data-dir", "campus"],
        ["run", "--data-dir", "campus", "--queue"],
        ["config", "validate", "none.toml"],
        ["models", "list"],
    ],
    ids=" ".join,
)
def test_a_command_says_so_and_works(
    isolated_home: Path, tmp_path: Path, arguments: list[str]
) -> None:
    write_dataset(datasets_folder(isolated_home) / "campus")
    answer = in_deleted_folder(fake_command({"epochs": 1}, *arguments), tmp_path)
    assert GONE in answer.stderr
    assert "Traceback" not in answer.stdout + answer.stderr
    assert "oneMKL" not in answer.stdout, "libraries that look for the folder find one"
    assert answer.returncode == (2 if "validate" in arguments else 0), answer.stderr
    assert len(list(runs_folder(isolated_home).glob("[!.]*"))) == (arguments[0] == "run")


def test_the_console_stays_usable(isolated_home: Path, tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()
    start = f"cd {shlex.quote(str(folder))} && exec {shlex.join(PROGRAM)}"
    with RealConsole(command=["bash", "-c", start], environment={"HOME": str(tmp_path)}) as console:
        console.wait("Runs")
        folder.rmdir()
        console.press("ctrl+o")
        console.wait("Saved")
        assert len(list(tmp_path.glob("heimdall-runs-*.svg"))) == 1
        console.press("2")
        console.wait("$ heimdall-console run")
        console.press("ctrl+s")
        console.wait("rf-localization.toml")
        console.press("escape", "1")
        console.wait("Runs")
        console.leave()


def test_a_console_is_opened_where_no_folder_is(isolated_home: Path, tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()
    start = f"cd {shlex.quote(str(folder))} && rmdir {shlex.quote(str(folder))}"
    command = [
        "bash",
        "-c",
        f"{start} && exec {shlex.join([sys.executable, '-m', 'heimdall_console'])}",
    ]
    with RealConsole(command=command) as console:
        console.wait("Runs")
        console.leave()
        assert GONE in console.said()
