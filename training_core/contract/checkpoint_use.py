"""Who is going to read a checkpoint, or reads it now."""

import contextlib
from collections.abc import Collection
from pathlib import Path
from typing import Final

import orjson

from training_core.contract.config_file import load_config
from training_core.contract.errors import HeimdallError
from training_core.contract.files import read_regular
from training_core.contract.home import jobs_folder, runs_folder
from training_core.contract.jobs import JobDir
from training_core.contract.lock import is_locked
from training_core.contract.run_dir import RunDir
from training_core.contract.run_status import run_status

READ_BY_JOBS: Final = ("checkpoint", "model")
"""Arguments of jobs that may name a checkpoint."""


def needed_checkpoints(home: Path, besides: str = "") -> set[Path]:
    """Checkpoints that a run of this home, besides one, is going to start from."""
    found: set[Path] = set()
    folder = runs_folder(home)
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name == besides:
            continue
        run = RunDir(path)
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            found.add(Path(orjson.loads(read_regular(run.resume_path))["checkpoint"]).resolve())
        if run.log_path.exists() and not is_locked(run.lock_path):
            # It has begun and read what it started from.
            continue
        with contextlib.suppress(HeimdallError):
            if weights := load_config(run.config_path).checkpoint.init_from:
                found.add(Path(weights).resolve())
    return found


def read_by_jobs(home: Path, checkpoints: Collection[Path]) -> set[Path]:
    """Those of some checkpoints that a job of this home reads, or is going to read.

    Not for a job that holds its own lock: looking drops it.
    """
    wanted = {path.resolve(): path for path in checkpoints}
    found: set[Path] = set()
    folder = jobs_folder(home)
    for path in folder.iterdir() if wanted and folder.is_dir() else ():
        job = JobDir(path)
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            arguments = orjson.loads(read_regular(job.job_path))["arguments"]
            named = {Path(str(arguments.get(key) or "")).resolve() for key in READ_BY_JOBS}
            # An end is looked up only for the few that name one.
            if (read := named & wanted.keys()) and not run_status(job).has_ended:
                found |= {wanted[checkpoint] for checkpoint in read}
    return found
