"""The real program on a real terminal: what it shows, what is typed, what becomes of it."""

import contextlib
import os
import re
import signal
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pexpect
import pyte

TIMEOUT_S: Final = 60.0
PROGRAM: Final = (sys.executable, "-X", "faulthandler", "-m", "heimdall_console")
BUG: Final = ("This is a bug", "Traceback (most recent call last)")
"""What is shown of an error that nobody meant for a person."""

_LOCAL_MODES: Final = 3
"""Where they stand in the attributes of a terminal."""

_KEYS: Final = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "space": " ",
    "backspace": "\x7f",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "f1": "\x1bOP",
    "f2": "\x1bOQ",
    "f3": "\x1bOR",
    "f4": "\x1bOS",
    "f5": "\x1b[15~",
    "f6": "\x1b[17~",
    "f10": "\x1b[21~",
}
_LEFT, _MOVED, _WHEEL_UP, _WHEEL_DOWN = 0, 32, 64, 65
_SEQUENCE: Final = re.compile(rb"\x1b(?:\[[0-9;?<>=]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)")


def key_bytes(key: str) -> str:
    """What a terminal sends for a key of Textual's name; text is sent as it is."""
    if key.startswith("ctrl+") and len(key) == 6:
        return chr(ord(key[5]) & 0x1F)
    return _KEYS.get(key, key)


