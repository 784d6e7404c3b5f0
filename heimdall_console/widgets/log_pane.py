"""What happened in a run, line by line: followed, searched, filtered by level, pointed at."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.message import Message

from heimdall_console.charts.picture import Picture, Sheet, fitted, text_width
from heimdall_console.run_lines import LEVELS, Level, LogLine
from heimdall_console.widgets.cells import Cells

if TYPE_CHECKING:
    from textual import events

_STYLES: Final[dict[Level, str]] = {
    "debug": "muted",
    "info": "accent",
    "warning": "warning",
    "error": "error",
}
_LEVEL_NAMES: Final[dict[Level, str]] = {
    "debug": "all, with debugging",
    "info": "all",
    "warning": "warnings and errors",
    "error": "errors",
}
_KIND_WIDTH: Final = 10
_WHEEL_LINES: Final = 3


class LogPane(Cells, can_focus=True):
    """Follows its end until somebody points at a line; `G` or `end` follows again."""

    HELP: ClassVar[str] = (
        "The log of the run. Pointing at a line moves the cursor of the charts to its time, and "
        "the line next to the cursor of the charts is pointed at here."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "point(1)", "next line"),
        Binding("k,up", "point(-1)", "line before"),
        Binding("g,home", "point_at_first", "first line"),
        Binding("G,end", "follow", "follow the end"),
        Binding("pagedown", "point_page(1)", "page down"),
        Binding("pageup", "point_page(-1)", "page up"),
        Binding("n", "find(1)", "next match"),
        Binding("N", "find(-1)", "match before"),
        Binding("slash", "screen.search_log", "search", show=False),
        Binding("enter", "open", "show the whole line"),
    ]

    class Pointed(Message):
        """A person pointed at a line.

        Args:
            line: Which; None where the end is followed again.
        """

        def __init__(self, line: LogLine | None) -> None:
            self.line = line
            super().__init__()

    class Opened(Message):
        """A person wants to see all of a line.

        Args:
            text: What it says, with the lines that continue it.
        """

        def __init__(self, text: str) -> None:
            self.text = text
            super().__init__()

    class SearchWanted(Message):
        """A person wants to search."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.title = "log"
        self.level: Level = "info"
        self._all: Sequence[LogLine] = ()
        self._shown: list[LogLine] = []
        self._pointed: int | None = None
        self._top: int | None = None
        self._search = ""
        self._found: list[int] | None = None
        """Lines that hold what is searched, once they are looked for."""

    @property
    def is_following(self) -> bool:
        """Whether the end is shown, whatever is added."""
        return self._top is None and self._pointed is None

    @property
    def pointed_line(self) -> LogLine | None:
        """The line that is pointed at."""
        return self._shown[self._pointed] if self._pointed is not None else None

    def show(self, lines: Sequence[LogLine], title: str = "log") -> None:
        """Show other lines, or the same with more behind them."""
        if lines is self._all and title == self.title:
            return
        if title != self.title:
            self._pointed = self._top = None
        self.title, self._all = title, lines
        self._choose()

    def show_level(self, level: Level) -> None:
        """Show only lines of this level or a graver one."""
        pointed = self.pointed_line
        self.level = level
        self._choose()
        self._pointed = None
        if pointed is not None and pointed in self._shown:
            self._pointed = self._shown.index(pointed)
        self.redraw()

    def search(self, text: str) -> None:
        """Mark what matches, and point at the last match."""
        self._search = text.lower()
        self._found = None
        if self._search:
            self._find_from(len(self._shown), -1)
        self.redraw()

    def point_at_time(self, time_s: float | None) -> None:
        """Point at the last line that was not written after a time; None points at none."""
        pointed = None
        if time_s is not None:
            for number, line in enumerate(self._shown):
                if line.time_s is None:
                    continue
                if line.time_s > time_s + 1e-6:
                    break
                pointed = number
        self._point(pointed, is_told=False)

    def hold(self) -> None:
        """Stay where it is, or follow the end again."""
        self._top = self._first_row() if self.is_following else None
        self._pointed = None
        self.redraw()

    def action_point(self, lines: int) -> None:
        """Point at a line further down or up."""
        if not self._shown:
            return
        last = len(self._shown) - 1
        begin = last + (lines < 0) if self._pointed is None else self._pointed
        self._point(min(max(0, begin + lines), last))

    def action_point_page(self, pages: int) -> None:
        """Point a page further down or up."""
        self.action_point(pages * max(1, self.size.height - 2))

    def action_point_at_first(self) -> None:
        """Point at the first line."""
        self._point(0 if self._shown else None)

    def action_follow(self) -> None:
        """Follow the end again."""
        self._top = None
        self._point(None)

    def action_find(self, direction: int) -> None:
        """Point at the next match."""
        if not self._search:
            self.post_message(self.SearchWanted())
            return
        begin = self._pointed if self._pointed is not None else len(self._shown)
        self._find_from(begin, direction)

    def action_open(self) -> None:
        """Show the whole line."""
        begin = self._pointed if self._pointed is not None else len(self._shown) - 1
        if begin < 0:
            return
        while begin > 0 and not self._shown[begin].kind and self.title == "log":
            begin -= 1
        end = begin + 1
        while end < len(self._shown) and not self._shown[end].kind and self.title == "log":
            end += 1
        first = self._shown[begin]
        rows = [line.text for line in self._shown[begin:end]]
        heading = f"{_clock(first.time_s)}  {first.kind}".strip()
        self.post_message(self.Opened("\n".join([heading, *rows] if heading else rows)))

    def on_click(self, event: "events.Click") -> None:
        """Point at the line under the mouse."""
        number = self._first_row() + event.y - 1
        if event.y >= 1 and 0 <= number < len(self._shown):
            if event.chain == 2:
                self.action_open()
            else:
                self._point(number)

    def on_mouse_scroll_up(self, event: "events.MouseScrollUp") -> None:
        """Look further up; nothing is followed then."""
        event.stop()
        self._scroll(-_WHEEL_LINES)

    def on_mouse_scroll_down(self, event: "events.MouseScrollDown") -> None:
        """Look further down; at the end it is followed again."""
        event.stop()
        self._scroll(_WHEEL_LINES)

    def draw(self, columns: int, rows: int) -> Picture:
        """A line that says what is shown, and the lines."""
        sheet = Sheet(columns, rows)
        self._draw_title(sheet)
        begin = self._first_row()
        for row, line in enumerate(self._shown[begin : begin + rows - 1], start=1):
            self._draw_line(sheet, row, line, is_pointed=begin + row - 1 == self._pointed)
        if not self._shown and rows > 1:
            sheet.write(1, 1, "Nothing yet" if not self._all else "No line of this level", "muted")
        return sheet.picture()

    def _draw_title(self, sheet: Sheet) -> None:
        rule = (
            ("=" if self.ascii_only else "━")
            if self.has_focus
            else ("-" if self.ascii_only else "─")
        )
        sheet.write(0, 0, rule * sheet.columns, "accent" if self.has_focus else "rule")
        sheet.write(1, 0, f" {self.title} ", "accent" if self.has_focus else "strong")
        parts = []
        if self.title == "log" and self.level != "info":
            parts.append(_LEVEL_NAMES[self.level])
        if self._search:
            matches = self._matches()
            here = sum(1 for at in matches if self._pointed is not None and at <= self._pointed)
            parts.append(f"/{self._search}  {here} of {len(matches)}")
        if not self.is_following:
            behind = len(self._shown) - self._first_row() - (sheet.rows - 1)
            parts.append(f"held, {behind:,} below" if behind > 0 else "held")
        if parts:
            text = fitted("   ".join(parts), max(0, sheet.columns - 20), ascii_only=self.ascii_only)
            sheet.write_right(sheet.columns - 1, 0, f" {text} ", "warning")

    def _draw_line(self, sheet: Sheet, row: int, line: LogLine, *, is_pointed: bool) -> None:
        column = 1
        if is_pointed:
            sheet.write(0, row, " " * sheet.columns, "selected")
            sheet.write(0, row, ">" if self.ascii_only else "▌", "selected")
        if self.title == "log":
            clock = _clock(line.time_s)
            sheet.write(column, row, f"{clock:<8}", "selected" if is_pointed else "muted")
            style = "selected" if is_pointed else _STYLES[line.level]
            sheet.write(column + 10, row, fitted(line.kind, _KIND_WIDTH), style)
            column += 10 + _KIND_WIDTH + 2
        text = fitted(line.text, sheet.columns - column, ascii_only=self.ascii_only)
        plain_style = "muted" if line.level == "debug" else "plain"
        sheet.write(column, row, text, "selected" if is_pointed else plain_style)
        if self._search:
            self._mark_matches(sheet, row, column, text)

    def _mark_matches(self, sheet: Sheet, row: int, column: int, text: str) -> None:
        lowered, at = text.lower(), 0
        while (at := lowered.find(self._search, at)) >= 0:
            end = at + len(self._search)
            sheet.write(column + text_width(text[:at]), row, text[at:end], "match")
            at = end

    def _choose(self) -> None:
        """Choose the lines of the level; what was pointed at stays it."""
        pointed = self.pointed_line
        self._found = None
        least = LEVELS.index(self.level)
        if least == 0 or self.title != "log":
            self._shown = list(self._all)
        else:
            graver = frozenset(LEVELS[least:])
            self._shown = [line for line in self._all if line.level in graver]
        if self._pointed is not None and (
            self._pointed >= len(self._shown) or self._shown[self._pointed] is not pointed
        ):
            self._pointed = self._shown.index(pointed) if pointed in self._shown else None
        self.redraw()

    def _first_row(self) -> int:
        """The line in the first row."""
        room = max(1, self.size.height - 1)
        last_top = max(0, len(self._shown) - room)
        if self._top is None:
            return last_top
        return min(self._top, last_top)

    def _point(self, number: int | None, *, is_told: bool = True) -> None:
        room = max(1, self.size.height - 1)
        if number is None:
            self._top = None
        else:
            top = self._first_row()
            if number < top:
                top = number
            elif number >= top + room:
                top = number - room + 1
            self._top = top
        if number != self._pointed:
            self._pointed = number
            if is_told:
                self.post_message(self.Pointed(self.pointed_line))
        self.redraw()

    def _scroll(self, lines: int) -> None:
        room = max(1, self.size.height - 1)
        last_top = max(0, len(self._shown) - room)
        top = min(max(0, self._first_row() + lines), last_top)
        self._top = None if top == last_top and self._pointed is None else top
        self.redraw()

    def _matches(self) -> list[int]:
        if self._found is None:
            self._found = [n for n, line in enumerate(self._shown) if self._is_match(line)]
        return self._found

    def _is_match(self, line: LogLine) -> bool:
        return self._search in line.text.lower() or self._search in line.kind

    def _find_from(self, begin: int, direction: int) -> None:
        number = begin + direction
        while 0 <= number < len(self._shown):
            if self._is_match(self._shown[number]):
                self._point(number)
                return
            number += direction


def output_lines(lines: Sequence[str]) -> list[LogLine]:
    """What processes printed, as lines of a log."""
    return [LogLine(None, "info", "", line) for line in lines]


def _clock(time_s: float | None) -> str:
    if time_s is None:
        return ""
    try:
        return time.strftime("%H:%M:%S", time.localtime(time_s))
    except (OverflowError, ValueError, OSError):
        return "--:--:--"
