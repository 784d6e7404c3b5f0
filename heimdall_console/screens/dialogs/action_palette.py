"""The palette: every action that is possible here, found by words of its name or help."""

from collections.abc import Sequence

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.widgets import Input, OptionList, Static

from heimdall_console.actions.action import Action, keys_text
from heimdall_console.screens.dialogs.choice_picker import SearchedList

_PROGRAM = "heimdall-console"


class ActionPalette(SearchedList[Action]):
    """Enter does the action; what it does, and its command, stands below the list.

    Args:
        actions: Those of the screen first.
    """

    DEFAULT_CSS = """
    ActionPalette {
        & > .dialog { width: 80; max-width: 100%; }
        & #about { height: 3; margin-top: 1; color: $muted; }
    }
    """

    def __init__(self, actions: Sequence[Action]) -> None:
        self._actions = {_label(action): action for action in reversed(actions)}
        labels = list(reversed(self._actions))
        choices = [(label, self._actions[label].help) for label in labels]
        super().__init__("All actions", choices, "enter  do it    esc  leave")
        self._all = list(self._choices)

    def compose_below(self) -> ComposeResult:
        """What the action under the cursor does."""
        yield Static(id="about", markup=False)

    def show_found(self, text: str, highlighted: str = "") -> None:
        """What holds the words in its title comes first."""
        words = text.lower().split()
        self._choices = sorted(
            self._all, key=lambda choice: not all(word in choice[0].lower() for word in words)
        )
        super().show_found(text, highlighted)
        if not self.query_one("#found", OptionList).option_count:
            self.query_one("#about", Static).update("No action has these words")

    @on(OptionList.OptionHighlighted)
    def _explain(self) -> None:
        action = self._actions.get(self.highlighted())
        if action is None:
            return
        about = Text(action.help)
        if action.command:
            about.append(f"\n$ {_PROGRAM} {action.command}")
        self.query_one("#about", Static).update(about)

    @on(Input.Submitted, "#search")
    def _choose(self) -> None:
        self.dismiss(self._actions.get(self.highlighted()))

    @on(OptionList.OptionSelected)
    def _choose_clicked(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._actions.get(event.option.id or ""))


def _label(action: Action) -> str:
    title = action.title[:1].upper() + action.title[1:]
    return f"{title}  ({keys_text(action.keys)})" if action.keys else title
