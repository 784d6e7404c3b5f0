"""Which columns of a table of runs fit into a width, and how wide each becomes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heimdall_console.run_columns import Column

MARGIN: Final = 2
"""Cells before the first column: the cursor, and whether the run is marked."""
GAP: Final = 2
_FIXED: Final = ("state", "name")
_WIDEST: Final[dict[str, int]] = {"name": 40, "experiment": 32, "curve": 40, "reason": 80}


@dataclass(frozen=True)
class Placed:
    """A column at its place."""

    column: "Column"
    start: int
    width: int


def place_columns(
    columns: "Sequence[Column]", width: int, longest_name: int, shift: int = 0
) -> tuple[list[Placed], int]:
    """The columns that are shown.

    Where there are too many, those that may be dropped go. Shifted to the left, all but state and
    name, the columns come in their order, so that each can be seen.

    Args:
        columns: In their order.
        width: Cells of the table.
        longest_name: Cells of the longest name.
        shift: Columns that are shifted out at the left.

    Returns:
        The columns at their places, and how many are not seen that a shift may show.
    """
    kept = list(columns)
    if shift:
        others = [column for column in columns if column.id not in _FIXED]
        kept = [column for column in columns if column.id in _FIXED]
        kept += others[min(shift, max(0, len(others) - 1)) :]
    else:
        while _needed(kept) > width:
            droppable = [column for column in kept if column.drops]
            if not droppable:
                break
            kept.remove(max(droppable, key=lambda column: column.drops))
    hidden = len(kept) if shift else len(columns)
    widths = {column.id: column.width for column in kept}
    left = width - _needed(kept)
    for known, widest in _WIDEST.items():
        if left > 0 and known in widths:
            wanted = min(widest, longest_name) if known == "name" else widest
            more = min(left, max(0, wanted - widths[known]))
            widths[known] += more
            left -= more
    placed: list[Placed] = []
    start = MARGIN
    for column in kept:
        room = width - start
        if room < min(4, widths[column.id]):
            break
        placed.append(Placed(column, start, min(widths[column.id], room)))
        start += widths[column.id] + GAP
    return placed, hidden - len(placed)


def _needed(columns: "Sequence[Column]") -> int:
    return MARGIN + sum(column.width + GAP for column in columns) - GAP
