"""Sending only the cells that changed: one method of Textual's compositor, made sparing.

Stock Textual sends a changed span from the left edge of the piece that holds it. A chart whose
newest column has changed would send whole lines, several times a second, over SSH.
"""

from typing import TYPE_CHECKING

from rich.control import Control
from textual._compositor import ChopsUpdate

if TYPE_CHECKING:
    from rich.console import Console


def _render_segments(update: ChopsUpdate, console: "Console") -> str:
    """The spans of an update as control sequences, each cut to the cells that changed."""
    sequences: list[str] = []
    for y, begin, end in update.spans:
        for piece_end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=True):
            if strip is None or x >= end or piece_end <= begin:
                continue
            first, last = max(x, begin), min(piece_end, end)
            sequences.append(Control.move_to(first, y).segment.text)
            sequences.append(strip.crop(first - x, last - x).render(console))
    return "".join(sequences)


def send_changed_cells_only() -> None:
    """Replace the method, once for the process; tested against Textual 8."""
    ChopsUpdate.render_segments = _render_segments  # type: ignore[method-assign]
