"""The memory of a GPU as bars with figures: what a run holds, what others hold, how much there is."""

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from heimdall_console.charts.picture import Picture, Sheet
from heimdall_console.formatting import gibibytes

_LEAST_BAR: Final = 8
_BAR_ROWS: Final = 5
_SHORT_NAMES: Final = {"allocated": "alloc", "reserved": "resv", "others": "other", "total": "of"}


@dataclass(frozen=True)
class MemoryFigures:
    """Bytes; None where nobody can say."""

    allocated: float | None = None
    reserved: float | None = None
    peak: float | None = None
    others: float | None = None
    """Held by other processes."""
    total: float | None = None


class _Bar(NamedTuple):
    name: str
    size: float | None
    style: str


def draw_memory_bars(
    figures: MemoryFigures, columns: int, rows: int, *, ascii_only: bool = False
) -> Picture:
    """A bar a line, or where there are fewer than five lines all of it in one bar.

    Args:
        figures: What to show.
        columns: Width in cells.
        rows: Height in cells.
        ascii_only: Whether only ASCII characters may be used.
    """
    sheet = Sheet(columns, rows)
    if figures.total is not None and figures.total < 1:
        figures = replace(figures, total=None)
    bars = [
        _Bar("allocated", figures.allocated, "series-1"),
        _Bar("reserved", figures.reserved, "series-2"),
        _Bar("peak", figures.peak, "series-4"),
        _Bar("others", figures.others, "other"),
        _Bar("total", figures.total, "label"),
    ]
    if rows >= _BAR_ROWS:
        _draw_each(sheet, bars, figures.total, ascii_only=ascii_only)
    elif rows:
        _draw_stacked(sheet, figures, ascii_only=ascii_only)
        if rows > 1:
            _draw_figures(sheet, bars)
    return sheet.picture()


def memory_text(size: float | None) -> str:
    """Bytes as a number of GiB."""
    return "n/a" if size is None else gibibytes(size)


def bar_text(share: float, width: int, *, ascii_only: bool) -> str:
    """A share of a width as a bar; what is there is seen, however little it is."""
    share = min(max(share, 0.0), 1.0)
    halves = max(round(share * width * 2), 1 if share > 0 else 0)
    if ascii_only:
        return "=" * ((halves + 1) // 2)
    return "━" * (halves // 2) + "╸" * (halves % 2)


def _draw_each(sheet: Sheet, bars: list[_Bar], total: float | None, *, ascii_only: bool) -> None:
    names = max(len(bar.name) for bar in bars)
    texts = [f"{memory_text(bar.size)} GiB" if bar.size is not None else "n/a" for bar in bars]
    shares = ["" if not total or bar.size is None else f"{bar.size / total:4.0%}" for bar in bars]
    figures = max(map(len, texts))
    has_shares = sheet.columns >= names + figures + 6 + 3 * _LEAST_BAR
    width = sheet.columns - names - figures - 2 - (6 if has_shares else 0)
    largest = total or max((bar.size or 0.0 for bar in bars), default=0.0) or 1.0
    track = "." if ascii_only else "─"
    for row, (bar, text, share) in enumerate(zip(bars, texts, shares, strict=True)):
        sheet.write(0, row, bar.name, "label")
        sheet.write_right(sheet.columns - (6 if has_shares else 0), row, text, "value")
        if has_shares:
            sheet.write_right(sheet.columns, row, share, "label")
        if width < _LEAST_BAR or bar.size is None:
            continue
        sheet.write(names + 1, row, track * width, "grid")
        drawn = bar_text(bar.size / largest, width, ascii_only=ascii_only)
        sheet.write(names + 1, row, drawn, bar.style)


def _draw_stacked(sheet: Sheet, figures: MemoryFigures, *, ascii_only: bool) -> None:
    """Allocated, the rest of what is reserved, and others after one another; the peak as a mark."""
    width = sheet.columns
    allocated, reserved = figures.allocated or 0.0, figures.reserved or 0.0
    others = figures.others or 0.0
    used = max(allocated, reserved) + others
    total = max(figures.total or max(used, figures.peak or 0.0), 1.0)
    solid, medium, light, free, mark = "#=%.|" if ascii_only else "█▓░·│"
    ends = [allocated, max(allocated, reserved), used]
    cells = [min(width, round(end / total * width)) for end in ends]
    sheet.write(0, 0, free * width, "grid")
    sheet.write(0, 0, solid * cells[0], "series-1")
    sheet.write(cells[0], 0, medium * (cells[1] - cells[0]), "series-2")
    sheet.write(cells[1], 0, light * (cells[2] - cells[1]), "other")
    if figures.peak is not None:
        sheet.write(min(width - 1, round(figures.peak / total * width)), 0, mark, "series-4-mark")


def _draw_figures(sheet: Sheet, bars: list[_Bar]) -> None:
    names = {bar.name: bar.name for bar in bars}
    if sum(len(bar.name) + len(memory_text(bar.size)) + 3 for bar in bars) + 2 > sheet.columns:
        names |= _SHORT_NAMES
    column = 0
    for bar in bars:
        text = memory_text(bar.size) + (" GiB" if bar.name == "total" and bar.size else "")
        name = names[bar.name]
        if column + len(name) + 1 + len(text) > sheet.columns:
            return
        sheet.write(column, 1, name, "label")
        sheet.write(column + len(name) + 1, 1, text, bar.style)
        column += len(name) + len(text) + 3
