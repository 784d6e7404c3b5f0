"""Where everything lives: the home folder and the names inside it."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from training_core.contract.errors import HeimdallError
from training_core.contract.files import fsync_folder

_SMALLEST_FREE_BYTES = 8 * 1024 * 1024


def home_path() -> Path:
    """`$HEIMDALL_HOME`, or `heimdall` in the XDG data directory; it may not exist yet."""
    chosen = os.environ.get("HEIMDALL_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    return Path(platformdirs.user_data_dir("heimdall", appauthor=False))


def working_folder() -> Path:
    """Where relative paths count from; where that folder was deleted, the user's own from now on.

    In a deleted folder no relative path can be meant, and processes that are started there fail
    in libraries that look for it.
    """
    try:
        return Path.cwd()
    except FileNotFoundError:
        refuge = Path(os.path.expanduser("~"))
        refuge = refuge if refuge.is_dir() else Path("/")
        os.chdir(refuge)
        return refuge


def ensure_folder(folder: Path) -> Path:
    """Make a folder below the home, for this user only.

    Raises:
        HeimdallError: It cannot be made (read-only home, full disk, a file in the way).
    """
    try:
        # `parents=True` would give the home itself the mode of the umask.
        for part in (*reversed(folder.parents), folder):
            if not part.exists():
                part.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise HeimdallError(
            f"The folder {folder} could not be made",
            why=error.strerror or str(error),
            unharmed="Nothing was started",
            action="Make it writable, free some space, or set HEIMDALL_HOME to another folder",
        ) from error
    return folder


def refuse_full_disk(folder: Path) -> None:
    """Refuse to start what could not even write its log.

    Raises:
        HeimdallError: Next to nothing is free.
    """
    free = shutil.disk_usage(folder).free
    if free < _SMALLEST_FREE_BYTES:
        raise HeimdallError(
            f"The disk of {folder} is full",
            why=f"{free / 1024:,.0f} KiB are free",
            unharmed="Nothing was started and nothing was changed",
            action="Free some space, or set HEIMDALL_HOME to a folder on another disk",
        )


@contextlib.contextmanager
def appearing_folder(parent: Path, name: str) -> Iterator[Path]:
    """Give a hidden folder to fill; it then appears as `parent/name`, whole or not at all.

    Raises:
        HeimdallError: The parent is not writable or the disk is full.
    """
    ensure_folder(parent)
    refuse_full_disk(parent)
    hidden = parent / f".{name}.new"
    try:
        hidden.mkdir(mode=0o700)
        yield hidden
        os.rename(hidden, parent / name)
        fsync_folder(parent)
    except OSError as error:
        shutil.rmtree(hidden, ignore_errors=True)
        raise HeimdallError(
            f"The directory {name} could not be made in {parent}",
            why=error.strerror or str(error),
            unharmed="Nothing was started and nothing else was touched",
            action="Make the home writable or free some space",
        ) from error


def runs_folder(home: Path) -> Path:
    """Where run directories live."""
    return home / "runs"


def jobs_folder(home: Path) -> Path:
    """Where job directories live."""
    return home / "jobs"


def queue_folder(home: Path) -> Path:
    """Where runs wait for their turn on this machine."""
    return home / "queue"


def datasets_folder(home: Path) -> Path:
    """Where datasets live that are called by name."""
    return home / "datasets"


def model_store_folder(home: Path) -> Path:
    """The embedded object store."""
    return home / "models"


def tracking_uri(home: Path, configured: str = "") -> str:
    """The MLflow store to use: what is configured, or the database of the home."""
    return configured or f"sqlite:///{home / 'mlflow.db'}"
