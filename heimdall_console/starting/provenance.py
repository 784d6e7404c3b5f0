"""Where a run comes from: the code around it, the packages, the person."""

import contextlib
import getpass
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

_PACKAGES = (
    "heimdall-console",
    "torch",
    "pytorch-lightning",
    "mlflow",
    "onnx",
    "onnxruntime",
    "numpy",
)
_LONGEST_S = 3.0


class GitState:
    """Asks git about a folder, beside whatever else happens until `read`."""

    def __init__(self, folder: Path) -> None:
        command = ["git", "--no-optional-locks", "-C", str(folder), "status"]
        self._process: subprocess.Popen[str] | None = None
        # Where there is no git, nothing is known.
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                [*command, "--porcelain=v2", "--branch", "-uno"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                errors="replace",
            )

    def read(self) -> tuple[str, bool]:
        """Commit and whether tracked files differ from it; empty outside a repository."""
        if self._process is None:
            return "", False
        try:
            told, _ = self._process.communicate(timeout=_LONGEST_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            return "", False
        prefix = "# branch.oid "
        lines = told.splitlines()
        commits = [line.removeprefix(prefix) for line in lines if line.startswith(prefix)]
        commit = commits[0] if commits and commits[0] != "(initial)" else ""
        return commit, any(not line.startswith("#") for line in lines)


def installed_versions() -> dict[str, str]:
    """Versions of the packages that matter, without importing them."""
    found = {"python": ".".join(str(part) for part in sys.version_info[:3])}
    for package in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def user_name() -> str:
    """Who starts this, by name where the system knows one."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
