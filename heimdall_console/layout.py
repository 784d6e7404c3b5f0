"""Aligned text: tables and label-value pairs as lines."""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from heimdall_console.formatting import cell_width, shortened
from heimdall_console.terminal import Style, Terminal

_NARROWEST = 8
_READABLE = 20
# A value and its unit are one word.
_UNIT_GAP = re.compile(r"(?<=\d) (?=(?:[kMG]?B|k?m|min|[dhs]|steps/s|°C|%|×)(?:[\s,;).:]|$))")
_NO_BREAK = "\u00a0"


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    title: str
    right: bool = False
    """Whether its values end at the right, as numbers do."""
    shrinks: bool = False
    """Whether its values are cut where the table is too wide."""
    style: Style = "plain"
    drops: int = 0
    """Rank in which it is left out where the table is too wide, the lowest first; 0 stays."""


def padded(text: str, width: int, *, right: bool = False) -> str:
    """The text with blanks up to a width in columns."""
    blanks = " " * max(0, width - cell_width(text))
    return blanks + text if right else text + blanks


def table_lines(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], terminal: Terminal
) -> list[str]:
    """A table with a dim head; cells are already harmless text."""
    widths = [
        max([cell_width(column.title), *(cell_width(row[i]) for row in rows)])
        for i, column in enumerate(columns)
    ]
    kept = _fitting(columns, widths, terminal.width)
    columns, widths = [columns[i] for i in kept], [widths[i] for i in kept]
    rows = [[row[i] for i in kept] for row in rows]
    excess = sum(widths) + 2 * (len(columns) - 1) + 1 - terminal.width
    shrinking = [i for i, column in enumerate(columns) if column.shrinks]
    while excess > 0 and shrinking:
        widest = max(shrinking, key=lambda i: widths[i])
        if widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1
        excess -= 1

    def line(cells: Sequence[str], styles: Sequence[Style]) -> str:
        parts = []
        for i, (cell, style) in enumerate(zip(cells, styles, strict=True)):
            text = shortened(cell, widths[i])
            last_left = i == len(columns) - 1 and not columns[i].right
            filled = text if last_left else padded(text, widths[i], right=columns[i].right)
            parts.append(terminal.style(filled, style))
        return " " + "  ".join(parts).rstrip()

    head = line([column.title for column in columns], ["dim"] * len(columns))
    return [head, *(line(row, [column.style for column in columns]) for row in rows)]


def _fitting(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    """The columns that a terminal has room for, by their positions."""
    least = [
        min(known, _READABLE) if column.shrinks else known
        for column, known in zip(columns, widths, strict=True)
    ]
    kept = list(range(len(columns)))
    for i in sorted(kept, key=lambda i: columns[i].drops):
        if sum(least[k] for k in kept) + 2 * (len(kept) - 1) + 1 <= width:
            break
        if columns[i].drops:
            kept.remove(i)
    return kept


def pair_lines(pairs: Sequence[tuple[str, str]], terminal: Terminal) -> list[str]:
    """Labels at the left, values wrapped beside them."""
    label_width = max((cell_width(label) for label, _ in pairs), default=0)
    room = max(20, terminal.width - label_width - 4)
    lines = []
    for label, value in pairs:
        whole = _UNIT_GAP.sub(_NO_BREAK, value)
        pieces = [
            piece.replace(_NO_BREAK, " ")
            for piece in textwrap.wrap(whole, room, break_on_hyphens=False, break_long_words=False)
        ] or [""]
        lines.append(f" {terminal.style(padded(label, label_width), 'dim')}  {pieces[0]}".rstrip())
        lines.extend(" " * (label_width + 3) + piece for piece in pieces[1:])
    return lines
