"""The doctor's examination of this machine, told as it goes on."""

import threading
from pathlib import Path

from textual.message import Message
from textual.message_pump import MessagePump

from heimdall_console.doctor.examination import examine
from heimdall_console.doctor.finding import Group
from heimdall_console.doctor.terminal import TerminalView


class GroupExamined(Message):
    """A group of findings is known.

    Args:
        group: The group; they come in their order.
        is_last: Whether everything has been looked at.
    """

    def __init__(self, group: Group, *, is_last: bool) -> None:
        self.group = group
        self.is_last = is_last
        super().__init__()


def begin_examination(poster: MessagePump, home: Path, size: tuple[int, int]) -> None:
    """Look at everything that `heimdall-console doctor` looks at, beside the event loop.

    Args:
        poster: Who is told; one that is gone is told nothing.
        home: Where runs live.
        size: Columns and rows of the terminal, which only the console may write to.
    """

    def look() -> None:
        groups = examine(home, terminal=lambda: TerminalView.of_console(size))
        before: Group | None = None
        for group in groups:
            if before is not None:
                poster.post_message(GroupExamined(before, is_last=False))
            before = group
        if before is not None:
            poster.post_message(GroupExamined(before, is_last=True))

    threading.Thread(target=look, name="doctor", daemon=True).start()
