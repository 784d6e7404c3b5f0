"""Putting checkpoints into a trash beside them, taking them out again, and emptying it.

A trash is `.trash` in the folder of the checkpoints, so that every move is a rename. Each pruning
has a folder of its own in it. The checkpoint moves before its sidecar and comes back after it: a
process that is killed in between leaves a checkpoint that is in the trash, and whole.
"""

import contextlib
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from heimdall_console.checkpoint_reference import checkpoint_directory
from heimdall_console.checkpoint_rows import CheckpointRow
from training_core.contract.checkpoints import checkpoint_folder, sidecar_path
from training_core.contract.errors import HeimdallError, UsageError
from training_core.contract.files import fsync_folder, replace_durably
from training_core.contract.run_dir import RunDir, id_time, is_run_id, new_id

_FOLDER: Final = ".trash"


@dataclass(frozen=True)
class Pruned:
    """One pruning whose files can still be brought back."""

    folder: Path
    files: tuple[Path, ...]
    """Checkpoints in it."""
    size_bytes: int
    pruned: float
    """When, seconds since 1970."""

    @property
    def id(self) -> str:
        """Sorts by time."""
        return self.folder.name

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "id": self.id,
            "pruned": self.pruned,
            "size_bytes": self.size_bytes,
            "checkpoints": [path.name for path in self.files],
        }


def trash_of(run: RunDir) -> Path:
    """The trash of a run; it may not exist."""
    return checkpoint_folder(run, checkpoint_directory(run)) / _FOLDER


def refuse_protected(rows: Iterable[CheckpointRow]) -> None:
    """Refuse to prune what is needed.

    Raises:
        UsageError: At least one is best, last, exported, registered or in use.
    """
    kept = [row for row in rows if row.protection]
    if kept:
        first = kept[0]
        more = f", and {len(kept) - 1} more" if len(kept) > 1 else ""
        raise UsageError(
            f"{first.name} is not pruned{more}",
            why=f"It is {first.protection}",
            unharmed="Nothing was moved",
            action="Leave it out; "
            f"`heimdall-console checkpoints list {first.sidecar.run_id}` shows what is kept",
        )


def move_to_trash(run: RunDir, rows: Sequence[CheckpointRow]) -> Pruned:
    """Put checkpoints into the trash of their run.

    Raises:
        UsageError: One of them is needed.
        HeimdallError: The folder cannot be changed.
    """
    refuse_protected(rows)
    trash = trash_of(run)
    target = trash / new_id(time.time())
    try:
        target.mkdir(mode=0o700, parents=True)
        fsync_folder(trash)
        for row in rows:
            _move(row.path, target)
            with contextlib.suppress(FileNotFoundError):
                _move(sidecar_path(row.path), target)
    except OSError as error:
        raise HeimdallError(
            "The checkpoints were not pruned",
            why=error.strerror or str(error),
            unharmed="Every one of them is where it was, or in the trash and can be restored",
            action="Make the folder writable and try again",
        ) from error
    return _read(target)


def list_trash(run: RunDir) -> list[Pruned]:
    """Prunings of a run that can be undone, the newest first."""
    trash = trash_of(run)
    try:
        names = sorted(filter(is_run_id, os.listdir(trash)), reverse=True)
    except OSError:
        return []
    found = (_read(trash / name) for name in names)
    return [pruned for pruned in found if pruned.files]


def restore(run: RunDir, pruned: Pruned) -> list[Path]:
    """Bring the checkpoints of one pruning back.

    Returns:
        Where they lie now.

    Raises:
        UsageError: One of the same name has been saved since.
        HeimdallError: The folder cannot be changed.
    """
    folder = trash_of(run).parent
    standing = [path.name for path in pruned.files if (folder / path.name).exists()]
    if standing:
        raise UsageError(
            f"{standing[0]} was not restored",
            why="A checkpoint of that name has been saved since",
            unharmed="Both are as they were",
            action="Move one of them to another folder",
        )
    try:
        for path in pruned.files:
            with contextlib.suppress(FileNotFoundError):
                _move(sidecar_path(path), folder)
            _move(path, folder)
        _remove_folder(pruned.folder)
    except OSError as error:
        raise HeimdallError(
            "Not every checkpoint was restored",
            why=error.strerror or str(error),
            unharmed="What is not restored is still in the trash",
            action="Make the folder writable and restore again",
        ) from error
    return [folder / path.name for path in pruned.files]


def empty_trash(run: RunDir) -> int:
    """Remove for good what was pruned; returns the bytes freed.

    Raises:
        HeimdallError: The folder cannot be changed.
    """
    freed = 0
    folder = trash_of(run).parent
    for pruned in [_read(path) for path in sorted(trash_of(run).glob("*")) if path.is_dir()]:
        try:
            for path in pruned.files:
                freed += path.stat().st_size
                path.unlink()
                # A pruning that was killed left the sidecar where it was.
                if not (folder / path.name).exists():
                    sidecar_path(folder / path.name).unlink(missing_ok=True)
            for left in pruned.folder.glob("*.ckpt.json"):
                left.unlink()
            _remove_folder(pruned.folder)
        except OSError as error:
            raise HeimdallError(
                "The trash was not emptied",
                why=error.strerror or str(error),
                unharmed="Every other checkpoint is as it was",
                action="Make the folder writable and try again",
            ) from error
    with contextlib.suppress(OSError):
        trash_of(run).rmdir()
    return freed


def _move(source: Path, folder: Path) -> None:
    """Rename into another folder so that a power cut leaves it here or there."""
    replace_durably(source, folder / source.name)
    fsync_folder(source.parent)


def _remove_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _read(folder: Path) -> Pruned:
    files = sorted(folder.glob("*.ckpt"))
    sizes = []
    for path in files:
        with contextlib.suppress(OSError):
            sizes.append(path.stat().st_size)
    return Pruned(folder, tuple(files), sum(sizes), id_time(folder.name) or 0.0)