class RealConsole:
    """A process on a pseudo-terminal whose screen can be read.

    Args:
        arguments: Of the program.
        size: Columns and rows.
        environment: Variables that differ from ours; None removes one.
        command: What is started; the program when left out.
    """

    def __init__(
        self,
        *arguments: str,
        size: tuple[int, int] = (120, 40),
        environment: Mapping[str, str | None] | None = None,
        command: Sequence[str] = PROGRAM,
    ) -> None:
        variables = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        for name, value in (environment or {}).items():
            variables.pop(name, None)
            if value is not None:
                variables[name] = value
        # The size is that of the terminal, not of these variables.
        for name in ("COLUMNS", "LINES"):
            variables.pop(name, None)
        columns, rows = size
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.received = bytearray()
        """Everything that was sent to the terminal."""
        self._drawn = 0
        self.process = pexpect.spawn(
            command[0], [*command[1:], *arguments], dimensions=(rows, columns), env=variables
        )
        self.process.delaybeforesend = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.process.closed:
            with contextlib.suppress(pexpect.ExceptionPexpect, OSError):
                self.process.close(force=True)

    # What is seen.

    def read(self, for_s: float = 0.0) -> None:
        """Take what has arrived, and wait for more of it for a while."""
        deadline = time.monotonic() + for_s
        while True:
            left = max(0.0, deadline - time.monotonic())
            try:
                chunk = self.process.read_nonblocking(1 << 16, timeout=min(left, 0.05))
            except pexpect.TIMEOUT:
                chunk = b""
            except pexpect.EOF:
                return
            self.received += chunk
            if not chunk and left <= 0:
                return

    def text(self) -> str:
        """The lines of the screen."""
        # What a terminal would draw is worked out only where somebody looks.
        self._stream.feed(bytes(self.received[self._drawn :]))
        self._drawn = len(self.received)
        return "\n".join(line.rstrip() for line in self.screen.display)

    def said(self) -> str:
        """Everything that was ever written, without what moves or colors it."""
        return _SEQUENCE.sub(b"", bytes(self.received)).decode("utf-8", "replace")

    def wait(self, wanted: str | Callable[[str], bool], what: str = "", within_s: float = 0) -> str:
        """Wait until the screen shows something; the screen is returned.

        Args:
            wanted: A text, or what is true of the lines of the screen.
            what: For the message, where it never happens.
            within_s: For how long; the usual time when 0.
        """
        deadline = time.monotonic() + (within_s or TIMEOUT_S)
        while True:
            self.read(0.05)
            shown = self.text()
            if wanted in shown if isinstance(wanted, str) else wanted(shown):
                return shown
            self.refuse_bugs()
            assert self.process.isalive(), f"it has ended:\n{self.said()[-3000:]}"
            assert time.monotonic() < deadline, f"never shown: {what or wanted}\n{shown}"

    def wait_until(self, is_true: Callable[[], bool], what: str) -> None:
        """Wait for a condition beside the screen, which is read meanwhile."""
        deadline = time.monotonic() + TIMEOUT_S
        while not is_true():
            self.read(0.05)
            assert time.monotonic() < deadline, f"never happened: {what}\n{self.text()}"

    def refuse_bugs(self) -> None:
        """Fail where the screen shows an error that is a bug."""
        shown = self.text()
        for sign in BUG:
            assert sign not in shown, shown

    # What is done.

    def press(self, *keys: str) -> None:
        """Press keys, by their names of Textual's; a lone escape is waited for as it has to be."""
        for key in keys:
            self.process.send(key_bytes(key))
            # Terminals tell escape from the begin of a sequence by the pause behind it.
            self.read(0.15 if key == "escape" else 0.02)

    def type(self, text: str) -> None:
        """Type a text as fast as it goes."""
        self.process.send(text)
        self.read(0.05)

    def place_of(self, text: str) -> tuple[int, int]:
        """Column and row where a text is first seen, from the upper left corner."""
        for row, line in enumerate(self.text().splitlines()):
            if text in line:
                return line.index(text), row
        raise AssertionError(f"{text} is not seen:\n{self.text()}")

    def click(self, place: tuple[int, int], times: int = 1) -> None:
        """Press and release the left button."""
        for _ in range(times):
            self._send_mouse(_LEFT, place)
            self._send_mouse(_LEFT, place, is_released=True)
        self.read(0.05)

    def drag(self, begin: tuple[int, int], end: tuple[int, int]) -> None:
        """Move with the left button held."""
        self._send_mouse(_LEFT, begin)
        for column in range(begin[0], end[0], 1 if end[0] > begin[0] else -1):
            self._send_mouse(_LEFT + _MOVED, (column, begin[1]))
        self._send_mouse(_LEFT + _MOVED, end)
        self._send_mouse(_LEFT, end, is_released=True)
        self.read(0.05)

    def wheel(self, place: tuple[int, int], *, up: bool) -> None:
        """Turn the wheel by one notch."""
        self._send_mouse(_WHEEL_UP if up else _WHEEL_DOWN, place)
        self.read(0.05)

    def _send_mouse(self, code: int, place: tuple[int, int], *, is_released: bool = False) -> None:
        """As terminals report the mouse in the mode SGR (1006)."""
        column, row = place
        self.process.send(f"\x1b[<{code};{column + 1};{row + 1}{'m' if is_released else 'M'}")

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        self.text()
        self.screen.resize(rows, columns)
        self.process.setwinsize(rows, columns)

    def leave(self) -> str:
        """Press q and wait for the end; what stands on the terminal then is returned."""
        self.press("q")
        deadline = time.monotonic() + TIMEOUT_S
        while self.process.isalive():
            self.read(0.05)
            assert time.monotonic() < deadline, f"it does not leave\n{self.text()}"
        self.read(0.2)
        self.process.close()
        assert self.process.exitstatus == 0, self.said()[-3000:]
        return self.text()

    def close_terminal(self) -> None:
        """Close the terminal under the program, as a lost connection does; wait for its end."""
        pid = self.process.pid
        self.process.ptyproc.fileobj.close()
        # Its own descriptor is gone: nobody may close another one of that number.
        self.process.ptyproc.closed = self.process.closed = True
        self.process.ptyproc.fd = self.process.child_fd = -1
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG)[0] == pid:
                    break
            assert time.monotonic() < deadline, "it outlives its terminal"
            time.sleep(0.02)

    def go_on(self) -> None:
        """Wake the program where it has suspended itself, and let it write where ctrl+s forbids it.

        Once the program has given the terminal back, ctrl+s stops all output, as in any shell: a
        program that is about to leave waits at its last line until ctrl+q.
        """
        with contextlib.suppress(termios.error):
            if termios.tcgetattr(self.process.child_fd)[_LOCAL_MODES] & termios.ICANON:
                self.process.send("\x11")
        with contextlib.suppress(OSError):
            state = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(") ")[2][0]
            if state == "T":
                self.process.kill(signal.SIGCONT)

    def stacks(self) -> str:
        """End a program that is stuck; what each of its threads was doing is returned."""
        begin = len(self.received)
        self.process.kill(signal.SIGABRT)
        self.read(1.0)
        return _SEQUENCE.sub(b"", bytes(self.received[begin:])).decode("utf-8", "replace")

    def kill(self) -> None:
        """Kill the program."""
        self.process.kill(signal.SIGKILL)
        self.process.wait()
