"""What an ONNX file says of itself, read past its graph: nothing of the graph is loaded."""

import os
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from training_core.contract.files import open_regular

_METADATA_FIELD: Final = 14
_MOST_BYTES: Final = 4 * 1024 * 1024
_PREFIX: Final = "heimdall."


def read_props(path: Path) -> dict[str, Any]:
    """The fields under `heimdall.` of a file's metadata; empty where there are none.

    Raises:
        OSError: The file cannot be read.
    """
    found: dict[str, Any] = {}
    with os.fdopen(open_regular(path), "rb") as file:
        end = os.fstat(file.fileno()).st_size
        try:
            while file.tell() < end:
                field, kind = divmod(_varint(file), 8)
                if kind == 2:
                    length = _varint(file)
                    if field == _METADATA_FIELD and length <= _MOST_BYTES:
                        key, value = _entry(file.read(length))
                        if key.startswith(_PREFIX):
                            found[key.removeprefix(_PREFIX)] = orjson.loads(value)
                    else:
                        file.seek(length, os.SEEK_CUR)
                elif kind == 0:
                    _varint(file)
                else:
                    file.seek({1: 8, 5: 4}[kind], os.SEEK_CUR)
        except (ValueError, KeyError, OverflowError):
            # A damaged file says what could be read of it.
            return found
    return found


def _entry(content: bytes) -> tuple[str, str]:
    """Key and value of a `StringStringEntryProto`."""
    parts, place = {1: b"", 2: b""}, 0
    while place < len(content):
        field, place = content[place] >> 3, place + 1
        length, shift = 0, 0
        while True:
            byte, place = content[place], place + 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        parts[field], place = content[place : place + length], place + length
    return parts[1].decode(), parts[2].decode()


def _varint(file: BinaryIO) -> int:
    value, shift = 0, 0
    while True:
        byte = file.read(1)
        if not byte or shift > 63:
            raise ValueError("no number")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
        shift += 7
