"""Choosing what runs are sorted by."""

from collections.abc import Sequence

from textual.content import Content

from heimdall_console.formatting import plain
from heimdall_console.screens.dialogs.choice_picker import ChoicePicker, shown_name


class SortPicker(ChoicePicker):
    """Enter sorts by the column under the cursor; by the present one, the other way around.

    Args:
        columns: Id and explanation of every column.
        current: What is sorted by now.
        is_descending: Whether the largest stands first.
    """

    def __init__(
        self, columns: Sequence[tuple[str, str]], current: str, *, is_descending: bool
    ) -> None:
        super().__init__("Sort by", columns, current)
        self._is_descending = is_descending

    def on_mount(self) -> None:
        """Say what is sorted by now."""
        way = "largest first" if self._is_descending else "smallest first"
        now = f"now by {shown_name(self.first)}, {way}"
        self.query_one(".dialog").border_subtitle = Content(plain(now))
