"""Telling a person who looks elsewhere: the terminal's bell and its notification."""

import os
from typing import TextIO

from heimdall_console.formatting import plain


def notify_terminal(stream: TextIO, text: str) -> None:
    """Ring the bell and ask the terminal for a notification; elsewhere nothing is written.

    Args:
        stream: Where a person looks.
        text: One short line.
    """
    if not stream.isatty() or os.environ.get("TERM", "dumb") in ("", "dumb"):
        return
    # OSC 9: terminals that do not know it ignore it up to its end.
    stream.write(f"\x1b]9;{plain(text)}\x1b\\\a")
    stream.flush()
