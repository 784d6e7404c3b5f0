"""The line of the tour: which step it is, what there is to do, how to be left alone."""

from rich.cells import cell_len

from heimdall_console.tour.guide import STEPS, Guide
from heimdall_console.widgets.link_line import LinkLine, Piece


class TourHint(LinkLine):
    """One line above the footer.

    Args:
        guide: Where the person is on the tour.
    """

    DEFAULT_CSS = """
    TourHint {
        dock: bottom;
        margin-bottom: 1;
        background: $panel;
    }
    """

    def __init__(self, guide: Guide) -> None:
        super().__init__()
        self._guide = guide

    def follow(self, mode: str) -> None:
        """Show the step that belongs to the screen that is seen now."""
        self._guide.open(mode)
        self.display = self._guide.is_wanted
        self._arrange()

    def on_resize(self) -> None:
        """Choose the text that has room."""
        self._arrange()

    def _arrange(self) -> None:
        step = self._guide.step
        head = f" tour {self._guide.place + 1}/{len(STEPS)} "
        leave = " F10 hides "
        room = self.size.width - cell_len(head) - cell_len(leave) - 1
        text = step.text if cell_len(step.text) <= room else step.short
        self.show(
            (Piece(head, "active"), Piece(f" {text}", "plain")),
            (Piece(leave, "muted", "hide_guide"),),
        )
