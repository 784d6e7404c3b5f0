"""The real program in a pseudo-terminal: sizes, no color, no Unicode, hostile text, a lost terminal."""

import os
import random
import re
import shutil
import signal
import time
from collections.abc import Callable

import pytest

from tests.console.recorded_home import RecordedHome
from tests.console.terminal.real_console import RealConsole

SCREENS = ("Runs", "Configure", "Live", "Checkpoints", "Models", "Evaluate")
SHADE = re.compile(rb"[34]8;2;(\d+);(\d+);(\d+)")


def is_complete(title: str) -> Callable[[str], bool]:
    """What is true of a screen whose top bar and footer are there."""

    def is_true(shown: str) -> bool:
        lines = shown.splitlines()
        return title in lines[0] and "all actions" in lines[-1]

    return is_true


def show_every_screen(console: RealConsole) -> dict[str, str]:
    """Go through the six screens; gives what each of them shows."""
    shown = {}
    for place, title in enumerate(SCREENS, start=1):
        console.press(f"f{place}")
        console.wait(is_complete(title), f"the screen {title}")
        console.read(0.4)
        shown[title] = console.text()
        console.refuse_bugs()
    return shown


@pytest.mark.parametrize("size", [(60, 20), (80, 24)])
def test_every_screen_fits_a_small_terminal(
    recorded_home: RecordedHome, size: tuple[int, int]
) -> None:
    with RealConsole(size=size) as console:
        console.wait("campus-baseline")
        show_every_screen(console)
        said = console.leave()
    assert "keep running" in said or "keeps running" in said


def test_without_color_and_unicode_nothing_of_both_is_sent(recorded_home: RecordedHome) -> None:
    shutil.rmtree(recorded_home.run("hostile").path)  # its name holds characters of all kinds
    with RealConsole("--ascii", environment={"NO_COLOR": "1"}) as console:
        console.wait("campus-baseline")
        shown = show_every_screen(console)
        console.press("?")
        console.wait("esc closes")
        console.press("escape")
        console.wait(lambda text: "esc closes" not in text, "the help is closed")
        console.leave()
        sent = bytes(console.received)
    for title, text in shown.items():
        assert text.isascii(), f"{title}: {sorted({c for c in text if not c.isascii()})}"
    assert sent.isascii()
    # Textual's answer to NO_COLOR is shades of gray.
    shades = set(SHADE.findall(sent))
    assert shades
    assert not {shade for shade in shades if len(set(shade)) > 1}


def test_options_before_a_command_reach_its_console(recorded_home: RecordedHome) -> None:
    shutil.rmtree(recorded_home.run("hostile").path)
    run_id = recorded_home.ids["running"]
    asked_for_ascii = {"LC_ALL": "C"}
    with RealConsole("--readonly", "attach", run_id, environment=asked_for_ascii) as console:
        console.wait("read only")
        console.wait(is_complete("Live"))
        console.leave()
        assert bytes(console.received).isascii()


def test_a_digit_right_behind_another_is_no_filter(recorded_home: RecordedHome) -> None:
    with RealConsole("attach", recorded_home.ids["running"], size=(120, 40)) as console:
        console.wait("train/loss")
        console.press("1")
        console.press("2")
        console.wait("preset", "the screen Configure")
        console.leave()


def test_hostile_text_is_shown_and_not_obeyed(recorded_home: RecordedHome) -> None:
    with RealConsole("attach", recorded_home.ids["hostile"], size=(120, 40)) as console:
        console.wait(is_complete("Live"))
        console.read(1.0)
        console.refuse_bugs()
        console.press("f1")
        console.wait("campus-baseline")
        shown = show_every_screen(console)
        console.leave()
        sent = bytes(console.received)
    # The name begins so: the markup is text, the control sequence is spelled out.
    assert "[bold red]night" in shown["Runs"]
    for obeyed in (b"\x1b]0;", b"\x1b[8m", "\u202e".encode(), "\u2066".encode()):
        assert obeyed not in sent, obeyed


def test_resizing_as_fast_as_it_goes_leaves_a_whole_screen(recorded_home: RecordedHome) -> None:
    chance = random.Random(7)
    with RealConsole("attach", recorded_home.ids["finished"]) as console:
        console.wait(is_complete("Live"))
        for place in (3, 1, 4):
            console.press(f"f{place}")
            for _ in range(30):
                console.resize(chance.randint(10, 220), chance.randint(3, 60))
                console.read(0.02)
            console.resize(100, 30)
            console.wait(is_complete(SCREENS[place - 1]))
        console.leave()


def test_a_lost_terminal_ends_the_console_and_no_run(recorded_home: RecordedHome) -> None:
    with RealConsole() as console:
        console.wait("campus-baseline")
        console.close_terminal()
    with RealConsole() as console:
        shown = console.wait("campus-baseline")
        assert "running" in shown
        console.leave()


def test_bytes_that_are_no_text_end_nothing(recorded_home: RecordedHome) -> None:
    with RealConsole() as console:
        console.wait("campus-baseline")
        os.write(console.process.child_fd, b"\xff\xfe\xe9")
        console.press("?")
        console.wait("Help: Runs")
        console.press("escape")
        console.leave()


def test_a_key_soon_behind_escape_is_a_key_of_its_own(recorded_home: RecordedHome) -> None:
    with RealConsole() as console:
        console.wait("campus-baseline")
        console.press("?")
        console.wait("Help: Runs")
        console.process.send("\x1b")
        time.sleep(0.06)
        console.process.send("2")
        console.wait(is_complete("Configure"))
        console.leave()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_console_and_gives_the_terminal_back(
    number: signal.Signals, recorded_home: RecordedHome
) -> None:
    with RealConsole() as console:
        console.wait("campus-baseline")
        os.kill(console.process.pid, number)
        console.wait_until(lambda: not console.process.isalive(), "its end")
        console.read(0.2)
        if number == signal.SIGTERM:
            assert b"\x1b[?1049l" in console.received, "the shell's screen is back"
