"""The palette: every action, those that are possible here first, found by words of name or help."""

from collections.abc import Sequence

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.widgets import Input, OptionList, Static

from heimdall_console.actions.action import Action, keys_text
from heimdall_console.actions.everywhere import MODES
from heimdall_console.screens.dialogs.choice_picker import SearchedList

_PROGRAM = "heimdall-console"


Placed = tuple[str, Action]
"""The screen that an action belongs to, empty for here, and the action."""


class ActionPalette(SearchedList[Placed]):
    """Enter does the action; what it does, and its command, stands below the list.

    Args:
        actions: What can be done here, the screen's own first.
        elsewhere: What other screens do, with the name of each.
    """

    DEFAULT_CSS = """
    ActionPalette {
        & > .dialog { width: 80; max-width: 100%; }
        & #about { height: 3; margin-top: 1; color: $muted; }
    }
    """

    def __init__(self, actions: Sequence[Action], elsewhere: Sequence[Placed] = ()) -> None:
        placed = [*(("", action) for action in actions), *elsewhere]
        self._actions = {_label(*found): found for found in reversed(placed)}
        labels = list(reversed(self._actions))
        choices = [(label, self._actions[label][1].help) for label in labels]
        super().__init__("All actions", choices, "enter  do it    esc  leave")
        self._all = list(self._choices)

    def compose_below(self) -> ComposeResult:
        """What the action under the cursor does."""
        yield Static(id="about", markup=False)

    def show_found(self, text: str, highlighted: str = "") -> None:
        """What is done here comes first, and of that what holds the words in its title."""
        words = text.lower().split()

        def rank(choice: tuple[str, str]) -> tuple[bool, bool]:
            label = choice[0]
            is_elsewhere = bool(self._actions[label][0])
            return is_elsewhere, not all(word in label.lower() for word in words)

        self._choices = sorted(self._all, key=rank)
        super().show_found(text, highlighted)
        if not self.query_one("#found", OptionList).option_count:
            self.query_one("#about", Static).update("No action has these words")

    @on(OptionList.OptionHighlighted)
    def _explain(self) -> None:
        found = self._actions.get(self.highlighted())
        if found is None:
            return
        mode, action = found
        about = Text(f"Goes to {MODES[mode]}: {action.help}" if mode else action.help)
        if action.command:
            about.append(f"\n$ {_PROGRAM} {action.command}")
        self.query_one("#about", Static).update(about)

    @on(Input.Submitted, "#search")
    def _choose(self) -> None:
        self.dismiss(self._actions.get(self.highlighted()))

    @on(OptionList.OptionSelected)
    def _choose_clicked(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._actions.get(event.option.id or ""))


def _label(mode: str, action: Action) -> str:
    title = action.title[:1].upper() + action.title[1:]
    title = f"{MODES[mode]}: {action.title}" if mode else title
    return f"{title}  ({keys_text(action.keys)})" if action.keys else title
