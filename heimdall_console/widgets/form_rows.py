"""The lines of a configuration form: one a field, drawn only where they are seen."""

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from heimdall_console.config_changes import is_same, value_text
from heimdall_console.formatting import cell_width, plain, shortened
from heimdall_console.widgets.form_messages import FormAsked, FormFolded, FormMoved, FormPicked

if TYPE_CHECKING:
    from collections.abc import Callable

    from heimdall_console.config_document import ConfigDocument
    from heimdall_console.config_fields import ConfigField
    from heimdall_console.config_form_lines import FormLine

_NAME_COLUMN = 4
_NAME_WIDTH = 24
_NARROW_NAME_WIDTH = 20
_NARROW = 70
_LARGEST_VALUE, _SMALLEST_NOTE = 40, 12
_NOTE_SHARE = 0.45


class FormRows(ScrollView, can_focus=True):
    """The lines of the form, with a cursor.

    Args:
        edit: Lets the field under the cursor be edited.
        scrolled: Told when the lines are elsewhere.
        ascii_only: Whether only ASCII characters may be drawn.
    """

    HELP: ClassVar[str] = (
        "Every key of a configuration. Enter edits a field, or offers what there is to choose; "
        "space and the arrows step through choices and switches. What differs from where this "
        "configuration began is marked, what is wrong says so beside its field."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "next field"),
        Binding("k,up", "move(-1)", "field before"),
        Binding("enter", "edit", "edit"),
        Binding("space,right,l", "step(1)", "next choice, unfold"),
        Binding("left,h", "step(-1)", "choice before, fold"),
        Binding("g,home", "go(0)", "first field"),
        Binding("G,end", "go(-1)", "last field"),
        Binding("right_square_bracket", "section(1)", "next section"),
        Binding("left_square_bracket", "section(-1)", "section before"),
        Binding("pagedown,ctrl+d", "page(1)", "a page down"),
        Binding("pageup,ctrl+u", "page(-1)", "a page up"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "form--cursor",
        "form--section",
        "form--muted",
        "form--changed",
        "form--wrong",
        "form--bar",
    }
    DEFAULT_CSS = """
    FormRows {
        width: 1fr;
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        background: $background;
        color: $foreground;
        & > .form--cursor { background: $panel; }
        & > .form--section { color: $foreground; text-style: bold; }
        & > .form--muted { color: $muted; }
        & > .form--changed { color: $accent; }
        & > .form--wrong { color: $error; }
        & > .form--bar { color: $accent; }
    }
    """

    def __init__(
        self, edit: "Callable[[], None]", scrolled: "Callable[[], None]", *, ascii_only: bool
    ) -> None:
        super().__init__(id="form-rows")
        self._edit, self._scrolled = edit, scrolled
        self.ascii_only = ascii_only
        self.document: ConfigDocument | None = None
        self.lines: list[FormLine] = []
        self.cursor = 0

    @property
    def line(self) -> "FormLine | None":
        """The line under the cursor."""
        return self.lines[self.cursor] if self.lines else None

    def show(self, document: "ConfigDocument", lines: "list[FormLine]") -> None:
        """Show other lines; the cursor stays on its field where that is still shown."""
        before = self.line
        self.document, self.lines = document, lines
        self.virtual_size = Size(self.size.width, len(lines))
        if before is not None:
            self.cursor = min(self.cursor, max(0, len(lines) - 1))
            self.go_to(before.key)
        self.refresh()

    def go_to(self, key: str) -> bool:
        """Put the cursor on a field; False where it is not shown."""
        for place, line in enumerate(self.lines):
            if line.key == key:
                self._move_to(place)
                return True
        return False

    def go_to_named(self, words: list[str]) -> None:
        """Put the cursor on the first field with these words in its name, or on the first one."""
        if not words:
            return
        fields = [line for line in self.lines if line.field is not None]
        named = [line for line in fields if all(word in line.key.lower() for word in words)]
        for line in (*named, *fields)[:1]:
            self.go_to(line.key)

    # Geometry.

    @property
    def name_width(self) -> int:
        """Cells of a field's name."""
        return _NAME_WIDTH if self.size.width >= _NARROW else _NARROW_NAME_WIDTH

    @property
    def value_start(self) -> int:
        """First cell of a value, behind its bracket."""
        return _NAME_COLUMN + self.name_width + 2

    @property
    def value_width(self) -> int:
        """Cells of a value."""
        room = self._width - self.value_start - 3
        if room * _NOTE_SHARE < _SMALLEST_NOTE:
            return max(8, room)
        return min(_LARGEST_VALUE, int(room * (1 - _NOTE_SHARE)))

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width or self.size.width

    @property
    def cursor_y(self) -> int:
        """Where the cursor's line is seen; it may be outside."""
        return self.cursor - self.scroll_offset.y

    # Moving.

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self._move_to(self.cursor + by)

    def action_page(self, by: int) -> None:
        """Move by what is seen."""
        self._move_to(self.cursor + by * max(1, self.size.height - 1))

    def action_go(self, place: int) -> None:
        """Go to the first or the last line."""
        self._move_to(place if place >= 0 else len(self.lines) - 1)

    def action_section(self, by: int) -> None:
        """Go to the title of the next section, or of this one or the one before."""
        titles = [place for place, line in enumerate(self.lines) if line.field is None]
        if by > 0:
            self._move_to(next((p for p in titles if p > self.cursor), self.cursor))
        else:
            self._move_to(next((p for p in reversed(titles) if p < self.cursor), 0))

    def _move_to(self, place: int) -> None:
        place = min(max(0, place), max(0, len(self.lines) - 1))
        if place != self.cursor:
            self.cursor = place
            self.refresh()
            self.post_message(FormMoved())
        self.show_cursor()

    def show_cursor(self) -> None:
        """Scroll so that the cursor's line is seen, with its section where there is room."""
        top, page = self.scroll_offset.y, max(1, self.size.height)
        if top <= self.cursor < top + page:
            return
        if self.cursor in (top - 1, top + page):
            place = self.cursor - 1 if self.cursor < top else self.cursor - page + 1
        else:
            # Far away: with what stands around it.
            place = self.cursor - page // 3
        self.scroll_to(y=max(0, place), animate=False, force=True, immediate=True)

    # Changing.

    def action_step(self, by: int) -> None:
        """Step through choices, or fold."""
        line = self.line
        if line is None or self.document is None:
            return
        if line.field is None:
            self.post_message(FormFolded(line.key, by > 0))
            return
        literal = line.field.next_choice(self.document.flat[line.key], by)
        if literal is not None:
            self.post_message(FormPicked(line.field, literal))
        elif by < 0:
            self.go_to(line.section.title)

    def action_edit(self) -> None:
        """Edit the field, offer its choices, or fold the section."""
        line = self.line
        if line is None:
            return
        if line.field is None:
            self.post_message(FormFolded(line.key))
        elif line.field.kind == "switch":
            self.action_step(1)
        elif line.field.offers:
            self.post_message(FormAsked(line.field))
        else:
            self._edit()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor; a click on a value edits it, one on a title folds."""
        place = self.scroll_offset.y + event.y
        if place >= len(self.lines):
            return
        self._move_to(place)
        line = self.lines[place]
        end = self.value_start + self.value_width + 2
        if line.field is None or self.value_start - 2 <= event.x < end:
            self.action_edit()

    def on_resize(self) -> None:
        """The lines have another width."""
        self.virtual_size = Size(self.size.width, len(self.lines))
        self.show_cursor()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """A field that is being edited moves along."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._scrolled()

    # Drawing.

    def render_line(self, y: int) -> Strip:
        """One line of what is seen."""
        place, base = self.scroll_offset.y + y, self.rich_style
        if place >= len(self.lines) or self.document is None:
            return Strip.blank(self._width, base)
        is_cursor = place == self.cursor
        if is_cursor:
            base += self._style("cursor")
            if self.has_focus:
                base += Style(bold=True)
        line = self.lines[place]
        segments = [
            Segment((">" if self.ascii_only else "▌") if is_cursor else " ", self._on("bar", base))
        ]
        if line.field is None:
            segments += self._title(line, base)
        else:
            segments += self._field(line.field, base)
        return Strip(segments).adjust_cell_length(self._width, base)

    def _title(self, line: "FormLine", base: Style) -> list[Segment]:
        glyphs = ("v", ">") if self.ascii_only else ("▾", "▸")
        segments = [
            Segment(
                f"{glyphs[0 if line.is_open else 1]} {line.section.title}",
                self._on("section", base),
            )
        ]
        if line.wrong:
            segments.append(Segment(f"  {self._cross} {line.wrong} wrong", self._on("wrong", base)))
        if line.changed:
            segments.append(
                Segment(f"  {self._dot} {line.changed} changed", self._on("changed", base))
            )
        used = sum(cell_width(segment.text) for segment in segments)
        if not line.wrong and not line.changed:
            about = self._cut(line.section.help, self._width - used - 4)
            segments.append(Segment(f"  {about}", self._on("muted", base)))
        return segments

    def _field(self, field: "ConfigField", base: Style) -> list[Segment]:
        assert self.document is not None
        value = self.document.flat[field.key]
        there = self.document.base[field.key]
        problem = self.document.problem_of(field.key)
        is_changed = not is_same(there, value)
        mark = self._cross if problem else self._dot if is_changed else " "
        style = self._on("wrong", base) if problem else self._on("changed", base)
        name = self._fit(field.name, self.name_width)
        segments = [
            Segment(f"{mark} ", style),
            Segment(f" {name}", base + Style(bold=is_changed) if is_changed else base),
        ]
        segments.append(Segment("[ ", self._on("muted", base)))
        text = field.shown(value)
        if field.kind == "switch" and isinstance(value, bool):
            text = f"{self._tick if value else ' '} {text}"
        opener = field.offers or field.kind == "switch"
        width = self.value_width - (2 if field.offers else 0)
        segments.append(
            Segment(self._fit(text, width), self._on("wrong", base) if problem else base)
        )
        if field.offers:
            segments.append(Segment(" v" if self.ascii_only else " ▾", self._on("muted", base)))
        segments.append(Segment(" ]", self._on("muted", base)))
        room = self._width - self.value_start - self.value_width - 2
        if problem:
            note, style = f"{self._cross} {problem}", self._on("wrong", base)
        elif is_changed:
            note, style = f"was {value_text(there)}", self._on("changed", base)
        else:
            note = f"{field.unit}  {field.limits}".strip() if not opener else field.unit
            style = self._on("muted", base)
        segments.append(Segment(f"  {self._cut(note, room - 2)}", style))
        return segments

    @property
    def _cross(self) -> str:
        return "x" if self.ascii_only else "✗"

    @property
    def _dot(self) -> str:
        return "*" if self.ascii_only else "●"

    @property
    def _tick(self) -> str:
        return "+" if self.ascii_only else "✓"

    def _cut(self, text: str, width: int) -> str:
        """The text as it can be drawn, in at most so many cells."""
        if not self.ascii_only:
            return shortened(plain(text), max(0, width))
        return shortened(ascii_text(plain(text)), max(0, width)).replace("…", "~")

    def _fit(self, text: str, width: int) -> str:
        text = self._cut(text, width)
        return text + " " * (width - cell_width(text))

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"form--{name}", partial=True)

    def _on(self, name: str, base: Style) -> Style:
        return base + self._style(name)


def ascii_text(text: str) -> str:
    """The text in ASCII: signs that have a likeness become it, others a question mark."""
    likeness = {"…": "...", "≥": ">=", "≤": "<=", "·": "|", "→": "->", "–": "-", "×": "x"}
    for sign, like in likeness.items():
        text = text.replace(sign, like)
    return text.encode("ascii", "replace").decode()
