"""200 random keys a second on every screen: no exception, nothing stuck, in the real program."""

import os
import random
import shutil
import string
import time
from pathlib import Path

import pytest

from heimdall_console.tour.temporary_home import end_processes
from tests.console.recorded_home import RecordedHome, held_lock
from tests.console.terminal.real_console import BUG, RealConsole, key_bytes
from tests.console.terminal.test_real_console import SCREENS, is_complete
from training_core.contract.run_dir import RunDir

IS_FULL = os.environ.get("HEIMDALL_FULL_FAULTS") == "1"
SECONDS = 60 if IS_FULL else 5
KEYS_PER_S, KEYS_AT_ONCE = 200, 10

# Keys that leave the screen or the program, such as that of the tour, are another test's.
LEAVING = set("q123456t!")
PRINTABLE = [c for c in string.printable if c.isprintable() and c not in LEAVING]
OTHERS = [
    "enter",
    "escape",
    "tab",
    "backspace",
    "up",
    "down",
    "left",
    "right",
    "pageup",
    "pagedown",
]
# What trains or generates for real would be typed a hundred times.
STARTING = set() if IS_FULL else {"Q", "ctrl+r"}
KEYS = [key for key in [*PRINTABLE, *OTHERS, "ctrl+s", "ctrl+p", "ctrl+r"] if key not in STARTING]


class Typist:
    """One console that is typed at; its home is its own.

    Args:
        screen: Title of the screen.
        home: What it works in.
    """

    def __init__(self, screen: str, home: Path) -> None:
        self.screen, self.home = screen, home
        self.key = f"f{SCREENS.index(screen) + 1}"
        self._chance = random.Random(screen)
        self.console = RealConsole(environment={"HEIMDALL_HOME": str(home)})

    def open(self) -> None:
        """Show the screen."""
        self.console.wait("campus-baseline")
        self.console.press(self.key)
        self.console.wait(is_complete(self.screen))

    def type(self) -> None:
        """Type some keys."""
        keys = self._chance.choices(KEYS, k=KEYS_AT_ONCE)
        self.console.process.send("".join(map(key_bytes, keys)))
        self.console.read()

    def judge(self) -> None:
        """It still answers, leaves when asked, and has shown no bug."""
        console = self.console
        deadline = time.monotonic() + 60
        while console.process.isalive():
            if time.monotonic() > deadline:
                pytest.fail(f"{self.screen} is stuck:\n{console.text()}\n{console.stacks()}")
            console.go_on()
            # A field, a question or the palette may have the focus.
            console.press("escape", "escape", "q")
            console.read(0.2)
        console.read(0.2)
        console.process.close()
        said = console.said()
        for sign in BUG:
            assert sign not in said, said[said.index(sign) - 200 :][:4000]
        assert console.process.exitstatus == 0, f"{self.screen}:\n{said[-3000:]}"


@pytest.mark.timeout(60 + 12 * SECONDS)
def test_random_keys_on_every_screen(recorded_home: RecordedHome, tmp_path: Path) -> None:
    typists = []
    for screen in SCREENS:
        home = tmp_path / screen.lower()
        shutil.copytree(recorded_home.path, home)
        typists.append(Typist(screen, home))
    running = [RunDir(t.home / "runs" / recorded_home.ids["running"]) for t in typists]
    try:
        with held_lock(*running):
            for typist in typists:
                typist.open()
            for _ in range(SECONDS * KEYS_PER_S // KEYS_AT_ONCE):
                began = time.monotonic()
                for typist in typists:
                    typist.type()
                time.sleep(max(0.0, began + KEYS_AT_ONCE / KEYS_PER_S - time.monotonic()))
            for typist in typists:
                typist.judge()
    finally:
        for typist in typists:
            typist.console.__exit__(None, None, None)
            end_processes(typist.home)
