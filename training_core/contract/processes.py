"""Processes that outlive whoever starts them."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from training_core.contract.home import working_folder

PUBLISHER = "training_core.publishing.publisher"
"""The module that publishes a run."""
SWEEP_PUBLISHER = "training_core.publishing.sweep_publication"
"""The module that publishes a sweep."""

_started: list[subprocess.Popen[bytes]] = []
"""Kept while they live: Python complains of a process that runs on when its object is gone."""


def start_detached(
    module: str,
    directory: Path,
    output: Path,
    *,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start `python -m MODULE DIRECTORY` in a session of its own, without input.

    Args:
        module: What to run.
        directory: Its first argument: a run or job directory, or a home.
        output: What it prints is appended to this file, never sent through a pipe that a
            viewer holds.
        arguments: Further arguments.
        environment: Variables that differ from those of this process.
        folder: Where it looks for modules of one's own; this process's folder when None.

    Raises:
        OSError: The file cannot be written or the process not made.
    """
    _started[:] = [process for process in _started if process.poll() is None]
    with output.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", module, str(directory), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd=folder or working_folder(),
            env={**os.environ, **environment} if environment else None,
            start_new_session=True,
        )
    _started.append(process)
    return process
