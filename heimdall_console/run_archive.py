"""Runs that a person has put away: they stay where they are and are not listed."""

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

from training_core.contract.errors import HeimdallError
from training_core.contract.files import read_regular, write_atomic
from training_core.contract.home import ensure_folder
from training_core.contract.turns import alone


def archived_runs(home: Path) -> frozenset[str]:
    """Keys of the runs that are put away; a list that cannot be read hides nothing."""
    with contextlib.suppress(OSError):
        return _read(home)
    return frozenset()


def change_archive(home: Path, keys: Iterable[str], *, put_away: bool) -> frozenset[str]:
    """Put runs away, or take them out again; consoles that do so at once lose nothing.

    Returns:
        The keys of all that are put away now.

    Raises:
        HeimdallError: The list cannot be read, or the home is not writable.
    """
    try:
        with alone(ensure_folder(home) / ".archived.lock"):
            before = _read(home)
            after = before | set(keys) if put_away else before - set(keys)
            write_atomic(_path(home), json.dumps(sorted(after)).encode())
    except OSError as error:
        raise HeimdallError(
            "The archive was not changed",
            why=error.strerror or str(error),
            unharmed="Every run is as it was",
            action="Make the home writable or free some space",
        ) from error
    return after


def _read(home: Path) -> frozenset[str]:
    try:
        found = json.loads(read_regular(_path(home)))
    except (FileNotFoundError, ValueError):
        return frozenset()
    return frozenset(str(key) for key in found) if isinstance(found, list) else frozenset()


def _path(home: Path) -> Path:
    return home / "archived.json"
