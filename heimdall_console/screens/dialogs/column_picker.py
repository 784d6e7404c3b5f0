"""Choosing which columns a table shows, and in which order."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import Input, OptionList

from heimdall_console.screens.dialogs.choice_picker import SearchedList


class ColumnPicker(SearchedList[list[str]]):
    """Enter shows or hides the column under the cursor, ctrl+s keeps the choice.

    Args:
        columns: Id and explanation of every column.
        shown: Ids of those that are shown, in their order.
        usual: Ids of those that are shown when nobody has chosen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "keep", "keep", show=False, priority=True),
        Binding("ctrl+up", "shift(-1)", "to the left", show=False, priority=True),
        Binding("ctrl+down", "shift(1)", "to the right", show=False, priority=True),
        Binding("ctrl+r", "usual", "the usual ones", show=False, priority=True),
    ]

    def __init__(
        self, columns: Sequence[tuple[str, str]], shown: Sequence[str], usual: Sequence[str]
    ) -> None:
        super().__init__(
            "Columns",
            columns,
            "enter  show or hide    ctrl+up, ctrl+down  move    ctrl+r  the usual ones\n"
            "ctrl+s  keep    esc  leave it as it was",
        )
        self._every = dict(columns)
        self._shown, self._usual = list(shown), list(usual)
        self._order()

    def _order(self) -> None:
        first = [(name, self._every.get(name, "")) for name in self._shown]
        rest = [(name, about) for name, about in self._every.items() if name not in self._shown]
        self._choices = first + rest

    def line(self, name: str, about: str) -> Text:
        """One column, with whether it is shown."""
        is_ascii = bool(getattr(self.app, "ascii_only", False))
        mark = ("x" if is_ascii else "✓") if name in self._shown else " "
        return Text(f"{mark} ", no_wrap=True) + super().line(name, about)

    @on(Input.Submitted, "#search")
    def _toggle(self) -> None:
        self._toggle_column(self.highlighted())

    @on(OptionList.OptionSelected)
    def _toggle_clicked(self, event: OptionList.OptionSelected) -> None:
        self._toggle_column(event.option.id or "")

    def _toggle_column(self, name: str) -> None:
        if not name:
            return
        if name in self._shown:
            self._shown.remove(name)
        else:
            self._shown.append(name)
        self._order()
        self.show_found(self.query_one("#search", Input).value, name)

    def action_shift(self, by: int) -> None:
        """Move the column under the cursor among those that are shown."""
        name = self.highlighted()
        if name not in self._shown:
            return
        place = self._shown.index(name)
        target = min(max(0, place + by), len(self._shown) - 1)
        self._shown.insert(target, self._shown.pop(place))
        self._order()
        self.show_found(self.query_one("#search", Input).value, name)

    def action_usual(self) -> None:
        """Show the usual columns."""
        self._shown = list(self._usual)
        self._order()
        self.show_found(self.query_one("#search", Input).value)

    def action_keep(self) -> None:
        """Keep the choice."""
        self.dismiss(self._shown)
