"""What is shown where nothing was ever trained: three ways in, one key each, and the commands."""

from pathlib import Path
from typing import ClassVar, Final

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static

from heimdall_console.formatting import plain, shortened
from heimdall_console.widgets.link_line import LinkLine, Piece

_WAYS: Final = (
    ("t", "tour", "every screen on a recorded training", "take_tour"),
    ("Q", "quickstart", "make a small dataset, then set up a run on it", "quickstart"),
    ("2", "configure", "set up a run on data that is here", "show_configure"),
)
_COMMANDS: Final = (
    ("data import wide-csv FOLDER", "recordings of your own"),
    ("run --config run.toml", "train without the console"),
    ("doctor", "is this machine fit?"),
)
_PROGRAM: Final = "heimdall-console"
_KEY_WIDTH, _NAME_WIDTH, _COMMAND_WIDTH = 5, 13, 46


class Welcome(Vertical, can_focus=True):
    """Says that there is nothing yet, and what to do about it.

    Args:
        home: The home, which is named.
    """

    HELP: ClassVar[str] = (
        "There are no runs in this home. The tour needs nothing; the quickstart generates a "
        "dataset of 2,000 sessions and opens a configuration that trains in a minute."
    )
    DEFAULT_CSS = """
    Welcome {
        align: center middle;
        height: 1fr;
        & > Vertical { width: 74; height: auto; }
        & .welcome-title { text-style: bold; margin-bottom: 1; }
        & .welcome-note { color: $muted; margin-top: 1; }
    }
    """

    class Chosen(Message):
        """A way in was chosen.

        Args:
            action: What it stands for.
        """

        def __init__(self, action: str) -> None:
            self.action = action
            super().__init__()

    def __init__(self, home: Path, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._home = home

    def compose(self) -> ComposeResult:
        """Title, ways, commands, home."""
        with Vertical():
            yield Static("Nothing has been trained here yet", classes="welcome-title", markup=False)
            for key, name, text, action in _WAYS:
                line = LinkLine()
                line.show(
                    (
                        Piece(f"  {key:<{_KEY_WIDTH - 2}}", "key", action),
                        Piece(f"{name:<{_NAME_WIDTH}}", "accent", action),
                        Piece(text, "plain", action),
                    )
                )
                yield line
            yield Static("or from a shell", classes="welcome-note", markup=False)
            for command, text in _COMMANDS:
                line = LinkLine()
                shown = f"{_PROGRAM} {command}"
                blanks = " " * (_COMMAND_WIDTH - cell_len(shown))
                line.show((Piece(f"  {shown}{blanks}"), Piece(text, "muted")))
                yield line
            home = shortened(plain(self._home), 66)
            yield Static(f"home  {home}", classes="welcome-note", markup=False)

    def on_link_line_clicked(self, event: LinkLine.Clicked) -> None:
        """Go the way that was clicked."""
        event.stop()
        self.post_message(self.Chosen(event.action))
