"""What commands leave behind: JSON on standard output, and files that are not overwritten."""

import os
import re
import sys
from pathlib import Path
from typing import Final

from training_core.contract.errors import HeimdallError, UsageError
from training_core.contract.files import write_atomic

_CONTROLS: Final = re.compile("[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def json_text(value: object, *, indent: bool = False) -> str:
    """One JSON document; numbers that JSON lacks become null.

    Characters that a terminal obeys or that turn text around are escaped: JSON itself asks
    that of the first 32 only.
    """
    import orjson

    option = orjson.OPT_NON_STR_KEYS | (orjson.OPT_INDENT_2 if indent else 0)
    text = orjson.dumps(value, option=option, default=str).decode()
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def print_json(value: object, *, indent: bool = True) -> None:
    """Print one JSON document."""
    sys.stdout.write(json_text(value, indent=indent) + "\n")
    sys.stdout.flush()


def write_new_file(path: Path, text: str, *, replace: bool) -> None:
    """Write a text file whole.

    Raises:
        UsageError: It exists and must not be replaced.
        HeimdallError: It cannot be written.
    """
    # Unlike that of a path, this one has no error for a name that is too long.
    if os.path.exists(path) and not replace:
        raise UsageError(
            f"{path} exists already",
            unharmed="It was not changed",
            action="Choose another name, or add --force",
        )
    try:
        write_atomic(path, text.encode(), mode=0o644)
    except OSError as error:
        raise HeimdallError(
            f"{path} could not be written",
            why=error.strerror or str(error),
            unharmed="Nothing was changed",
            action="Choose a folder that exists and is writable",
        ) from error
