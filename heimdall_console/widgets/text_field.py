"""A line to type in, at rest when nobody types."""

from textual.widgets import Input


class TextField(Input):
    """Textual's input whose cursor does not blink: an idle console sends nothing."""

    def on_mount(self) -> None:
        """Stop the blinking."""
        self.cursor_blink = False
