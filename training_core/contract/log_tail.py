"""Reading a run log from its end: the cost does not grow with its length."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training_core.contract.files import open_regular
from training_core.contract.run_log import (
    LONGEST_LINE_BYTES,
    Record,
    last_record_inside,
    parse_line,
)

_TAIL_BYTES: Final = 8 * 1024
_BLOCK_BYTES: Final = 1024 * 1024
# Only our writer appends to a log, and it writes no spaces. The same text inside a message
# has its quotes escaped; inside an object of another record, the parsed line shows it.
_STATE: Final = b'"kind":"state"'
_TASK: Final = b'"kind":"task"'


@dataclass(frozen=True)
class LogTail:
    """What the end of a log says."""

    whole_bytes: int
    """The byte behind the last whole line; 0 where there is none."""
    state: Record | None
    """Last `state` record, where one was found."""
    task: Record | None
    """Last `task` record of the training in the last few kilobytes."""
    time_s: float | None
    """When the last record was written."""


_NOTHING: Final = LogTail(0, None, None, None)


def read_tail(path: Path, *, from_byte: int | None = None) -> LogTail:
    """Read the end of a log.

    Args:
        path: The log; it may be missing, damaged and growing.
        from_byte: The last `state` record is looked for from the end back to here, however
            far that is; in the last few kilobytes only when None.
    """
    try:
        descriptor = open_regular(path)
    except OSError:
        return _NOTHING
    try:
        begin = max(0, os.fstat(descriptor).st_size - _TAIL_BYTES)
        tail = os.pread(descriptor, _TAIL_BYTES, begin)
        end = tail.rfind(b"\n") + 1
        # A line that begins before the tail is left to the search backwards.
        start = min(end, tail.find(b"\n") + 1) if begin else 0
        lines = tail[start:end]
        state = next(filter(_is_state, _found_backwards(lines, _STATE)), None)
        if state is None and from_byte is not None and begin + start > from_byte:
            state = _search_back(descriptor, begin + (start or end), from_byte)
        task = next(filter(_is_of_training, _found_backwards(lines, _TASK)), None)
        whole_bytes = begin + end if end else from_byte or 0
        return LogTail(whole_bytes, state, task, _time_of_last(lines))
    except OSError:
        return _NOTHING
    finally:
        os.close(descriptor)


def _is_state(record: Record) -> bool:
    return record["kind"] == "state" and isinstance(record.get("status"), str)


def _is_of_training(record: Record) -> bool:
    return record["kind"] == "task" and record.get("name") == "train"


def _found_backwards(lines: bytes, mark: bytes) -> Iterator[Record]:
    """Records of the whole lines that hold a mark, the last one first."""
    found = len(lines)
    while (found := lines.rfind(mark, 0, found)) >= 0:
        start = lines.rfind(b"\n", 0, found) + 1
        record = _parsed(lines[start : lines.find(b"\n", found)])
        if record is not None:
            yield record
        found = start


def _time_of_last(lines: bytes) -> float | None:
    while lines:
        start = lines.rfind(b"\n", 0, -1) + 1
        record = _parsed(lines[start:-1])
        if record is not None and isinstance(record.get("t"), int | float):
            return float(record["t"])
        lines = lines[:start]
    return None


def _search_back(descriptor: int, end: int, from_byte: int) -> Record | None:
    """The last `state` record whose line lies between two places, in blocks from the end."""
    while end > from_byte:
        begin = max(from_byte, end - _BLOCK_BYTES)
        block = os.pread(descriptor, end - begin, begin)
        while end > begin and (found := block.rfind(_STATE, 0, end - begin)) >= 0:
            end, line = _line_around(descriptor, begin + found)
            record = _parsed(line)
            if record is not None and _is_state(record):
                return record
        if end > begin:
            # The mark may lie across the border of two blocks.
            end = begin + len(_STATE) - 1 if begin > from_byte else from_byte
    return None


def _line_around(descriptor: int, place: int) -> tuple[int, bytes]:
    """Where the line begins that holds a byte of the file, and the line; empty if it is torn."""
    begin, head, size = place, b"", _TAIL_BYTES
    while begin > 0 and b"\n" not in head and len(head) < LONGEST_LINE_BYTES:
        size = min(2 * size, begin)
        begin -= size
        head = os.pread(descriptor, size, begin) + head
    head = head[head.rfind(b"\n") + 1 :]
    tail, size = b"", _TAIL_BYTES
    while b"\n" not in tail and len(tail) < LONGEST_LINE_BYTES:
        size *= 2
        chunk = os.pread(descriptor, size, place + len(tail))
        if not chunk:
            break
        tail += chunk
    end = tail.find(b"\n")
    return place - len(head), head + tail[:end] if end >= 0 else b""


def _parsed(line: bytes) -> Record | None:
    return parse_line(line) or last_record_inside(line)
