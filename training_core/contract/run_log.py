"""The append-only log of a run: one writer and any number of incremental readers."""

import contextlib
import os
import secrets
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson

from training_core.contract.files import open_regular
from training_core.contract.records import DURABLE, SCHEMA_VERSION, Kind, encode_record

Record = dict[str, Any]

PIECE_BYTES: Final = 256 * 1024
"""How much is read at a time; a reader that folds pieces and drops them needs little memory."""
LONGEST_LINE_BYTES: Final = 16 * 1024 * 1024
"""A longer line is damage: it is passed and counted, never held in memory."""

_COMPLAINT_INTERVAL_S = 60.0
_MOST_WAITING = 1000
_RECORD_START = b'{"v":'
_MOST_ATTEMPTS = 8


class RunLogWriter:
    """Appends records; only the holder of the run's lock may have one.

    Every record is one `write` to a file opened with O_APPEND. Threads may share a writer.
    A disk that refuses never ends the training: `failed` holds its last answer, records of
    the kinds in `DURABLE` wait and are written when it takes them again, the others are lost,
    and a `message` record then says how many.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        self._lock = threading.Lock()
        self._sync_lock = threading.Lock()
        self.failed: OSError | None = None
        self._waiting: list[bytes] = []
        self._lost = 0
        self._unsynced = 0
        self._complaint = ""
        self._complained_at = -_COMPLAINT_INTERVAL_S
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
        is_durable = kind in DURABLE
        with self._lock:
            must_sync = is_durable or bool(self._waiting)
            try:
                if self._waiting or self._lost or self._unsynced:
                    self._catch_up()
                self._write(line)
            except OSError as error:
                self._refused(error)
                if is_durable and len(self._waiting) < _MOST_WAITING:
                    self._waiting.append(line)
                else:
                    self._lost += 1
                return
            self.failed = None
        if must_sync:
            self._sync()

    def _sync(self) -> None:
        # The other lock is free meanwhile: threads that append metrics do not wait for the disk.
        with self._sync_lock:
            try:
                os.fsync(self._descriptor)
            except OSError as error:
                with self._lock:
                    self._refused(error)
                    self._unsynced += 1

    def _refused(self, error: OSError) -> None:
        self.failed = error
        self._complaint = error.strerror or str(error)

    def _catch_up(self) -> None:
        """Write what waits, and say what the disk refused; called while the lock is held."""
        while self._waiting:
            self._write(self._waiting[0])
            del self._waiting[0]
        now = time.monotonic()
        # A disk that stays nearly full takes a record now and then: it is not filled with this.
        if now - self._complained_at < _COMPLAINT_INTERVAL_S:
            return
        texts = []
        if self._lost:
            texts.append(f"{_records(self._lost)} could not be written to this log")
        if self._unsynced:
            texts.append(f"{_records(self._unsynced)} may not have reached the disk")
        if texts:
            text = f"{' and '.join(texts)}: {self._complaint}. The run went on."
            self._write(encode_record("message", time.time(), {"level": "warning", "text": text}))
            self._complained_at, self._lost, self._unsynced = now, 0, 0

    def _write(self, line: bytes) -> None:
        if self._torn:
            line = b"\n" + line
        written = 0
        try:
            while written < len(line):
                written += os.write(self._descriptor, line[written:])
        finally:
            # A disk that filled up inside the line: the next one starts anew.
            self._torn = self._torn if written == 0 else written < len(line)

    def close(self) -> None:
        """Close the file; the records stay, and nothing can be added to them."""
        with self._sync_lock, self._lock:
            if self._descriptor < 0:
                return
            with contextlib.suppress(OSError):
                self._complained_at = -_COMPLAINT_INTERVAL_S
                self._catch_up()
            os.close(self._descriptor)
            # The number may soon name another file: a thread that is late must not write there.
            self._descriptor = -1

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

    Attributes:
        offset: The byte behind the last whole line read.
        broken: Lines that were no record, as far as they could be told apart.
        newer: Records of a schema newer than ours, of which we know a part.
        restarts: How often the log was cut or replaced under us and is read from its start
            again: what was folded from it before is void.
    """

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.path = path
        self.offset = offset
        self.broken = 0
        self.newer = 0
        self.restarts = 0
        self._unfinished_bytes = 0
        self._inode: int | None = None
        # No line holds this: an element of a parsed chunk that is not one line shows.
        self._separator = secrets.token_hex(8)

    def read_new(self, limit_bytes: int = 8 * 1024 * 1024) -> list[Record]:
        """Records of the whole lines that were added since the last call.

        An unfinished last line waits for the next call. A log that does not exist yet, or
        cannot be read now, has no records. About `limit_bytes` are read in one call, and more
        only where they hold no record: an empty answer means that nothing new is there.
        """
        records: list[Record] = []
        try:
            descriptor = open_regular(self.path)
        except OSError:
            return records
        try:
            self._notice_replacement(descriptor)
            remaining = limit_bytes
            while remaining > 0 or not records:
                size = min(PIECE_BYTES, remaining) if remaining > 0 else PIECE_BYTES
                remaining -= size
                lines = self._next_lines(descriptor, size)
                if lines is None:
                    break
                records.extend(self._parse(lines))
        except OSError:
            # A network file system that is away: what was read counts, the rest comes later.
            pass
        finally:
            os.close(descriptor)
        return records

    def _notice_replacement(self, descriptor: int) -> None:
        """Begin anew where the file is another one, or was cut below what was read."""
        status = os.fstat(descriptor)
        is_same = self._inode in (None, status.st_ino)
        is_shorter = status.st_size < self.offset + self._unfinished_bytes
        self._inode = status.st_ino
        # A cut log may have grown again: then no line begins where we stand.
        if (
            is_shorter
            or not is_same
            or (self.offset and os.pread(descriptor, 1, self.offset - 1) != b"\n")
        ):
            self.offset, self._unfinished_bytes = 0, 0
            self.broken, self.newer = 0, 0
            self.restarts += 1

    def _next_lines(self, descriptor: int, size: int) -> bytes | None:
        """About `size` bytes of whole lines, without the last newline; None where there is none."""
        while True:
            chunk = os.pread(descriptor, size, self.offset + self._unfinished_bytes)
            if not chunk:
                return None
            end = chunk.rfind(b"\n")
            if end >= 0:
                break
            # Not read again before its newline is there: its length does not count at every look.
            self._unfinished_bytes += len(chunk)
            size = PIECE_BYTES
        before, lines = self._unfinished_bytes, chunk[:end]
        if before > LONGEST_LINE_BYTES:
            self.broken += 1
            lines = lines.partition(b"\n")[2]
        elif before:
            lines = os.pread(descriptor, before, self.offset) + lines
        self.offset += before + end + 1
        self._unfinished_bytes = 0
        return lines

    def _parse(self, chunk: bytes) -> list[Record]:
        lines = chunk.split(b"\n")
        # One array parses about twice as fast as its lines one by one. Damage may make two
        # lines one element or one line several: then the separators are not where they belong.
        try:
            separator = f',"{self._separator}",'.encode()
            values = orjson.loads(b"[" + separator.join(lines) + b"]")
        except orjson.JSONDecodeError:
            return self._parse_damaged(lines)
        between = len(lines) - 1
        if len(values) != len(lines) + between or values[1::2] != [self._separator] * between:
            return self._parse_damaged(lines)
        records: list[Record] = values[::2]
        if not _are_ours(records):
            records = [value for value in records if is_record(value)]
            self.broken += len(lines) - len(records)
            self._count_newer(records)
        return records

    def _parse_damaged(self, lines: list[bytes]) -> list[Record]:
        records = []
        for line in filter(None, lines):
            record = parse_line(line)
            if record is None:
                self.broken += 1
                record = last_record_inside(line)
            if record is not None:
                records.append(record)
        self._count_newer(records)
        return records

    def _count_newer(self, records: list[Record]) -> None:
        for record in records:
            if (version := record.get("v")) != SCHEMA_VERSION:
                self.newer += isinstance(version, int) and version > SCHEMA_VERSION


def _are_ours(values: list[Any]) -> bool:
    """Whether all are records of our schema, which one pass tells faster than a look at each."""
    try:
        return {(type(value["kind"]), value["v"]) for value in values} == {(str, SCHEMA_VERSION)}
    except (TypeError, KeyError, IndexError):
        return False


def is_record(value: object) -> bool:
    """Whether a parsed line is an object with a kind."""
    return type(value) is dict and type(value.get("kind")) is str


def parse_line(line: bytes) -> Record | None:
    """The record of one line; None where it is damaged."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return value if is_record(value) else None


def last_record_inside(line: bytes) -> Record | None:
    """The undamaged record at the end of a damaged line, whose first newline was overwritten.

    Quotes inside a JSON string are escaped, so what begins a record begins no text.
    """
    start = len(line)
    for _ in range(_MOST_ATTEMPTS):
        start = line.rfind(_RECORD_START, 0, start)
        if start <= 0:
            break
        if (record := parse_line(line[start:])) is not None:
            return record
    return None


def _records(count: int) -> str:
    return f"{count:,} record{'' if count == 1 else 's'}"
