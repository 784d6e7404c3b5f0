"""What the terminal says when it is asked, and what tmux is set to do with it."""

import os
import re
import select
import shutil
import subprocess
import sys
import termios
import time
import tty
from dataclasses import dataclass
from typing import Final

_WAIT_S: Final = 1.0
_TMUX_S: Final = 2.0
_SYNCHRONIZED, _MOUSE = 2026, 1006
# Two modes and then what every terminal answers: when that comes, nothing else will.
_QUESTION: Final = f"\x1b[?{_SYNCHRONIZED}$p\x1b[?{_MOUSE}$p\x1b[c".encode()
_MODE: Final = re.compile(rb"\x1b\[\?(\d+);(\d)\$y")
_ATTRIBUTES: Final = re.compile(rb"\x1b\[\?([\d;]+)c")
_CLIPBOARD: Final = "52"


@dataclass(frozen=True)
class Answers:
    """What a terminal said of itself."""

    round_trip_s: float
    """From the question to the answer."""
    is_synchronized: bool | None
    """Whether it shows a frame at once; None where it does not say."""
    has_mouse: bool | None
    """Whether it reports the mouse beyond column 223; None where it does not say."""
    has_clipboard: bool
    """Whether it says that programs may fill its clipboard; few terminals say so."""


def ask_terminal() -> Answers | None:
    """Ask the terminal of this process.

    Returns:
        None where there is no terminal or it does not answer.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    descriptor = sys.stdin.fileno()
    try:
        before = termios.tcgetattr(descriptor)
        tty.setcbreak(descriptor)
    except (termios.error, OSError):
        return None
    try:
        began = time.monotonic()
        os.write(sys.stdout.fileno(), _QUESTION)
        said = _read_until_attributes(descriptor, began + _WAIT_S)
        took = time.monotonic() - began
    except OSError:
        return None
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
    return parse_answers(said, took)


def parse_answers(said: bytes, round_trip_s: float) -> Answers | None:
    """The answers in what a terminal sent; None where it did not answer."""
    attributes = _ATTRIBUTES.search(said)
    if attributes is None:
        return None
    # State 0 is a mode that the terminal does not know.
    modes = {int(number): int(state) != 0 for number, state in _MODE.findall(said)}
    return Answers(
        round_trip_s,
        is_synchronized=modes.get(_SYNCHRONIZED),
        has_mouse=modes.get(_MOUSE),
        has_clipboard=_CLIPBOARD in attributes[1].decode().split(";"),
    )


def ask_tmux() -> dict[str, str] | None:
    """Options of the tmux around this terminal; None outside of one or where it does not answer."""
    program = shutil.which("tmux")
    if not os.environ.get("TMUX") or program is None:
        return None
    options: dict[str, str] = {}
    for option in ("set-clipboard", "allow-passthrough"):
        try:
            shown = subprocess.run(
                [program, "show-options", "-gv", option],
                capture_output=True,
                text=True,
                timeout=_TMUX_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        if shown.returncode == 0:
            options[option] = shown.stdout.strip()
    return options


def _read_until_attributes(descriptor: int, deadline: float) -> bytes:
    said = b""
    while (left := deadline - time.monotonic()) > 0 and _ATTRIBUTES.search(said) is None:
        if select.select([descriptor], [], [], left)[0]:
            said += os.read(descriptor, 1024)
    return said
