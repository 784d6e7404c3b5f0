"""Sending only the cells that changed: one method of Textual's compositor, made sparing.

Stock Textual sends a changed span from the left edge of the piece that holds it. A chart whose
newest column has changed would send whole lines, several times a second, over SSH.
"""

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.color import ColorSystem
from textual._compositor import ChopsUpdate
from textual.strip import Strip

if TYPE_CHECKING:
    from rich.console import Console
    from rich.style import Style


def _render_segments(update: ChopsUpdate, console: "Console") -> str:
    """The cells of an update that changed as control sequences, those of one style together.

    A style is three times as long as the few cells of a chart that change: it is sent once.
    """
    color_system = console._color_system or ColorSystem.TRUECOLOR
    of_style: dict[Style | None, list[str]] = {}
    for y, begin, end in update.spans:
        for piece_end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=True):
            if strip is None or x >= end or piece_end <= begin:
                continue
            first, last = max(x, begin), min(piece_end, end)
            for text, style, control in strip.crop(first - x, last - x):
                if not control:
                    of_style.setdefault(style, []).append(f"\x1b[{y + 1};{first + 1}H{text}")
                    first += cell_len(text)
    return "".join(
        "".join(parts)
        if style is None
        else Strip.render_style(style, "".join(parts), color_system=color_system)
        for style, parts in of_style.items()
    )


def send_changed_cells_only() -> None:
    """Replace the method, once for the process; tested against Textual 8."""
    ChopsUpdate.render_segments = _render_segments  # type: ignore[method-assign, assignment]
