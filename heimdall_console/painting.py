"""Painting each cell once: one method of Textual's compositor, made sparing.

Stock Textual cuts every line of every widget at every edge that any widget has there, also the
lines of containers that lie whole under others. Most of what it cuts is never seen.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, cast

from textual._compositor import Compositor
from textual.geometry import Region
from textual.strip import Strip

if TYPE_CHECKING:
    Pieces = dict[int, Strip | None]


def _render_chops(
    compositor: Compositor, crop: Region, is_rendered_line: Callable[[int], bool]
) -> Sequence[Mapping[int, Strip]]:
    """For each line the pieces that are seen, by the column at which each begins."""
    cuts = compositor.cuts
    lines: list[Pieces] = [dict.fromkeys(line_cuts[:-1]) for line_cuts in cuts]
    unpainted = [set(line) for line in lines]
    # Front to back: what is painted stays.
    for region, clip, strips in compositor._get_renders(crop):
        shown = region.intersection(clip)
        left, right = shown.column_span
        for y, strip in zip(shown.line_range, strips, strict=False):
            if not unpainted[y] or not is_rendered_line(y):
                continue
            # A widget that has just grown may still have lines of its size before.
            end = min(right, left + strip.cell_length)
            inside = [cut for cut in cuts[y] if left <= cut <= end]
            wanted = unpainted[y].intersection(inside[:-1])
            if not wanted:
                continue
            line = lines[y]
            unpainted[y] -= wanted
            if len(wanted) == len(inside) - 1:
                pieces = strip.divide([cut - left for cut in inside[1:]])
                line.update(zip(inside, pieces, strict=False))
                continue
            for begin, after in pairwise(inside):
                if begin in wanted:
                    line[begin] = strip.crop(begin - left, after - left)
    return cast("Sequence[Mapping[int, Strip]]", lines)


def paint_each_cell_once() -> None:
    """Replace the method, once for the process; tested against Textual 8."""
    Compositor._render_chops = _render_chops  # type: ignore[method-assign, assignment]
