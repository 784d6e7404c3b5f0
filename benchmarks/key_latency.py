"""From a key to the changed screen that it asks for, while training uses every core.

As many processes as there are cores do nothing but multiply, at the usual priority, as a
training does. The console is in a pseudo-terminal of 120 × 40; every key is sent after the screen
of the one before it has been quiet for a while. In the same run the keys are also measured while
nothing computes, and in turns with a bare Textual app that changes between two texts.

    python benchmarks/key_latency.py --rounds 30
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import quantiles

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from benchmarks.first_frame import make_home  # noqa: E402  # it lies beside this script
from benchmarks.logged_run import LoggedRun  # noqa: E402
from benchmarks.terminal import Terminal  # noqa: E402

COLUMNS, ROWS = 120, 40
TO_REACH_S = 0.05

# Keys in an order that can be repeated for ever, and what each one's screen shows.
KEYS: tuple[tuple[bytes, bytes], ...] = (
    (b"1", b"bench-39"),
    (b"?", b"Help: Runs"),
    (b"\x1b", b"bench-2"),
    (b"3", b"page 1 of"),
    (b"f", b"all charts"),
    (b"\x1b", b"page 1 of"),
    (b"2", b"experiment"),
    (b"4", b"checkpoints"),
    (b"3", b"page 1 of"),
)

# The least that Textual can do: two screens with nothing but a text that fills them.
BARE = """
from textual.app import App
from textual.screen import Screen
from textual.widgets import Static
def screen(word):
    class Filled(Screen):
        def compose(self):
            yield Static((word + " ") * 600)
    return Filled
class Bare(App):
    MODES = {"a": screen("first"), "b": screen("second")}
    DEFAULT_MODE = "a"
    BINDINGS = [("a", "switch_mode('a')"), ("b", "switch_mode('b')")]
Bare().run()
"""
BARE_KEYS: tuple[tuple[bytes, bytes], ...] = ((b"b", b"second"), (b"a", b"first")) * 4
_SILENCE_S = 0.25


@contextmanager
def every_core_busy() -> Iterator[None]:
    """Processes that compute for as long as the block lasts."""
    crowd = [multiprocessing.Process(target=_multiply) for _ in range(os.cpu_count() or 1)]
    for process in crowd:
        process.start()
    try:
        yield
    finally:
        for process in crowd:
            process.kill()
            process.join()


def _multiply() -> None:
    import numpy as np

    matrix = np.random.default_rng(0).random((256, 256))
    while True:
        matrix = matrix @ matrix
        matrix /= matrix.max()


def _holds(wanted: bytes, sent: bytes) -> bool:
    return wanted in sent


def time_keys(terminal: Terminal, keys: Sequence[tuple[bytes, bytes]]) -> list[float]:
    """Seconds from each key to the arrival of what its screen is known by."""
    measured = []
    for key, wanted in keys:
        while terminal.read(_SILENCE_S):
            pass  # what an earlier key asked for is not this one's
        terminal.send(key)
        measured.append(terminal.wait_for(partial(_holds, wanted)))
    return measured


def alternate(console: Terminal, bare: Terminal, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of every key of the console, and of the bare app, in turns."""
    ours, theirs = [], []
    for _ in range(rounds):
        ours += time_keys(console, KEYS)
        theirs += time_keys(bare, BARE_KEYS)
    return ours, theirs


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        make_home(home)
        os.environ |= dict.fromkeys(("HEIMDALL_HOME", "XDG_STATE_HOME"), folder)
        os.environ["XDG_CONFIG_HOME"] = folder
        with LoggedRun(home, 20_000) as run:
            run.write_for(2.0, 500.0)
            command = [sys.executable, "-m", "heimdall_console", "attach", run.directory.id]
            with (
                Terminal(command, COLUMNS, ROWS) as console,
                Terminal([sys.executable, "-c", BARE], COLUMNS, ROWS) as bare,
            ):
                console.wait_for(lambda sent: b"page 1 of" in sent)
                console.read(3.0)
                # The first visit of a screen makes it; later ones show it.
                alternate(console, bare, 1)
                found = {"idle": alternate(console, bare, options.rounds)}
                with every_core_busy():
                    found["every core busy"] = alternate(console, bare, options.rounds)
    print(
        f"{'key → changed screen, ms':28s}{'50 %':>8s}{'95 %':>8s}{'99 %':>8s}{'÷ bare (50, 95 %)':>20s}"
    )
    for name, (ours, theirs) in found.items():
        cut, bare_cut = quantiles(ours, n=100), quantiles(theirs, n=100)
        missed = "  MISSED" if name != "idle" and cut[94] > TO_REACH_S else ""
        print(
            f"{name:28s}{1000 * cut[49]:8.1f}{1000 * cut[94]:8.1f}{1000 * cut[98]:8.1f}"
            f"{cut[49] / bare_cut[49]:12.2f}{cut[94] / bare_cut[94]:8.2f}{missed}"
        )
        print(
            f"{'  two texts, bare Textual':28s}"
            f"{1000 * bare_cut[49]:8.1f}{1000 * bare_cut[94]:8.1f}{1000 * bare_cut[98]:8.1f}"
        )
    print(f"to reach: 95 % within {1000 * TO_REACH_S:.0f} ms while every core is busy")


if __name__ == "__main__":
    main()
