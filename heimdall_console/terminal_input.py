"""How keys are read: without losing the program to a wrong byte, and escape without a wait.

Textual decodes strictly, and one byte that is no UTF-8 ends the program: an old mouse report, a
paste or a letter typed in a Latin-1 terminal. It also looks only every tenth of a second whether
an escape is a key or the begin of one; what a terminal sends for one key arrives together, also
over SSH.
"""

import os
import select
import signal
from codecs import getincrementaldecoder
from typing import Any, Final

from textual import constants
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

_ESCAPE_DELAY_S: Final = 0.01
"""What tmux waits."""
_LOOK_FOR_END_S: Final = 0.1


def reading_driver(driver_class: type[Any]) -> type[Any]:
    """A driver of Textual's that reads so; others than that of terminals stay as they are.

    A wait in the variable ESCDELAY, in milliseconds, is obeyed: Textual's and that of curses.

    Args:
        driver_class: The driver that it is otherwise.
    """
    if not issubclass(driver_class, LinuxDriver):
        return driver_class
    if "ESCDELAY" not in os.environ:
        vars(constants)["ESCAPE_DELAY"] = _ESCAPE_DELAY_S

    class ReadingDriver(driver_class):  # type: ignore[misc]  # which one depends on the system
        def run_input_thread(self) -> None:
            parser = XTermParser(self._debug)
            decode = getincrementaldecoder("utf-8")(errors="replace").decode
            wait_s = _LOOK_FOR_END_S
            while not self.exit_event.is_set():
                data = b""
                if select.select([self.fileno], [], [], wait_s)[0]:
                    data = _read(self.fileno)
                    if not data:
                        # What the system says of a terminal that is gone, where it says nothing.
                        os.kill(os.getpid(), signal.SIGHUP)
                        return
                for event in parser.feed(text) if (text := decode(data)) else ():
                    self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)
                is_undecided = data.endswith(b"\x1b")
                wait_s = 1.1 * constants.ESCAPE_DELAY if is_undecided else _LOOK_FOR_END_S

    return ReadingDriver


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:
        return b""  # so it is where the connection is lost
