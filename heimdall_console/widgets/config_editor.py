"""The text of a configuration, with the lines marked that something is wrong with."""

from collections.abc import Collection
from typing import ClassVar, Final

from rich.style import Style
from rich.text import Text
from textual.widgets import TextArea

from heimdall_console.toml_highlight import Part, parts_of

_COLORS: Final[dict[Part, str]] = {
    "comment": "muted",
    "section": "accent",
    "key": "foreground",
    "string": "series-3",
    "number": "series-2",
    "boolean": "series-4",
}


class ConfigEditor(TextArea):
    """Textual's editor, at rest when nobody types."""

    HELP: ClassVar[str] = (
        "The configuration as TOML, the same as in the form: comments and order stay as they are. "
        "Lines with a problem are underlined; what is wrong stands below. Escape goes back."
    )
    DEFAULT_CSS = """
    ConfigEditor, ConfigEditor:focus {
        border: none;
        padding: 0;
        background: $background;
        color: $foreground;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        & .text-area--gutter { color: $muted; }
        & .text-area--cursor-gutter { color: $foreground; background: $panel; text-style: bold; }
        & .text-area--cursor-line { background: $panel; }
        & .text-area--cursor { text-style: reverse; }
    }
    """

    def __init__(self) -> None:
        super().__init__(
            id="config-editor",
            theme="css",
            soft_wrap=False,
            show_line_numbers=True,
            tab_behavior="focus",
        )
        self.cursor_blink = False
        self._wrong: frozenset[int] = frozenset()

    def show_text(self, text: str) -> None:
        """Take what the form has changed; only the differing part, so that it can be undone."""
        mine = self.text
        if text == mine:
            return
        first = _common(mine, text)
        last = _common(mine[first:][::-1], text[first:][::-1])
        end = len(mine) - last
        place, selection = self.cursor_location, self.selection
        self.replace(
            text[first : len(text) - last],
            _location(mine, first),
            _location(mine, end),
        )
        if selection.start == selection.end:
            self.move_cursor(place)

    def mark_lines(self, lines: Collection[int]) -> None:
        """Mark the lines that something is wrong with, counted from 1."""
        wrong = frozenset(lines)
        if wrong != self._wrong:
            self._wrong = wrong
            # Drawn lines are kept by what Textual knows of them; marks are ours.
            self._line_cache.clear()
            self.refresh()

    def go_to_line(self, line: int) -> None:
        """Put the cursor at the beginning of a line, counted from 1."""
        self.move_cursor((max(0, line - 1), 0), center=True)

    def get_line(self, line_index: int) -> Text:
        """A line in its colors."""
        text = super().get_line(line_index)
        colors = self.app.theme_variables
        for start, end, part in parts_of(text.plain):
            style = Style.parse(_color(colors.get(_COLORS[part], "")))
            text.stylize(style + Style(bold=part == "section"), start, end)
        if line_index + 1 in self._wrong:
            text.stylize(Style.parse(_color(colors.get("error", ""))) + Style(underline=True))
        return text


def _color(value: str) -> str:
    """A color of the theme as rich takes it; none where the theme says it in another way."""
    return value if value.startswith("#") and len(value) == 7 else ""


def _location(text: str, index: int) -> tuple[int, int]:
    """Line and column of a place, counted from 0."""
    before = text[:index]
    return before.count("\n"), index - (before.rfind("\n") + 1)


def _common(first: str, second: str) -> int:
    """How many characters two texts begin with in common."""
    size = min(len(first), len(second))
    if first[:size] == second[:size]:
        return size
    low, high = 0, size
    while low < high:
        middle = (low + high + 1) // 2
        if first[:middle] == second[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
