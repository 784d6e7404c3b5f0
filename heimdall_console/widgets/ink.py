"""Styles of drawn cells, taken from the theme's colors by their meaning.

Component classes would say the same in a stylesheet, but Textual goes through all its rules again
for each of them whenever a screen is shown: with dozens of names a chart, that took longer than
drawing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rich.style import Style
from textual.color import Color

from heimdall_console.status_text import STATUS_STYLES


@dataclass(frozen=True)
class Ink:
    """How something is written."""

    color: str = "foreground"
    """Name of a color of the theme."""
    share: float = 1.0
    """How much of it; the rest is what lies behind."""
    background: str = ""
    """Name of the color behind; that of the widget when empty."""
    bold: bool = False
    underline: bool = False

    def style(self, variables: Mapping[str, str], behind: Color) -> Style:
        """The style in a theme.

        Args:
            variables: The theme's colors by their names.
            behind: Background of the widget.
        """
        if self.background:
            behind = Color.parse(variables[self.background])
        color = behind.blend(Color.parse(variables[self.color]), self.share)
        return Style(
            color=color.rich_color,
            bgcolor=behind.rich_color,
            bold=self.bold or None,
            underline=self.underline or None,
        )


SERIES: Final = {f"series-{n}": Ink(f"series-{n}") for n in range(1, 9)}
"""Inks of curves."""

STATES: Final = {f"state-{status}": Ink(f"state-{status}") for status in STATUS_STYLES}
"""Inks of the states of a run."""
