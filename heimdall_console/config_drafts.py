"""Unsaved configurations, kept so that a killed console loses nothing."""

import contextlib
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, ValidationError

from heimdall_console.config_document import ConfigDocument, Origin
from heimdall_console.formatting import counted
from training_core.contract.errors import HeimdallError
from training_core.contract.files import read_regular, write_atomic
from training_core.contract.home import ensure_folder
from training_core.contract.lock import WorkerLock, is_locked
from training_core.contract.run_dir import new_id


def drafts_folder() -> Path:
    """`heimdall/drafts` in the XDG state directory; it may not exist."""
    return Path(platformdirs.user_state_dir("heimdall", appauthor=False)) / "drafts"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    home: str
    text: str
    changed: float
    origin_kind: Literal["preset", "run", "file", "text"]
    origin_name: str
    origin_text: str
    origin_title: str


@dataclass(frozen=True)
class Draft:
    """A configuration that was being edited when its console ended."""

    path: Path
    document: ConfigDocument
    changed: float
    """Seconds since 1970, UTC."""

    @property
    def about(self) -> str:
        """How much of it is changed."""
        if not self.document.is_toml:
            return "text that cannot be read yet"
        changes = len(self.document.changes)
        return counted(changes, "change") if changes else "only comments"

    def forget(self) -> None:
        """Remove it."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
            _lock_path(self.path).unlink(missing_ok=True)


class DraftKeeper:
    """Keeps the draft of this console; its lock tells other consoles that we are alive.

    Args:
        home: Where the run would be made.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._guard = threading.RLock()
        self._path: Path | None = None
        self._lock: WorkerLock | None = None
        self._kept = ""

    def keep(self, document: ConfigDocument) -> None:
        """Write what is unsaved and would be missed, or remove the draft where nothing is.

        Raises:
            HeimdallError: The folder cannot be written.
        """
        # It may be changed while it is written, and kept by several threads.
        text = document.text
        with self._guard:
            if not document.is_worth_keeping:
                self.forget()
            elif text != self._kept:
                self._write(document.origin, text)

    def _write(self, origin: Origin, text: str) -> None:
        record = _Record(
            home=str(self._home),
            text=text,
            changed=time.time(),
            origin_kind=origin.kind,
            origin_name=origin.name,
            origin_text=origin.text,
            origin_title=origin.title,
        )
        path = self._own_path()
        try:
            write_atomic(path, record.model_dump_json(indent=1).encode())
        except OSError as error:
            raise HeimdallError(
                "The unsaved configuration could not be kept",
                why=error.strerror or str(error),
                unharmed="It is still in the form",
                action="Save it with ctrl+s to a disk that has room",
            ) from error
        self._kept = text

    def forget(self) -> None:
        """Remove the draft of this console: it was saved, launched or given up."""
        with self._guard:
            if self._path is not None and self._kept:
                with contextlib.suppress(OSError):
                    self._path.unlink(missing_ok=True)
            self._kept = ""

    def lay_aside(self) -> None:
        """Leave the draft where it is, to be offered later; the next one is another file."""
        self.close()

    def close(self) -> None:
        """Let go; a draft that is there is offered the next time."""
        with self._guard:
            if self._lock is not None and self._path is not None:
                self._lock.release()
                with contextlib.suppress(OSError):
                    _lock_path(self._path).unlink(missing_ok=True)
            self._path = self._lock = None
            self._kept = ""

    def left(self) -> list[Draft]:
        """Drafts of consoles that are gone, the newest first; unreadable ones are left out."""
        found = []
        for path in drafts_folder().glob("[!.]*.json"):
            # Looking at a lock of one's own would drop it.
            if path == self._path or is_locked(_lock_path(path)):
                continue
            with contextlib.suppress(OSError, ValidationError):
                draft = _read(path, self._home)
                if draft is not None and draft.document.is_worth_keeping:
                    found.append(draft)
        return sorted(found, key=lambda draft: draft.changed, reverse=True)

    def _own_path(self) -> Path:
        if self._path is None:
            folder = ensure_folder(drafts_folder())
            path = folder / f"{new_id(time.time())}.json"
            self._lock = WorkerLock(_lock_path(path))
            self._path = path
        return self._path


def _lock_path(path: Path) -> Path:
    return path.with_suffix(".lock")


def _read(path: Path, home: Path) -> Draft | None:
    record = _Record.model_validate_json(read_regular(path))
    if record.home != str(home):
        return None
    origin = Origin(record.origin_kind, record.origin_name, record.origin_text, record.origin_title)
    return Draft(path, ConfigDocument(origin, record.text), record.changed)
