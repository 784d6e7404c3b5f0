"""Build the virtual environment of this checkout, or do nothing when it is up to date.

Runs on the system's Python before anything is installed, so it uses the standard library only.
The environment is complete when its stamp says that it was built from these very inputs. While
it is being changed it carries a marker instead: an environment whose build was killed is seen
by that marker and built anew.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST_PYTHON = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
STAMP = ENVIRONMENT / ".complete"
UNFINISHED = ENVIRONMENT / ".unfinished"
DISCARDED = ROOT / ".venv.discarded"
LOCK = ROOT / ".venv.lock"
INPUTS = (ROOT / "pyproject.toml", ROOT / "constraints.txt")
SELF_DESCRIPTION = """
import importlib.util, sys
if importlib.util.find_spec("pip"):
    print(sys.version, sys.prefix)
"""
BUILD_REQUIREMENTS = ("hatchling", "editables")


class EnvironmentFailedError(Exception):
    """The environment could not be built; the message is for the person at the terminal."""


def fingerprint(python_version: str) -> str:
    """Return what the environment depends on: its inputs, its place and its interpreter."""
    digest = hashlib.sha256(str(ROOT).encode())
    for path in INPUTS:
        digest.update(path.read_bytes())
    digest.update(python_version.encode())
    return digest.hexdigest()


def installed_python_version() -> str:
    """Return the version of the environment's interpreter, or "" when it does not run."""
    try:
        answer = subprocess.run(
            [str(PYTHON), "-c", SELF_DESCRIPTION],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    version, _, prefix = answer.stdout.strip().rpartition(" ")
    if answer.returncode != 0 or Path(prefix).resolve() != ENVIRONMENT.resolve():
        return ""
    return version


def is_complete() -> bool:
    """Say whether the environment was finished from the inputs as they are now."""
    if UNFINISHED.exists() or not STAMP.is_file():
        return False
    version = installed_python_version()
    return bool(version) and STAMP.read_text() == fingerprint(version)


def is_usable() -> bool:
    """Say whether the environment can be brought up to date in place."""
    if UNFINISHED.exists():
        return False
    version = installed_python_version()
    return bool(version) and tuple(map(int, version.split()[0].split(".")[:2])) >= OLDEST_PYTHON


def create() -> None:
    """Replace whatever is there by an empty environment that is marked as unfinished."""
    shutil.rmtree(DISCARDED, ignore_errors=True)
    if ENVIRONMENT.is_symlink() or ENVIRONMENT.is_file():
        ENVIRONMENT.unlink()
    elif ENVIRONMENT.exists():
        # Out of the way in one step: a removal that is killed must not leave half of it usable.
        ENVIRONMENT.rename(DISCARDED)
        shutil.rmtree(DISCARDED)
    ENVIRONMENT.mkdir()
    UNFINISHED.touch()
    run(
        [sys.executable, "-m", "venv", str(ENVIRONMENT)],
        "Python's venv module did not work (Debian and Ubuntu: install python3-venv).",
    )


def install() -> None:
    """Install the pinned dependencies, then this project in development mode."""
    pip = [
        str(PYTHON),
        "-m",
        "pip",
        "install",
        "-qq",
        "--constraint",
        str(ROOT / "constraints.txt"),
    ]
    advice = "pip could not install the dependencies; what it said stands above."
    run([*pip, *BUILD_REQUIREMENTS], advice)
    run([*pip, "--no-build-isolation", "--editable", f"{ROOT}[dev]"], advice)


def run(command: list[str], advice: str) -> None:
    """Run one command with its output on the terminal.

    Raises:
        EnvironmentFailedError: The command failed; `advice` says what that means.
    """
    # A PYTHONPATH or PYTHONHOME of the caller would leak other packages into the environment.
    environment = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PYTHONHOME"}}
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode != 0:
        raise EnvironmentFailedError(advice)


def main() -> int:
    """Bring the environment up to date; return the exit code."""
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(map(str, sys.version_info[:3]))
        print(f"Python 3.11 or newer is needed; {sys.executable} is {found}.", file=sys.stderr)
        print("Name another one with: make PYTHON=/path/to/python3", file=sys.stderr)
        return 1
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two makes at once: the second finds it complete
        if is_complete():
            return 0
        try:
            if is_usable():
                print("Bringing .venv up to date (the first time takes minutes) ...", flush=True)
                STAMP.unlink(missing_ok=True)
                UNFINISHED.touch()
            else:
                print("Building .venv (a few minutes, once) ...", flush=True)
                create()
            install()
        except EnvironmentFailedError as error:
            print(f"{error}\nRun the same command again to start over.", file=sys.stderr)
            return 1
        STAMP.write_text(fingerprint(installed_python_version()))
        UNFINISHED.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
