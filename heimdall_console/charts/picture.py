"""A drawing made of character cells, each with the name of a style."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heimdall_console.formatting import plain

Codes = npt.NDArray[np.int32]  # (rows, columns); 0 continues the wide character before it
Styles = npt.NDArray[np.int16]  # (rows, columns); index into the names

SPACE = 32


@dataclass(frozen=True, eq=False)
class Picture:
    """Code points and styles, both (rows, columns); it is not written again."""

    codes: Codes
    styles: Styles
    style_names: tuple[str, ...]

    @property
    def columns(self) -> int:
        """Width in cells."""
        return int(self.codes.shape[1])

    @property
    def row_count(self) -> int:
        """Height in cells."""
        return int(self.codes.shape[0])

    def row(self, number: int) -> list[tuple[str, str]]:
        """Runs of text of one style, from left to right."""
        codes, styles = self.codes[number], self.styles[number]
        text = codes.astype("<u4").tobytes().decode("utf-32-le")
        ends = np.append(np.flatnonzero(styles[1:] != styles[:-1]) + 1, len(styles)).tolist()
        runs = []
        begin = 0
        for end in ends:
            part = text[begin:end]
            if "\0" in part:
                part = part.replace("\0", "")
            if part:
                runs.append((part, self.style_names[styles[begin]]))
            begin = end
        return runs

    def rows(self) -> list[list[tuple[str, str]]]:
        """The runs of every row."""
        return [self.row(number) for number in range(self.row_count)]

    def lines(self) -> list[str]:
        """The text alone, a string a row."""
        return ["".join(text for text, _ in row) for row in self.rows()]

    def changed_cells(self, before: "Picture") -> npt.NDArray[np.bool_]:
        """Which cells differ from those of another picture of the same size."""
        numbers = {name: number for number, name in enumerate(self.style_names)}
        same = np.array([numbers.get(name, -1) for name in before.style_names])
        changed: npt.NDArray[np.bool_] = (self.codes != before.codes) | (
            self.styles != same[before.styles]
        )
        return changed


class Sheet:
    """Cells to write on; what falls outside is cut off.

    Args:
        columns: Width in cells.
        rows: Height in cells.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.columns = max(0, columns)
        self.rows = max(0, rows)
        self.codes: Codes = np.full((self.rows, self.columns), SPACE, np.int32)
        self.styles: Styles = np.zeros((self.rows, self.columns), np.int16)
        self._names = {"": 0}

    def style(self, name: str) -> int:
        """The number that stands for a style."""
        return self._names.setdefault(name, len(self._names))

    def write(self, column: int, row: int, text: str, style: str = "") -> None:
        """Put text into cells, to the right from `column`; control characters are spelled out."""
        if not 0 <= row < self.rows or not text:
            return
        codes = cell_codes(text)
        begin, end = max(0, column), min(self.columns, column + len(codes))
        if begin >= end:
            return
        part = codes[begin - column : end - column]
        if part[0] == 0:
            part[0] = SPACE
        if end < column + len(codes) and codes[end - column] == 0:
            part[-1] = SPACE
        self.codes[row, begin:end] = part
        self.styles[row, begin:end] = self.style(style)

    def write_right(self, end: int, row: int, text: str, style: str = "") -> None:
        """Put text into cells so that it ends before column `end`."""
        self.write(end - text_width(text), row, text, style)

    def paste(self, column: int, row: int, picture: Picture) -> None:
        """Put a picture into the cells to the right of and below a cell."""
        codes = picture.codes[: max(0, self.rows - row), : max(0, self.columns - column)]
        height, width = codes.shape
        numbers = np.array([self.style(name) for name in picture.style_names], np.int16)
        place = np.s_[row : row + height, column : column + width]
        self.codes[place] = codes
        self.styles[place] = numbers[picture.styles[:height, :width]]

    def picture(self) -> Picture:
        """What was written."""
        return Picture(self.codes, self.styles, tuple(self._names))


def cell_codes(text: str) -> Codes:
    """One code point a cell: wide characters are followed by 0, marks without width left out."""
    if text.isascii() and text.isprintable():
        return np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int32)
    return np.fromiter(_codes(plain(text)), np.int32)


def text_width(text: str) -> int:
    """Cells that `Sheet.write` fills with a text."""
    return (
        len(text) if text.isascii() and text.isprintable() else sum(1 for _ in _codes(plain(text)))
    )


def fitted(text: str, width: int, *, ascii_only: bool = False) -> str:
    """The text, cut at its end to at most `width` cells."""
    text = plain(text)
    if text_width(text) <= width:
        return text
    if width <= 0:
        return ""
    ellipsis = "~" if ascii_only else "…"
    kept, used = [], 0
    for character in text:
        used += text_width(character)
        if used > width - 1:
            break
        kept.append(character)
    return "".join(kept) + ellipsis


def _codes(text: str) -> Iterable[int]:
    for character in text:
        if unicodedata.category(character) in ("Mn", "Me", "Cf"):
            continue
        yield ord(character)
        if unicodedata.east_asian_width(character) in "WF":
            yield 0
