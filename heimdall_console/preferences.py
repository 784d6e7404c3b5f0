"""What the console remembers of a person's choices: layout, columns, theme, smoothing."""

import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import platformdirs

from training_core.contract.files import read_regular, write_atomic
from training_core.contract.turns import alone


def preferences_path() -> Path:
    """`heimdall/console.json` in the XDG state directory; it may not exist."""
    return Path(platformdirs.user_state_dir("heimdall", appauthor=False)) / "console.json"


class Preferences:
    """Values by section and key, as plain JSON.

    A damaged or missing file gives the defaults: nothing here is worth an error at the start.

    Args:
        path: The file; None keeps everything in memory.
        is_kept: Whether what changes is written there.
    """

    def __init__(self, path: Path | None, *, is_kept: bool = True) -> None:
        self._path = path if is_kept else None
        self._values: dict[str, dict[str, Any]] = {}
        self._changed: set[tuple[str, str]] = set()
        if path is not None:
            self._values = _read(path)

    def get(self, section: str, key: str, default: Any) -> Any:
        """The value; the default also where one of another type was stored."""
        value = self._values.get(section, {}).get(key, default)
        return value if default is None or isinstance(value, type(default)) else default

    def set(self, section: str, key: str, value: Any) -> None:
        """Remember a value; `save` writes it."""
        known = self._values.setdefault(section, {})
        if key not in known or known[key] != value:
            known[key] = copy.deepcopy(value)  # a list that grows later is another value then
            self._changed.add((section, key))

    @property
    def is_changed(self) -> bool:
        """Whether something is to be saved."""
        return bool(self._changed)

    def save(self) -> None:
        """Write what has changed here, and leave what other consoles have chosen meanwhile.

        A disk that refuses costs the memory, nothing else.
        """
        if self._path is None or not self._changed:
            return
        changed = {(s, key): self._values[s][key] for s, key in self._changed}
        self._changed.clear()
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with alone(self._path.with_name(f".{self._path.name}.lock")):
                stored = _read(self._path)
                for (section, key), value in changed.items():
                    stored.setdefault(section, {})[key] = value
                content = json.dumps(stored, indent=1, sort_keys=True).encode()
                write_atomic(self._path, content)


def _read(path: Path) -> dict[str, dict[str, Any]]:
    # A file that nests without end exhausts the stack.
    with contextlib.suppress(OSError, ValueError, RecursionError):
        return _sections(json.loads(read_regular(path)))
    return {}


def _sections(values: object) -> dict[str, dict[str, Any]]:
    if not isinstance(values, dict):
        return {}
    return {str(name): part for name, part in values.items() if isinstance(part, dict)}
