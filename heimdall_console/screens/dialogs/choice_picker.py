"""One thing chosen from a list that is searched while typing."""

from collections.abc import Sequence
from typing import ClassVar, Final, Generic, TypeVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from heimdall_console.formatting import cell_width, plain, shortened
from heimdall_console.screens.dialogs.dialog import Dialog
from heimdall_console.widgets.choices import Choices
from heimdall_console.widgets.text_field import TextField

Answer = TypeVar("Answer")

MOST_SHOWN: Final = 300
_WIDTH: Final = 76
_FRAME: Final = 8


class SearchedList(Dialog[Answer], Generic[Answer]):
    """A text field over a list; the arrows move in the list while the field has the focus.

    Args:
        title: What is chosen.
        choices: Id and explanation of each.
        hint: Which keys there are.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,ctrl+n", "move('down')", "next", show=False, priority=True),
        Binding("up,ctrl+k", "move('up')", "previous", show=False, priority=True),
        Binding("pagedown", "move('page_down')", show=False, priority=True),
        Binding("pageup", "move('page_up')", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    SearchedList {
        & > .dialog { width: 76; }
        & TextField { margin-bottom: 1; }
        & OptionList, & OptionList:focus {
            height: auto; max-height: 18; border: none; padding: 0; background: $surface;
        }
        & OptionList > .option-list--option-highlighted {
            color: $foreground; background: $accent 30%; text-style: bold;
        }
        & .dialog--hint { margin-top: 1; }
        &.-ascii OptionList { scrollbar-size: 0 0; }
    }
    """

    def __init__(self, title: str, choices: Sequence[tuple[str, str]], hint: str) -> None:
        super().__init__()
        self._heading, self._hint = title, hint
        self._choices = list(choices)
        self.first = ""
        """The choice that the cursor begins on."""

    def compose(self) -> ComposeResult:
        """Field, list, keys."""
        with Vertical(classes="dialog") as box:
            box.border_title = Content(plain(self._heading))
            yield TextField(placeholder="type a part of a name", id="search")
            yield Choices(id="found", markup=False)
            yield from self.compose_below()
            yield Static(self._hint, classes="dialog--hint", markup=False)

    def on_mount(self) -> None:
        """Show everything."""
        self.query_one("#found", OptionList).can_focus = False
        self.show_found("", self.first)

    def compose_below(self) -> ComposeResult:
        """What stands between the list and the keys; nothing, as a rule."""
        yield from ()

    @on(Input.Changed, "#search")
    def _search(self, event: Input.Changed) -> None:
        self.show_found(event.value)

    def show_found(self, text: str, highlighted: str = "") -> None:
        """Show the choices that contain every word of a text."""
        words = text.lower().split()
        found = [
            (name, about)
            for name, about in self._choices
            if all(word in name.lower() or word in about.lower() for word in words)
        ]
        options = self.query_one("#found", OptionList)
        options.clear_options()
        options.add_options(
            [Option(self.line(name, about), id=name) for name, about in found[:MOST_SHOWN]]
        )
        if len(found) > MOST_SHOWN:
            more = f"and {len(found) - MOST_SHOWN:,} more: type to find them"
            options.add_option(Option(Text(more), disabled=True))
        if found:
            names = [name for name, _ in found[:MOST_SHOWN]]
            options.highlighted = names.index(highlighted) if highlighted in names else 0

    def line(self, name: str, about: str) -> Text:
        """One choice."""
        room = min(_WIDTH, int(0.96 * self.app.size.width)) - _FRAME
        said = shortened(plain(about), room // 2)
        shown = shortened(plain(shown_name(name)), max(8, room - cell_width(said) - 4))
        blanks = " " * max(2, room - cell_width(shown) - cell_width(said) - 2)
        text = Text(shown + blanks, no_wrap=True)
        text.append(said, self.app.theme_variables.get("muted", ""))
        return text

    def highlighted(self) -> str:
        """The choice under the cursor; empty without one."""
        options = self.query_one("#found", OptionList)
        if options.highlighted is None:
            return ""
        return options.get_option_at_index(options.highlighted).id or ""

    def action_move(self, how: str) -> None:
        """Move in the list."""
        options = self.query_one("#found", OptionList)
        if not options.scrollable_content_region.area:
            return  # One that is not drawn yet does not know its pages.
        getattr(options, f"action_{how}" if "page" in how else f"action_cursor_{how}")()


class ChoicePicker(SearchedList[str]):
    """Enter chooses, escape leaves everything as it is.

    Args:
        title: What is chosen.
        choices: Id and explanation of each.
        current: What is chosen now.
    """

    def __init__(self, title: str, choices: Sequence[tuple[str, str]], current: str = "") -> None:
        super().__init__(title, choices, "enter  choose    esc  leave it as it is")
        self.first = current

    @on(Input.Submitted, "#search")
    def _choose(self) -> None:
        if self.query_one("#found", OptionList).highlighted is not None:
            self.dismiss(self.highlighted())

    @on(OptionList.OptionSelected)
    def _choose_clicked(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id or "")


def shown_name(choice: str) -> str:
    """A choice for people: `param:optimizer.learning_rate` without its kind."""
    kind, _, name = choice.partition(":")
    return name if name and kind in ("param", "metric", "tag") else choice
