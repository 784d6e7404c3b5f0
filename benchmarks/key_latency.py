"""From a key to the changed screen that it asks for, while training uses every core.

As many processes as there are cores do nothing but multiply, at the usual priority, as a
training does. The console is in a pseudo-terminal of 120 × 40; every key is sent after the screen
of the one before it has been quiet for a while. The same keys are measured on a machine that does
nothing else, in the same run.

    python benchmarks/key_latency.py --rounds 30
"""

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

import pyte

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from benchmarks.first_frame import make_home  # noqa: E402  # it lies beside this script
from benchmarks.logged_run import LoggedRun  # noqa: E402
from benchmarks.terminal import Terminal  # noqa: E402

COLUMNS, ROWS = 120, 40
TO_REACH_S = 0.05

# Keys in an order that can be repeated for ever, and what each one's screen shows.
KEYS: tuple[tuple[bytes, str], ...] = (
    (b"1", "bench-39"),
    (b"?", "Help: Runs"),
    (b"\x1b", "all actions"),
    (b"3", "page 1 of"),
    (b"f", "all charts"),
    (b"\x1b", "page 1 of"),
    (b"]", "page 2 of"),
    (b"[", "page 1 of"),
    (b"2", "experiment"),
    (b"4", "checkpoints"),
    (b"3", "page 1 of"),
)


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


def measure(terminal: Terminal, screen: pyte.Screen, rounds: int) -> list[float]:
    """Seconds from each key to the first screen that shows what it asks for."""
    stream, measured, moments = pyte.ByteStream(screen), [], random.Random(0)
    stream.feed(bytes(terminal.received))
    for _ in range(rounds):
        for key, wanted in KEYS:
            stream.feed(terminal.read(0.15 + 0.1 * moments.random()))
            before = list(screen.display)
            began = time.perf_counter()
            terminal.send(key)
            while time.perf_counter() - began < 5.0:
                stream.feed(terminal.read(0.002))
                if screen.display != before and any(wanted in line for line in screen.display):
                    break
            measured.append(time.perf_counter() - began)
    return measured


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        make_home(home)
        os.environ |= dict.fromkeys(("HEIMDALL_HOME", "XDG_STATE_HOME"), folder)
        os.environ["XDG_CONFIG_HOME"] = folder
        with LoggedRun(home, 20_000) as run:
            run.write_for(2.0, 500.0)
            command = [sys.executable, "-m", "heimdall_console", "attach", run.directory.id]
            with Terminal(command, COLUMNS, ROWS) as terminal:
                screen = pyte.Screen(COLUMNS, ROWS)
                terminal.wait_for(lambda sent: b"page 1 of" in sent)
                terminal.read(3.0)
                # The first visit of a screen makes it; later ones show it.
                measure(terminal, screen, 1)
                idle = measure(terminal, screen, options.rounds)
                with every_core_busy():
                    busy = measure(terminal, screen, options.rounds)
    print(
        f"{'key → changed screen, ms':28s}{'50 %':>8s}{'95 %':>8s}{'99 %':>8s}{'÷ idle (95 %)':>15s}"
    )
    cuts = {name: quantiles(t, n=100) for name, t in (("idle", idle), ("every core busy", busy))}
    for name, cut in cuts.items():
        missed = "  MISSED" if name != "idle" and cut[94] > TO_REACH_S else ""
        print(
            f"{name:28s}{1000 * cut[49]:8.1f}{1000 * cut[94]:8.1f}{1000 * cut[98]:8.1f}"
            f"{cut[94] / cuts['idle'][94]:15.2f}{missed}"
        )
    print(f"to reach: 95 % within {1000 * TO_REACH_S:.0f} ms while every core is busy")


if __name__ == "__main__":
    main()
