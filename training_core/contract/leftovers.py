"""What processes that were killed left half-written: hidden files and folders that nobody reads."""

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from training_core.contract.files import read_regular
from training_core.contract.home import (
    datasets_folder,
    jobs_folder,
    model_store_folder,
    queue_folder,
    runs_folder,
)
from training_core.contract.lock import is_locked
from training_core.contract.run_dir import RunDir

GRACE_S: Final = 600.0
"""What was changed since then may still be written by somebody who is slow."""
_FILE: Final = re.compile(r"^\..+\.tmp$")
_FOLDER: Final = re.compile(r"^\..+\.(new|partial)$")


@dataclass(frozen=True)
class Leftover:
    """One hidden file or folder."""

    path: Path
    size_bytes: int


def find_leftovers(home: Path, now_s: float | None = None) -> list[Leftover]:
    """What was left in a home, and beside the targets of its downloads.

    Args:
        home: The home.
        now_s: Seconds since 1970; the clock when None.
    """
    now_s = time.time() if now_s is None else now_s
    found = []
    for path in _candidates(home):
        size, changed_s = _measure(path)
        if changed_s < now_s - GRACE_S:
            found.append(Leftover(path, size))
    return found


def remove_leftovers(home: Path) -> list[Leftover]:
    """Remove them; returns what is gone now."""
    found = find_leftovers(home)
    for leftover in found:
        _remove(leftover.path)
    return [leftover for leftover in found if not os.path.lexists(leftover.path)]


def remove_half_checkpoints(folder: Path) -> None:
    """Remove what a killed worker has not finished saving; only for who holds the run's lock."""
    for path in _hidden(folder, _FILE):
        _remove(path)


def remove_half_folders(target: Path) -> None:
    """Remove what was to become a folder and whose makers were killed."""
    now_s = time.time()
    for path in list(_beside(target)):
        if _measure(path)[1] < now_s - GRACE_S:
            _remove(path)


def _candidates(home: Path) -> Iterator[Path]:
    for folder in (runs_folder(home), jobs_folder(home), datasets_folder(home)):
        yield from _hidden(folder, _FOLDER)
    for folder in (home, queue_folder(home)):
        yield from _hidden(folder, _FILE)
    for folder in (model_store_folder(home), home / "cache"):
        yield from (path for path in folder.rglob(".*.tmp") if path.is_file())
    for folder in (runs_folder(home), jobs_folder(home)):
        for run in map(RunDir, _listed(folder)):
            if run.path.name.startswith(".") or is_locked(run.lock_path):
                continue
            yield from _of_run(run)


def _of_run(run: RunDir) -> Iterator[Path]:
    """What the dead worker of a run or job has left."""
    for folder in (run.path, run.checkpoints, run.commands, *_listed(run.exports)):
        yield from _hidden(folder, _FILE)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        asked = orjson.loads(read_regular(run.path / "job.json"))
        if asked["kind"] == "download":
            yield from _beside(Path(asked["arguments"]["target"]))


def _beside(target: Path) -> Iterable[Path]:
    made = re.compile(rf"^\.{re.escape(target.name)}\.[0-9a-f]{{8}}\.new$")
    return _hidden(target.parent, made)


def _hidden(folder: Path, form: re.Pattern[str]) -> Iterator[Path]:
    return (path for path in _listed(folder) if form.match(path.name))


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _measure(path: Path) -> tuple[int, float]:
    """Bytes, and when anything in it was changed last."""
    size, changed_s = 0, 0.0
    for part in (path, *path.rglob("*")) if path.is_dir() else (path,):
        with contextlib.suppress(OSError):
            status = part.lstat()
            size += 0 if part.is_dir() else status.st_size
            changed_s = max(changed_s, status.st_mtime)
    return size, changed_s


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
