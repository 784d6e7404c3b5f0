"""What the place that is printed to can show: width, colors, Unicode, redrawing."""

import codecs
import os
import shutil
from dataclasses import dataclass
from typing import Literal, TextIO

Style = Literal["plain", "bold", "dim", "accent", "good", "warning", "bad"]

# The sixteen colors of the terminal's own palette, so that any theme of it stays readable.
_CODES: dict[Style, str] = {
    "plain": "",
    "bold": "1",
    "dim": "2",
    "accent": "36",
    "good": "32",
    "warning": "33",
    "bad": "31",
}
_DEFAULT_WIDTH = 100


def character_set(stream: TextIO | None) -> str:
    """Name of the characters that arrive where a stream is printed to, such as `utf-8`."""
    if os.environ.get("LC_ALL") in ("C", "POSIX"):
        # Python writes UTF-8 there; whoever asks for this wants ASCII.
        return "ascii"
    try:
        return codecs.lookup(getattr(stream, "encoding", None) or "ascii").name
    except LookupError:
        return "ascii"


@dataclass(frozen=True)
class Terminal:
    """How to print to one stream."""

    width: int = _DEFAULT_WIDTH
    """Columns; the default where the stream is no terminal."""
    color: bool = False
    """Whether escape codes for color and weight may be sent."""
    unicode: bool = True
    """Whether braille and box characters arrive."""
    interactive: bool = False
    """Whether what stands there can be redrawn."""

    @classmethod
    def of(cls, stream: TextIO) -> "Terminal":
        """Look at a stream and at `NO_COLOR`, `TERM` and `COLUMNS`."""
        is_terminal = stream.isatty()
        capable = is_terminal and os.environ.get("TERM", "dumb") not in ("", "dumb")
        return cls(
            width=max(40, shutil.get_terminal_size((_DEFAULT_WIDTH, 24)).columns),
            color=capable and not os.environ.get("NO_COLOR"),
            unicode=character_set(stream).startswith("utf"),
            interactive=capable,
        )

    def style(self, text: str, style: Style) -> str:
        """The text in a style, or as it is where escape codes are not wanted."""
        code = _CODES[style]
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and code and text else text
