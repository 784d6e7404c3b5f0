"""A list to choose from whose chosen row is seen without colors, too."""

from rich.segment import Segment
from textual.strip import Strip
from textual.widgets import OptionList


class Choices(OptionList):
    """Textual's list; where colors do not tell, a sign stands before what is chosen."""

    def render_line(self, y: int) -> Strip:
        """One line; where there is a sign, all lines make room for it."""
        strip = super().render_line(y)
        ascii_only = bool(getattr(self.app, "ascii_only", False))
        if not (ascii_only or self.app.no_color):
            return strip
        sign = (">" if ascii_only else "▌") if self._begins_chosen(y) else " "
        style = next((segment.style for segment in strip), None)
        # What a line ends with is blank but in a very narrow terminal.
        return Strip.join([Strip([Segment(sign, style)], 1), strip.crop(0, strip.cell_length - 1)])

    def _begins_chosen(self, y: int) -> bool:
        line = self.scroll_offset.y + y
        return line < len(self._lines) and self._lines[line] == (self.highlighted, 0)
