"""Which columns of a table of records fit into a width, and how wide each becomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from heimdall_console.formatting import cell_width, plain

MARGIN: Final = 2
"""Cells before the first column: the cursor, and whether the record is marked."""
_GAP: Final = 2
_NARROWEST: Final = 6


@dataclass(frozen=True)
class TableColumn:
    """One column."""

    id: str
    title: str
    is_right: bool = False
    """Whether its values end at the right, as numbers do."""
    shrinks: bool = False
    """Whether its values are cut where the table is too wide."""
    least: int = 16
    """Cells that stay of them before other columns are left out."""
    drops: int = 0
    """Rank in which it is left out where the table is too wide, the lowest first; 0 stays."""
    style: str = "cell"
    """Of its values, unless a cell says another."""
    sorts: bool = True
    """Whether a table may be sorted by it."""


@dataclass(frozen=True)
class TableRow:
    """One record."""

    key: str
    """Stays the same as long as the record does."""
    cells: tuple[str, ...]
    """Text of each column; text that we did not write is made harmless here."""
    styles: Mapping[str, str]
    """Column → style of that cell."""
    depth: int = 0
    """Under how many others it lies."""


def place_columns(
    columns: Sequence[TableColumn], titles: Sequence[str], rows: Sequence[TableRow], room: int
) -> list[tuple[int, int, int]]:
    """The columns that fit: number, first cell and width of each.

    Columns without a word are left out. Where there are too many, those that may be dropped go;
    then those that shrink are cut, the widest first.

    Args:
        columns: In their order.
        titles: As they are shown.
        rows: All records.
        room: Cells of the table.
    """
    widths = [
        max(
            [
                cell_width(titles[n]),
                *(cell_width(plain(row.cells[n])) + 2 * row.depth * (n == 0) for row in rows),
            ]
        )
        for n in range(len(columns))
    ]
    kept = [n for n in range(len(columns)) if widths[n]]

    def excess(*, is_cut: bool) -> int:
        """Cells too many, with those that shrink as they are or cut."""
        taken = (
            min(widths[n], columns[n].least) if is_cut and columns[n].shrinks else widths[n]
            for n in kept
        )
        return MARGIN + sum(width + _GAP for width in taken) - _GAP - room

    for n in sorted(kept, key=lambda n: columns[n].drops):
        if excess(is_cut=True) <= 0:
            break
        if columns[n].drops:
            kept.remove(n)
    shrinking = [n for n in kept if columns[n].shrinks]
    too_many = excess(is_cut=False)
    while too_many > 0 and shrinking:
        widest = max(shrinking, key=lambda n: widths[n])
        if widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1
        too_many -= 1
    placed, start = [], MARGIN
    for n in kept:
        width = min(widths[n], room - start)
        if width <= 0:
            break
        placed.append((n, start, width))
        start += width + _GAP
    return placed
