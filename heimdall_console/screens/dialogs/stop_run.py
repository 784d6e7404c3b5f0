"""How a run is to end: the ways that there are, each explained."""

from typing import ClassVar, Final, Literal

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from heimdall_console.formatting import plain
from heimdall_console.screens.dialogs.dialog import Dialog
from heimdall_console.widgets.choices import Choices

Way = Literal["epoch", "now", "kill"]

_WAYS: Final[tuple[tuple[Way, str, str, str], ...]] = (
    (
        "epoch",
        "e",
        "After this epoch",
        "Trains the epoch to its end, validates, saves a checkpoint.",
    ),
    (
        "now",
        "n",
        "Now, with a checkpoint",
        "Saves at the next batch; resuming goes on from exactly there.",
    ),
    (
        "kill",
        "k",
        "Kill (then enter)",
        "At once; what it trained since the last checkpoint is lost.",
    ),
)
_WAYS_AFTER_TRAINING: Final[tuple[tuple[Way, str, str, str], ...]] = (
    (
        "now",
        "n",
        "Now, without the rest of its results",
        "Checkpoints stay; what is not evaluated and exported yet is left out.",
    ),
    (
        "kill",
        "k",
        "Kill (then enter)",
        "At once; the checkpoints stay.",
    ),
)


class StopRun(Dialog[Way]):
    """`e` and `n` stop the run at once; killing wants enter, too.

    Args:
        run_name: What is stopped.
        is_making_results: Whether its training is over: there is no epoch to wait for.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "choose('epoch')", "after this epoch"),
        Binding("n", "choose('now')", "now, with a checkpoint"),
        Binding("k", "point_at_kill", "kill"),
    ]
    DEFAULT_CSS = """
    StopRun OptionList, StopRun OptionList:focus {
        height: auto; border: none; padding: 0; background: $surface;
    }
    """

    def __init__(self, run_name: str, *, is_making_results: bool = False) -> None:
        super().__init__()
        self._is_making_results = is_making_results
        self._ways = _WAYS_AFTER_TRAINING if is_making_results else _WAYS
        self._run_name = plain(run_name)

    def compose(self) -> ComposeResult:
        """The ways and the keys."""
        with Vertical(classes="dialog") as box:
            box.border_title = Text(f"Stop {self._run_name}?").markup
            if self._is_making_results:
                yield Static("The training is over; it is being evaluated and exported.")
            yield Choices(*(Option(_way_text(k, t, says), id=w) for w, k, t, says in self._ways))
            at_once = "n  does" if self._is_making_results else "e n  do"
            keys = f"{at_once} so at once    enter  the marked one    esc  let it run on"
            yield Static(Text(keys), classes="dialog--hint")

    def on_mount(self) -> None:
        """Begin at the gentlest way."""
        options = self.query_one(OptionList)
        options.highlighted = 0
        options.focus()

    @on(OptionList.OptionSelected)
    def _stop_so(self, event: OptionList.OptionSelected) -> None:
        self.action_choose(event.option.id or "")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer the ways that there are."""
        if action == "choose":
            return parameters[0] in [way for way, *_ in self._ways]
        return super().check_action(action, parameters)

    def action_choose(self, way: str) -> None:
        """Answer."""
        self.dismiss(next(known for known, *_ in self._ways if known == way))

    def action_point_at_kill(self) -> None:
        """Point at the last way; enter takes it."""
        self.query_one(OptionList).highlighted = len(self._ways) - 1


def _way_text(key: str, title: str, says: str) -> Text:
    text = Text(f"{key}  ", "bold")
    text.append(f"{title}\n", "bold")
    text.append(f"   {says}\n", "not bold")
    return text
