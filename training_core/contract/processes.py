"""Processes that outlive whoever starts them."""

import subprocess
import sys
from pathlib import Path

PUBLISHER = "training_core.publishing.publisher"
"""The module that publishes a run."""


def start_detached(module: str, directory: Path, output: Path) -> subprocess.Popen[bytes]:
    """Start `python -m MODULE DIRECTORY` in a session of its own, without input.

    Args:
        module: What to run.
        directory: Its only argument: a run or job directory.
        output: What it prints is appended to this file, never sent through a pipe that a
            viewer holds.

    Raises:
        OSError: The file cannot be written or the process not made.
    """
    with output.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", module, str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
