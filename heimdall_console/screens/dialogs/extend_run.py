"""How many epochs a run is to have, and what becomes of its schedule."""

from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from heimdall_console.screens.dialogs.dialog import Dialog
from heimdall_console.widgets.text_field import TextField


@dataclass(frozen=True)
class Extension:
    """What was asked for."""

    epochs: int
    """In all."""
    is_stretched: bool
    """Whether the rest of the schedule is stretched, else its end is held."""


class ExtendRun(Dialog[Extension]):
    """A number, or `+20` for so many more; tab changes what becomes of the schedule.

    Args:
        planned: Epochs that are planned now.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "turn_schedule", "stretch or hold the schedule", priority=True),
    ]

    def __init__(self, planned: int) -> None:
        super().__init__()
        self._planned = planned
        self._is_stretched = True

    def compose(self) -> ComposeResult:
        """The number, the schedule, and what is wrong."""
        with Vertical(classes="dialog") as box:
            box.border_title = "Epochs"
            yield Static(
                Text(f"Planned: {self._planned:,}. In all, or +20 for so many more:"),
                classes="dialog--text",
            )
            yield TextField(f"+{max(1, self._planned // 5)}")
            yield Static(id="schedule", classes="dialog--text", markup=False)
            yield Static(id="problem", classes="dialog--hint", markup=False)

    def on_mount(self) -> None:
        """Say what is asked as it stands."""
        self._show()

    @on(Input.Changed)
    def _judge(self) -> None:
        self._show()

    @on(Input.Submitted)
    def _answer(self, event: Input.Submitted) -> None:
        epochs = _epochs(event.value, self._planned)
        if epochs is not None:
            self.dismiss(Extension(epochs, self._is_stretched))

    def action_turn_schedule(self) -> None:
        """Stretch instead of hold, or hold instead of stretch."""
        self._is_stretched = not self._is_stretched
        self._show()

    def _show(self) -> None:
        says = (
            "Schedule: what is left of it is stretched over the new length."
            if self._is_stretched
            else "Schedule: ends as planned; its last learning rate is held after that."
        )
        self.query_one("#schedule", Static).update(Text(f"\n{says}  (tab changes it)"))
        epochs = _epochs(self.query_one(TextField).value, self._planned)
        hint = (
            Text("! a whole number, such as 120 or +20", "bold")
            if epochs is None
            else Text(f"enter  {epochs:,} epochs    esc  leave it as it is")
        )
        self.query_one("#problem", Static).update(hint)


def _epochs(text: str, planned: int) -> int | None:
    """Epochs in all; None where the text says no possible number."""
    try:
        epochs = int(text) + (planned if text.strip().startswith(("+", "-")) else 0)
    except ValueError:
        return None
    return epochs if 1 <= epochs <= 1_000_000_000 else None
