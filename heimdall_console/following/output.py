"""The lines that a run's processes printed, harmless to show."""

import codecs
import os
from pathlib import Path

from heimdall_console.formatting import plain
from training_core.contract.files import open_regular

_CHUNK_BYTES = 256 * 1024


class OutputReader:
    """Reads what is new in a file that may still grow; of a progress bar what stood there last.

    Args:
        path: What a process prints; it may not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""

    def read_new(self) -> list[str]:
        """Whole lines that were added; an unfinished one waits."""
        lines: list[str] = []
        while not lines and (content := self._read()):
            self._offset += len(content)
            *whole, rest = (self._pending + self._decoder.decode(content)).split("\n")
            # A progress bar may never end its line: only what stands there now is kept.
            overwritten, mark, _ = rest.rstrip("\r").rpartition("\r")
            self._pending = rest[len(overwritten + mark) :]
            lines = [_shown(line) for line in whole]
        return lines

    def read_unfinished(self) -> list[str]:
        """What stands behind the last line end, where nothing more will come."""
        return [_shown(self._pending)] if self._pending else []

    def _read(self) -> bytes:
        try:
            with os.fdopen(open_regular(self._path), "rb") as file:
                file.seek(self._offset)
                return file.read(_CHUNK_BYTES)
        except OSError:
            return b""


def _shown(line: str) -> str:
    return plain(line.rstrip("\r").rpartition("\r")[2])
