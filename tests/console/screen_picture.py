"""A screen as a small SVG that says what is seen and nothing else: one line a row of the screen.

Textual's own picture also shows how the screen was put together: two that look the same differ
where one was drawn in other pieces. Here equal screens are equal files, an eighth as large.
"""

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Final

from rich.cells import cell_len

from heimdall_console.app import HeimdallApp
from heimdall_console.ascii_driver import in_ascii

WIDTH, HEIGHT = 12, 24
"""Of a cell, in the units of the picture."""

_SVG: Final = "{http://www.w3.org/2000/svg}"
# Rich's measures of a cell, and where it begins a line of text.
_RICH_WIDTH, _RICH_HEIGHT, _RICH_BASE, _RICH_TOP = 12.2, 24.4, 20.0, 1.5
_BASE: Final = 18
_NO_COLOR: Final = "#292929"
"""Where a screen leaves the terminal's own color."""
_STYLE: Final = re.compile(r"\.[\w-]+-(r\d+) \{ (.*?) \}")
_FONT: Final = "Fira Code,ui-monospace,Menlo,Consolas,monospace"
_LONGEST_GAP: Final = 6
"""Spaces between two words of one style; more of them cost more than to begin anew."""


@dataclass
class Row:
    """One row of a screen."""

    glyphs: dict[int, tuple[str, str, int]] = field(default_factory=dict)
    """Column → what stands there, how it looks (as CSS), how many columns it takes."""
    backgrounds: dict[int, str] = field(default_factory=dict)
    """Column → color behind it."""

    @property
    def text(self) -> str:
        """What stands in it, without its end."""
        found, end = "", 0
        for column, (glyph, _, width) in sorted(self.glyphs.items()):
            found += " " * (column - end) + glyph
            end = column + width
        return found


@dataclass
class Picture:
    """What a screen shows."""

    columns: int
    rows: list[Row]

    @property
    def text(self) -> str:
        """What stands on it, without colors."""
        return "\n".join(row.text for row in self.rows)

    def svg(self) -> str:
        """It as SVG; the most frequent background is drawn once."""
        counted = Counter(color for row in self.rows for color in row.backgrounds.values())
        behind = counted.most_common(1)[0][0]
        size = f"{WIDTH * self.columns} {HEIGHT * len(self.rows)}"
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" xml:space="preserve"'
            f' font-family="{_FONT}" font-size="20">',
            f'<rect width="100%" height="100%" fill="{behind}"/>',
            *(_drawn(place, row, behind) for place, row in enumerate(self.rows)),
            "</svg>",
        ]
        return "\n".join(lines) + "\n"


def picture_of(app: HeimdallApp, shown_as: Mapping[str, str]) -> Picture:
    """What the terminal is sent of the screen now.

    Args:
        app: The console.
        shown_as: Texts that are others at every time → what stands for them, equally long.
    """
    width, height = app.size
    svg = app.export_screenshot()
    for text, shown in shown_as.items():
        svg = svg.replace(text, shown)
    styles = dict(_STYLE.findall(svg))
    rows = [Row(backgrounds=dict.fromkeys(range(width), _NO_COLOR)) for _ in range(height)]
    picture = Picture(width, rows)
    for element in ElementTree.fromstring(svg).iter():
        at = element.attrib
        if element.tag == f"{_SVG}rect" and "shape-rendering" in at:
            row = picture.rows[round((float(at["y"]) - _RICH_TOP) / _RICH_HEIGHT)]
            for column in range(_cells(at["x"]), _cells(at["x"]) + _cells(at["width"])):
                row.backgrounds[column] = at["fill"]
        elif element.tag == f"{_SVG}text" and (name := at["class"].rpartition("-")[2]) in styles:
            text = (element.text or "").replace("\xa0", " ")
            if text != "\n":
                text = in_ascii(text) if app.ascii_only else text
                row = picture.rows[round((float(at["y"]) - _RICH_BASE) / _RICH_HEIGHT)]
                _put(row, _cells(at["x"]), text, styles[name], _cells(at["textLength"]))
    return picture


def _cells(length: str) -> int:
    return round(float(length) / _RICH_WIDTH)


def _put(row: Row, column: int, text: str, style: str, columns: int) -> None:
    """Put a text in, glyph by glyph; one whose glyphs cannot be told apart stays whole."""
    widths = [cell_len(glyph) for glyph in text]
    if sum(widths) != columns or 0 in widths:
        row.glyphs[column] = text, style, columns
        return
    for glyph, width in zip(text, widths, strict=True):
        if glyph != " " or "decoration" in style:
            row.glyphs[column] = glyph, style, width
        column += width


def _drawn(place: int, row: Row, behind: str) -> str:
    """One row: what lies behind, then what stands on it."""
    top, found = HEIGHT * place, ""
    for column, width, color in _stretches(row.backgrounds):
        if color != behind:
            box = f'x="{WIDTH * column}" y="{top}" width="{WIDTH * width}" height="{HEIGHT}"'
            found += f'<rect {box} fill="{color}"/>'
    for column, width, text, style in _runs(row):
        place_ = f'x="{WIDTH * column}" y="{top + _BASE}" textLength="{WIDTH * width}"'
        found += f"<text {place_} {_attributes(style)}>{escape(text, quote=False)}</text>"
    return found


def _stretches(backgrounds: dict[int, str]) -> list[tuple[int, int, str]]:
    """Column, width, color of what has one color without a break."""
    found: list[tuple[int, int, str]] = []
    for column, color in sorted(backgrounds.items()):
        if found and found[-1][2] == color and sum(found[-1][:2]) == column:
            found[-1] = (found[-1][0], found[-1][1] + 1, color)
        else:
            found.append((column, 1, color))
    return found


def _runs(row: Row) -> list[tuple[int, int, str, str]]:
    """Column, width, text, style of what looks alike, over small gaps."""
    found: list[tuple[int, int, str, str]] = []
    for column, (glyph, style, width) in sorted(row.glyphs.items()):
        if found and found[-1][3] == style:
            begin, before, text, _ = found[-1]
            gap = column - begin - before
            if gap == 0 or (gap <= _LONGEST_GAP and "decoration" not in style):
                found[-1] = (begin, before + gap + width, text + " " * gap + glyph, style)
                continue
        found.append((column, width, glyph, style))
    return found


def _attributes(style: str) -> str:
    """CSS as attributes: `fill: #fff;font-weight: bold` → `fill="#fff" font-weight="bold"`."""
    pairs = (part.split(":") for part in style.split(";") if part.strip())
    return " ".join(f'{name.strip()}="{value.strip()}"' for name, value in pairs)
