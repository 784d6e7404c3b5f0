"""What a run is at: its name and state, how far it is, how fast, and how long it will take."""

from collections.abc import Sequence
from typing import Final

from heimdall_console.charts.memory_bars import bar_text
from heimdall_console.charts.picture import Picture, Sheet, fitted, text_width
from heimdall_console.run_header_line import HeaderLine
from heimdall_console.widgets.cells import Cells

_BAR_LEAST: Final = 10
_BAR_MOST: Final = 48
_BEFORE_BAR: Final = 3
"""Figures that matter more than the bar."""
_GAP: Final = "   "


class RunHeader(Cells):
    """Two lines for one run, one line each for several."""

    DEFAULT_CSS = """
    RunHeader { height: 2; }
    """
    MOST_LINES: Final = 6

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: tuple[HeaderLine, ...] = ()

    def show(self, lines: Sequence[HeaderLine]) -> None:
        """Show other runs, or the same further on."""
        self._lines = tuple(lines)
        height = 2 if len(lines) <= 1 else min(len(lines), self.MOST_LINES)
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height
        self.redraw()

    def draw(self, columns: int, rows: int) -> Picture:
        """The lines."""
        sheet = Sheet(columns, rows)
        if len(self._lines) == 1:
            self._draw_one(sheet, self._lines[0])
        else:
            for row, line in enumerate(self._lines[:rows]):
                self._draw_of_many(sheet, row, line)
        return sheet.picture()

    def _draw_one(self, sheet: Sheet, line: HeaderLine) -> None:
        rule = "-" if self.ascii_only else "─"
        sheet.write(0, 0, rule * sheet.columns, "rule")
        state = f"{line.glyph} {line.status}".strip()
        about = fitted(line.about, max(0, sheet.columns // 3), ascii_only=self.ascii_only)
        room = sheet.columns - text_width(state) - text_width(about) - 9
        name = fitted(line.name, room, ascii_only=self.ascii_only)
        sheet.write(1, 0, f" {name} ", "strong")
        sheet.write(text_width(name) + 4, 0, f" {state} ", f"state-{line.status}")
        if about:
            sheet.write_right(sheet.columns - 1, 0, f" {about} ", "muted")
        if line.end:
            sheet.write(1, 1, fitted(line.end, sheet.columns - 2, ascii_only=self.ascii_only))
        else:
            self._draw_progress(sheet, 1, 1, line)

    def _draw_of_many(self, sheet: Sheet, row: int, line: HeaderLine) -> None:
        pointer = (">" if self.ascii_only else "▸") if line.is_current else " "
        mark = "=" if self.ascii_only else "━"
        sheet.write(0, row, pointer, "accent")
        sheet.write(1, row, f"{row + 1}", "strong")
        sheet.write(3, row, mark * 2, line.style)
        state = f"{line.glyph} {line.status}".strip()
        sheet.write(6, row, state, f"state-{line.status}")
        room = max(12, sheet.columns // 3)
        name = fitted(line.name, room, ascii_only=self.ascii_only)
        sheet.write(19, row, name, "strong" if line.is_current else "plain")
        begin = 19 + room + 2
        if line.end:
            text = fitted(line.end, sheet.columns - begin, ascii_only=self.ascii_only)
            sheet.write(begin, row, text, "muted")
        else:
            self._draw_progress(sheet, row, begin, line)

    def _draw_progress(self, sheet: Sheet, row: int, begin: int, line: HeaderLine) -> None:
        """Figures that give way to a bar, but for the first, and all of it to the width."""
        room = sheet.columns - begin - 1
        figures = list(line.figures)
        bar = _BAR_LEAST + 8 if line.share is not None else 0
        while len(figures) > _BEFORE_BAR and text_width(_GAP.join(figures)) + bar > room:
            figures.pop()
        while figures and text_width(_GAP.join(figures)) > room:
            figures.pop()
        text = _GAP.join(figures)
        left = room - text_width(text) - 3
        if line.share is not None and left >= _BAR_LEAST + 5:
            width = min(_BAR_MOST, left - 5)
            track = "." if self.ascii_only else "─"
            sheet.write(begin, row, track * width, "rule")
            sheet.write(
                begin, row, bar_text(line.share, width, ascii_only=self.ascii_only), "accent"
            )
            sheet.write(begin + width + 1, row, f"{line.share:4.0%}".replace("%", " %"), "strong")
            begin += width + 9
        sheet.write(begin, row, text)
