"""Curves and lines as dots in braille, block or ASCII cells, whole arrays at a time.

The command line has a canvas of its own, `charts.braille`, which needs no numpy.
"""

from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from heimdall_console.charts.picture import SPACE, Sheet

Symbols = Literal["braille", "block", "ascii"]
Mask = npt.NDArray[np.bool_]  # (dot rows, dot columns)
Places = npt.NDArray[np.int64]

# Weight of the dot at (row, column) within a cell.
_WEIGHTS: Final[dict[Symbols, npt.NDArray[np.uint8]]] = {
    "braille": np.array([[1, 8], [2, 16], [4, 32], [64, 128]], np.uint8),
    "block": np.array([[1, 2], [4, 8]], np.uint8),
    "ascii": np.array([[1], [2], [4]], np.uint8),
}
_CODES: Final[dict[Symbols, npt.NDArray[np.int32]]] = {
    "braille": np.arange(0x2800, 0x2900, dtype=np.int32),
    "block": np.array([ord(c) for c in " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"], np.int32),
    "ascii": np.array([ord(c) for c in " '-:.::|"], np.int32),
}
for codes in _CODES.values():
    codes[0] = SPACE


def cell_shape(symbols: Symbols) -> tuple[int, int]:
    """Rows and columns of dots in a cell."""
    rows, columns = _WEIGHTS[symbols].shape
    return rows, columns


class Canvas:
    """Dots in layers: in a cell, only the dots of its highest layer are seen.

    Args:
        columns: Width in cells.
        rows: Height in cells.
        symbols: What the dots are made of.
    """

    def __init__(self, columns: int, rows: int, symbols: Symbols = "braille") -> None:
        self.columns = max(1, columns)
        self.rows = max(1, rows)
        self._weights = _WEIGHTS[symbols]
        self._symbols = symbols
        self.cell_height, self.cell_width = self._weights.shape
        self.height = self.rows * self.cell_height
        self.width = self.columns * self.cell_width
        self._bits = np.zeros((self.rows, self.columns), np.uint8)
        self.layers = np.full((self.rows, self.columns), -1, np.int16)
        self._styles = np.zeros((self.rows, self.columns), np.int16)
        self._names = [""]

    @property
    def is_taken(self) -> Mask:
        """Which cells hold dots, (rows, columns)."""
        taken: Mask = self._bits != 0
        return taken

    def layer_at(self, column: int, row: int) -> int:
        """The highest layer with dots in a cell; -1 where there is none."""
        return int(self.layers[row, column])

    def draw(self, mask: Mask, style: str, layer: int = 0) -> None:
        """Set the dots of a mask; on one layer dots add up and the later style counts."""
        parts = mask.reshape(self.rows, self.cell_height, self.columns, self.cell_width)
        bits = np.zeros((self.rows, self.columns), np.uint8)
        for row, weights in enumerate(self._weights.tolist()):
            for column, weight in enumerate(weights):
                bits |= parts[:, row, :, column] * np.uint8(weight)
        self._put(bits, style, layer)

    def spans(
        self, top: Places, bottom: Places, style: str, layer: int = 0, *, dashed: bool = False
    ) -> None:
        """Set in every dot column the dots from `top` to `bottom`, both included.

        Args:
            top: First dot row of each dot column.
            bottom: Last dot row; above `top` where there is nothing.
            style: Name of the style.
            layer: Higher layers cover lower ones.
            dashed: Whether every third pair of dot columns is left out.
        """
        rows = np.arange(self.height)[:, None]
        mask = (rows >= top) & (rows <= bottom)
        if dashed:
            period = 2 * self.cell_width
            mask &= np.arange(self.width) % period < (period + 1) // 2
        self.draw(mask, style, layer)

    def dots(self, x: Places, y: Places, style: str, layer: int = 0) -> None:
        """Set single dots; those outside are left out."""
        inside = (x >= 0) & (x < self.width) & (y >= 0) & (y < self.height)
        mask = np.zeros((self.height, self.width), bool)
        mask[y[inside], x[inside]] = True
        self.draw(mask, style, layer)

    def segments(
        self, x0: Places, y0: Places, x1: Places, y1: Places, style: str, layer: int = 0
    ) -> None:
        """Set the dots between pairs of dots; far ends may lie outside."""
        reach = 4 * max(self.width, self.height)
        ends = [np.clip(end, -reach, reach).astype(np.float64) for end in (x0, y0, x1, y1)]
        steps = np.maximum(np.abs(ends[2] - ends[0]), np.abs(ends[3] - ends[1])).astype(np.int64)
        counts = steps + 1
        if not len(counts):
            return
        which = np.repeat(np.arange(len(counts)), counts)
        along = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        share = along / np.maximum(steps, 1)[which]
        x = np.rint(ends[0][which] + (ends[2] - ends[0])[which] * share).astype(np.int64)
        y = np.rint(ends[1][which] + (ends[3] - ends[1])[which] * share).astype(np.int64)
        self.dots(x, y, style, layer)

    def paint(self, sheet: Sheet, column: int, row: int) -> None:
        """Put the cells that hold dots onto a sheet."""
        height = min(self.rows, sheet.rows - row)
        width = min(self.columns, sheet.columns - column)
        if height <= 0 or width <= 0:
            return
        place = np.s_[row : row + height, column : column + width]
        bits = self._bits[:height, :width]
        numbers = np.array([sheet.style(name) for name in self._names], np.int16)
        taken = bits != 0
        sheet.codes[place][taken] = _CODES[self._symbols][bits][taken]
        sheet.styles[place][taken] = numbers[self._styles[:height, :width]][taken]

    def _put(self, bits: npt.NDArray[np.uint8], style: str, layer: int) -> None:
        self._names.append(style)
        has = bits != 0
        above = has & (self.layers < layer)
        level = has & (self.layers == layer)
        self._bits[above] = bits[above]
        self._bits[level] |= bits[level]
        seen = above | level
        self.layers[seen] = layer
        self._styles[seen] = len(self._names) - 1
