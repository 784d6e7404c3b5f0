"""What the console remembers of a person's choices: layout, columns, theme, smoothing."""

import contextlib
import json
from pathlib import Path
from typing import Any

import platformdirs

from training_core.contract.files import read_regular, write_atomic


def preferences_path() -> Path:
    """`heimdall/console.json` in the XDG state directory; it may not exist."""
    return Path(platformdirs.user_state_dir("heimdall", appauthor=False)) / "console.json"


class Preferences:
    """Values by section and key, as plain JSON.

    A damaged or missing file gives the defaults: nothing here is worth an error at the start.

    Args:
        path: The file; None keeps everything in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._values: dict[str, dict[str, Any]] = {}
        self._is_changed = False
        if path is not None:
            # A file that nests without end exhausts the stack.
            with contextlib.suppress(OSError, ValueError, RecursionError):
                self._values = _sections(json.loads(read_regular(path)))

    def get(self, section: str, key: str, default: Any) -> Any:
        """The value; the default also where one of another type was stored."""
        value = self._values.get(section, {}).get(key, default)
        return value if default is None or isinstance(value, type(default)) else default

    def set(self, section: str, key: str, value: Any) -> None:
        """Remember a value; `save` writes it."""
        known = self._values.setdefault(section, {})
        if key not in known or known[key] != value:
            known[key] = value
            self._is_changed = True

    @property
    def is_changed(self) -> bool:
        """Whether something is to be saved."""
        return self._is_changed

    def save(self) -> None:
        """Write what has changed; a disk that refuses costs the memory, nothing else."""
        if self._path is None or not self._is_changed:
            return
        self._is_changed = False
        content = json.dumps(self._values, indent=1, sort_keys=True).encode()
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomic(self._path, content)


def _sections(values: object) -> dict[str, dict[str, Any]]:
    if not isinstance(values, dict):
        return {}
    return {str(name): part for name, part in values.items() if isinstance(part, dict)}
