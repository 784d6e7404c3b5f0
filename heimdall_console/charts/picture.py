"""A drawing made of character cells, each with the name of a style."""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache

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
        text, ends, styles = self._runs
        begin, last = number * self.columns, (number + 1) * self.columns
        place = bisect_right(ends, begin)
        runs = []
        while begin < last:
            end = ends[place]
            part = text[begin:end]
            if "\0" in part:
                part = part.replace("\0", "")
            if part:
                runs.append((part, self.style_names[styles[place]]))
            begin, place = end, place + 1
        return runs

    @cached_property
    def _runs(self) -> tuple[str, list[int], list[int]]:
        """The text of all rows, and where each run of one style ends, and its style."""
        text = self.codes.astype("<u4").tobytes().decode("utf-32-le")
        is_last = np.ones(self.codes.shape, bool)
        np.not_equal(self.styles[:, 1:], self.styles[:, :-1], out=is_last[:, :-1])
        places = is_last.reshape(-1).nonzero()[0]
        return text, (places + 1).tolist(), self.styles.reshape(-1)[places].tolist()

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
            (self.styles != same[before.styles]) & (self.codes != SPACE)
        )
        for picture in (self, before):
            # Both halves of a wide character change together.
            is_second = picture.codes[:, 1:] == 0
            if is_second.any():
                either = (changed[:, 1:] | changed[:, :-1]) & is_second
                changed[:, 1:] |= either
                changed[:, :-1] |= either
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
        self.codes[row, begin:end] = codes[begin - column : end - column]
        self.styles[row, begin:end] = self.style(style)
        # A wide character that is cut in two leaves no half.
        if begin > column and codes[begin - column] == 0:
            self.codes[row, begin] = SPACE
        if end < column + len(codes) and codes[end - column] == 0:
            self.codes[row, end - 1] = SPACE

    def fill(self, column: int, row: int, columns: int, rows: int, mark: str, style: str) -> None:
        """Put one character into a rectangle of cells that lies on the sheet."""
        place = np.s_[row : row + rows, column : column + columns]
        self.codes[place] = ord(mark)
        self.styles[place] = self.style(style)

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
        """What was written; blanks take the style before them, which leaves fewer runs."""
        places = np.where(self.codes != SPACE, np.arange(self.columns), 0)
        np.maximum.accumulate(places, axis=1, out=places)
        styles = np.take_along_axis(self.styles, places, axis=1)
        return Picture(self.codes, styles, tuple(self._names))


@lru_cache(maxsize=2048)
def cell_codes(text: str) -> Codes:
    """One code point a cell: wide characters are followed by 0, marks without width left out."""
    if text.isascii() and text.isprintable():
        return np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int32)
    return np.fromiter(_codes(plain(text)), np.int32)


def text_width(text: str) -> int:
    """Cells that `Sheet.write` fills with a text."""
    return len(cell_codes(text))


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
