"""Values to text: numbers with their unit, ages, and foreign text made harmless."""

import math
import re
import unicodedata

# Control characters, marks that reorder, hide or join text, letters without a picture, and halves
# of surrogate pairs.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e01ef]"
)

GIB = float(2**30)
"""Bytes; the unit of memory."""


def plain(text: object, *, keep_lines: bool = False) -> str:
    """Text we did not write, fit to print: what a terminal would obey is spelled out.

    Args:
        text: Anything; its string form is shown.
        keep_lines: Whether line ends stay, for text of several lines.
    """

    def spelled(match: re.Match[str]) -> str:
        character = match[0]
        if character == "\n" and keep_lines:
            return character
        if character == "\t":
            return " "
        code = ord(character)
        if code < 0x100:
            return f"\\x{code:02x}"
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return _UNSAFE.sub(spelled, str(text))


def cell_width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def shortened(text: str, width: int) -> str:
    """The text in at most `width` columns, with an ellipsis where it was cut."""
    if cell_width(text) <= width:
        return text
    kept, used = [], 0
    for character in text:
        used += cell_width(character)
        if used > width - 1:
            break
        kept.append(character)
    return "".join(kept) + "…"


def count(value: int) -> str:
    """A whole number with thousands marked."""
    return f"{value:,}"


def counted(value: int, noun: str) -> str:
    """A number with its noun, in the plural unless it is one."""
    return f"{value:,} {noun}{'' if value == 1 else 's'}"


def number(value: float, digits: int = 4) -> str:
    """A number in about `digits` significant digits, without an exponent where readable."""
    if not math.isfinite(value):
        return {"nan": "NaN", "inf": "∞", "-inf": "-∞"}[str(value)]
    if value == 0:
        return "0"
    if 1e-4 <= abs(value) < 1e6:
        decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
        return f"{value:,.{decimals}f}"
    return f"{value:.{max(1, digits - 2)}e}"


def meters(value: float | None) -> str:
    """A distance in meters, finer below 10 m, kilometers from 10 km on."""
    if value is None:
        return "-"
    if not math.isfinite(value):
        return number(value)
    if abs(value) >= 10_000:
        return f"{value / 1000:,.1f} km"
    return f"{value:,.{1 if abs(value) >= 10 else 2}f} m"


def percent(share: float | None) -> str:
    """A share of one as a percentage."""
    if share is None:
        return "-"
    return f"{100 * share:.1f} %" if math.isfinite(share) else number(share)


def metric(name: str, value: float) -> str:
    """A metric's value in the unit that its name carries (`val/median_m`)."""
    quantity = name.rpartition("/")[2]
    if quantity.endswith("_m"):
        return meters(value)
    if quantity.startswith(("coverage_", "within_")) or quantity.endswith("_share"):
        return percent(value)
    return number(value)


def gibibytes(size_bytes: float) -> str:
    """Bytes of memory as a number of GiB, the unit of RAM and of GPUs."""
    scaled = size_bytes / GIB
    return f"{scaled:,.{1 if scaled >= 1 or scaled == 0 else 2}f}"


def memory(size_bytes: float) -> str:
    """Bytes of memory, of the machine or of a GPU."""
    return f"{gibibytes(size_bytes)} GiB"


def size(size_bytes: float) -> str:
    """Bytes of files and disks in decimal units, as disks are sold."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= factor:
            scaled = size_bytes / factor
            return f"{scaled:.{0 if scaled >= 10 else 1}f} {unit}"
    return f"{int(size_bytes)} B"


def duration(seconds: float) -> str:
    """A time span in its two largest units."""
    if not math.isfinite(seconds):
        return "-"
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"


def age(seconds: float) -> str:
    """How long ago something was, in one unit."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    return "just now"
