"""How a run is to end: three ways, each explained."""

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


class StopRun(Dialog[Way]):
    """`e` and `n` stop the run at once; killing wants enter, too.

    Args:
        run_name: What is stopped.
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

    def __init__(self, run_name: str) -> None:
        super().__init__()
        self._run_name = plain(run_name)

    def compose(self) -> ComposeResult:
        """The three ways and the keys."""
        with Vertical(classes="dialog") as box:
            box.border_title = Text(f"Stop {self._run_name}?").markup
            yield Choices(*(Option(_way_text(k, t, says), id=w) for w, k, t, says in _WAYS))
            keys = "e n  do so at once    enter  the marked one    esc  let it run on"
            yield Static(Text(keys), classes="dialog--hint")

    def on_mount(self) -> None:
        """Begin at the gentlest way."""
        options = self.query_one(OptionList)
        options.highlighted = 0
        options.focus()

    @on(OptionList.OptionSelected)
    def _stop_so(self, event: OptionList.OptionSelected) -> None:
        self.action_choose(event.option.id or "")

    def action_choose(self, way: str) -> None:
        """Answer."""
        self.dismiss(next(known for known, *_ in _WAYS if known == way))

    def action_point_at_kill(self) -> None:
        """Point at the last way; enter takes it."""
        self.query_one(OptionList).highlighted = len(_WAYS) - 1


def _way_text(key: str, title: str, says: str) -> Text:
    text = Text(f"{key}  ", "bold")
    text.append(f"{title}\n", "bold")
    text.append(f"   {says}\n", "not bold")
    return text
