"""One metric over epochs or steps, as a small line in braille."""

from collections.abc import Callable, Sequence

from heimdall_console.charts.braille import Canvas

_LABEL_WIDTH = 10


def curve_lines(
    points: Sequence[tuple[int, float]],
    columns: int,
    rows: int,
    label: Callable[[float], str],
    *,
    unit: str = "epoch",
    ascii_only: bool = False,
) -> list[str]:
    """The curve with the smallest and largest value at its axis.

    Args:
        points: Epoch or step (counted from 0) and finite value, in their order.
        columns: Width in all.
        rows: Height in all, the epoch axis included.
        label: Value to the text at the axis.
        unit: What the points are counted in.
        ascii_only: Whether braille and lines must not be used.
    """
    canvas = Canvas(max(8, columns - _LABEL_WIDTH - 3), max(2, rows - 2))
    low = min(value for _, value in points)
    high = max(value for _, value in points)
    first = points[0][0]
    reach = points[-1][0] - first or 1
    span = high - low or 1.0
    before: tuple[int, int] | None = None
    for epoch, value in points:
        point = (
            round((epoch - first) / reach * (canvas.width - 1)),
            round((high - value) / span * (canvas.height - 1)),
        )
        canvas.line(before or point, point)
        before = point
    side, corner, floor = "|+-" if ascii_only else "│└─"
    lines = []
    for row, text in enumerate(canvas.lines(ascii_only=ascii_only)):
        name = label(high) if row == 0 else label(low) if row == canvas.rows - 1 else ""
        lines.append(f" {name:>{_LABEL_WIDTH}} {side}{text}")
    lines.append(" " * (_LABEL_WIDTH + 2) + corner + floor * canvas.columns)
    left, right = str(first + 1), f"{unit} {first + reach + 1}"
    lines.append(" " * (_LABEL_WIDTH + 3) + left + right.rjust(canvas.columns - len(left)))
    return lines
