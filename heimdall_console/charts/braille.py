"""A canvas of dots, eight to a braille cell, with characters on top of them, for the command line.

It is made without numpy, whose import alone would take a third of the time in which a command has
to answer; the screens of the console draw on `charts.canvas`, whole arrays at a time.
"""

from typing import Final

# Bit of the dot at (column, row) inside a cell of 2 x 4 dots.
_BITS: Final = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_ASCII: Final = " .:-=+*#@"


class Canvas:
    """Dots and characters; dot (0, 0) is at the top left.

    Args:
        columns: Width in cells; twice as many dots.
        rows: Height in cells; four times as many dots.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.columns = columns
        self.rows = rows
        self._dots = [bytearray(columns) for _ in range(rows)]
        self._marks: dict[tuple[int, int], str] = {}
        self._groups: dict[tuple[int, int], str] = {}

    @property
    def width(self) -> int:
        """Dots across."""
        return 2 * self.columns

    @property
    def height(self) -> int:
        """Dots down."""
        return 4 * self.rows

    def dot(self, x: int, y: int, group: str = "") -> None:
        """Set a dot; one outside is ignored. `group` names what its cell belongs to."""
        if 0 <= x < self.width and 0 <= y < self.height:
            column, row = x // 2, y // 4
            self._dots[row][column] |= _BITS[x % 2][y % 4]
            if group:
                self._groups[column, row] = group

    def line(self, start: tuple[int, int], end: tuple[int, int], group: str = "") -> None:
        """Set the dots between two dots."""
        (x0, y0), (x1, y1) = start, end
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for i in range(steps + 1):
            self.dot(round(x0 + (x1 - x0) * i / steps), round(y0 + (y1 - y0) * i / steps), group)

    def mark(self, x: int, y: int, character: str, group: str = "") -> None:
        """Put a character over the cell of a dot."""
        if 0 <= x < self.width and 0 <= y < self.height:
            self._marks[x // 2, y // 4] = character
            self._groups[x // 2, y // 4] = group

    def cells(self, *, ascii_only: bool = False) -> list[list[tuple[str, str]]]:
        """Rows of (character, group)."""
        return [
            [self._cell(column, row, ascii_only) for column in range(self.columns)]
            for row in range(self.rows)
        ]

    def lines(self, *, ascii_only: bool = False) -> list[str]:
        """The canvas as text."""
        return ["".join(c for c, _ in row).rstrip() for row in self.cells(ascii_only=ascii_only)]

    def _cell(self, column: int, row: int, ascii_only: bool) -> tuple[str, str]:
        group = self._groups.get((column, row), "")
        mark = self._marks.get((column, row))
        if mark is not None:
            return mark, group
        bits = self._dots[row][column]
        if not bits:
            return " ", group
        if ascii_only:
            return _ASCII[bits.bit_count()], group
        return chr(0x2800 + bits), group
