"""The append-only log of a run: one writer and any number of incremental readers."""

import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from training_core.contract.records import DURABLE, Kind, encode_record

Record = dict[str, Any]

_CHUNK_BYTES = 256 * 1024


class RunLogWriter:
    """Appends records; only the holder of the run's lock may have one.

    Every record is one `write` to a file opened with O_APPEND. Threads may share a
    writer. A disk that is full is remembered in `failed`, said once, and never ends
    the training: the next record that fits is written.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        self._lock = threading.Lock()
        self.failed: OSError | None = None
        size = os.fstat(self._descriptor).st_size
        # A writer that died inside a line leaves no newline: ours must not join it.
        self._torn = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"

    def append(self, kind: Kind, *, time_s: float | None = None, **fields: object) -> None:
        """Write one record; kinds in `DURABLE` are on the disk afterwards.

        Args:
            kind: What is recorded.
            time_s: When it happened, seconds since 1970; now when None.
            fields: The kind's own fields, plain data only.
        """
        line = encode_record(kind, time.time() if time_s is None else time_s, fields)
        with self._lock:
            try:
                self._write(line)
                if kind in DURABLE:
                    os.fsync(self._descriptor)
            except OSError as error:
                self.failed = error
            else:
                self.failed = None

    def _write(self, line: bytes) -> None:
        if self._torn:
            line = b"\n" + line
        written = os.write(self._descriptor, line)
        # A disk that filled up inside the line: the rest is lost, the next line starts anew.
        self._torn = written < len(line)
        if self._torn:
            raise OSError(f"only {written} of {len(line)} bytes were written")

    def close(self) -> None:
        """Close the file; the records stay."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class RunLogReader:
    """Reads what is new in a log that may still grow and may be damaged anywhere.

    `offset` is the byte behind the last whole line read; `broken` counts whole lines
    that were not a JSON object with a kind.
    """

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.path = path
        self.offset = offset
        self.broken = 0

    def read_new(self, limit_bytes: int = 64 * 1024 * 1024) -> list[Record]:
        """Records of the whole lines that were added since the last call.

        An unfinished last line waits for the next call. A log that does not exist yet
        has no records. About `limit_bytes` are read in one call, and more only where a single
        line is longer.
        """
        records: list[Record] = []
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return records
        with file:
            file.seek(self.offset)
            remaining, has_line = limit_bytes, False
            pending: list[bytes] = []
            while remaining > 0 or not has_line:
                size = min(_CHUNK_BYTES, remaining) if remaining > 0 else _CHUNK_BYTES
                if not (chunk := file.read(size)):
                    break
                remaining -= len(chunk)
                head, newline, tail = chunk.rpartition(b"\n")
                if not newline:
                    pending.append(chunk)
                    continue
                has_line = True
                whole = b"".join((*pending, head))
                pending = [tail]
                self.offset += len(whole) + 1
                records.extend(self._parse(whole))
        return records

    def _parse(self, lines: bytes) -> list[Record]:
        # One array parses about twice as fast as its lines one by one.
        try:
            values = orjson.loads(b"[" + b",".join(lines.split(b"\n")) + b"]")
        except orjson.JSONDecodeError:
            values = [self._parse_line(line) for line in lines.split(b"\n") if line]
        records = [value for value in values if isinstance(value, dict) and "kind" in value]
        self.broken += len(values) - len(records)
        return records

    @staticmethod
    def _parse_line(line: bytes) -> object:
        try:
            return orjson.loads(line)
        except orjson.JSONDecodeError:
            return None
