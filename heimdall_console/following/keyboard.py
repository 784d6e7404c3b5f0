"""A terminal that shows nothing of what is typed while a display redraws itself."""

import atexit
import os
import signal
import sys
import termios
from types import FrameType
from typing import Any, Final

_ENDS: Final = (signal.SIGTERM, signal.SIGHUP)
_LOCAL_MODES: Final = 3
_SHOW_CURSOR: Final = b"\x1b[?25h"


class QuietKeyboard:
    """Turns off the echo of the terminal; Ctrl+C and Ctrl+Z still arrive.

    An echoed Enter would move the display, which is then drawn again below its own head.
    """

    def __init__(self) -> None:
        self._descriptor = -1
        self._before: list[Any] | None = None
        self._handlers: dict[signal.Signals, Any] = {}

    def quiet(self) -> None:
        """Turn the echo off, where this process owns a terminal."""
        try:
            self._descriptor = sys.stdin.fileno()
            if not self._is_ours():
                return
            before = termios.tcgetattr(self._descriptor)
            modes = list(before)
            modes[_LOCAL_MODES] &= ~(termios.ECHO | termios.ECHONL)
            self._before = before
            atexit.register(self.restore)
            for number in _ENDS:
                if signal.getsignal(number) is signal.SIG_DFL:
                    self._handlers[number] = signal.signal(number, self._on_end)
            termios.tcsetattr(self._descriptor, termios.TCSANOW, modes)
        except (OSError, ValueError, AttributeError, termios.error):
            # No terminal is no reason to show nothing.
            return

    def restore(self) -> None:
        """Give the terminal back as it was, without what was typed meanwhile; may be repeated."""
        before, self._before = self._before, None
        if before is None:
            return
        atexit.unregister(self.restore)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers.clear()
        try:
            # A process in the background would be stopped for it.
            if self._is_ours():
                termios.tcsetattr(self._descriptor, termios.TCSAFLUSH, before)
        except (OSError, termios.error):
            return

    def _is_ours(self) -> bool:
        return os.isatty(self._descriptor) and os.tcgetpgrp(self._descriptor) == os.getpgrp()

    def _on_end(self, number: int, frame: FrameType | None) -> None:
        self.restore()
        if os.isatty(1):
            os.write(1, _SHOW_CURSOR)
        os.kill(os.getpid(), number)
