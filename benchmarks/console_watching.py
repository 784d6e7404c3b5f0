"""What watching a run costs: bytes to the terminal, processor time, delay, memory.

The real console watches a run in a pseudo-terminal of 180 × 50 with 24-bit color while this
process writes the run's log: ten metrics at 50 steps a second, hardware once a second. Then the
run falls silent. Bytes are compared with the size of one complete frame, processor time with a
Textual app that shows one number and waits.

    python benchmarks/console_watching.py --seconds 30
    python benchmarks/console_watching.py --replay-minutes 30
"""

import argparse
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

import pyte

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from benchmarks.logged_run import METRICS, LoggedRun  # noqa: E402  # it lies beside this script
from benchmarks.terminal import Terminal  # noqa: E402

COLUMNS, ROWS = 180, 50
STEPS_PER_S = 50.0
WATCH_BYTES_PER_S, KNOWN_BYTES_PER_S, WATCH_CPU = 6_000, 4_000, 0.06
IDLE_CPU, DELAY_S = 0.01, 0.35
REPLAY_SPEED = 10.0

WAITING = """
from textual.app import App
from textual.widgets import Static
class Waiting(App):
    def compose(self):
        yield Static("nothing happens")
Waiting().run()
"""


def open_console(run: LoggedRun) -> Terminal:
    """The console on the run, with its charts drawn."""
    command = [sys.executable, "-m", "heimdall_console", "attach", run.directory.id]
    terminal = Terminal(command, COLUMNS, ROWS)
    terminal.wait_for(lambda sent: b"learning_rate" in sent)
    terminal.read(2.0)
    return terminal


def rates(terminal: Terminal, seconds: float) -> tuple[float, float]:
    """Bytes a second to the terminal, and share of a core."""
    cpu_s, began = terminal.cpu_s, time.perf_counter()
    sent = terminal.read(seconds)
    passed = time.perf_counter() - began
    return len(sent) / passed, (terminal.cpu_s - cpu_s) / passed


def watch(home: Path, seconds: float, total: int | None) -> tuple[int, float, float, float, float]:
    """Size of a frame, then bytes and cores while the run writes, then while it is silent."""
    with LoggedRun(home, total) as run:
        run.write_for(2.0, 500.0)
        writer = run.in_background(seconds + 8.0, STEPS_PER_S)
        with open_console(run) as terminal:
            watched = rates(terminal, seconds)
            writer.join()
            terminal.read(3.0)
            silent = rates(terminal, seconds)
            before = len(terminal.received)
            terminal.resize(COLUMNS - 1, ROWS)
            terminal.read(3.0)
            frame = max(1, len(terminal.received) - before)
    return frame, *watched, *silent


def delays(home: Path, samples: int) -> list[float]:
    """Seconds from a metric's record to its value on the screen, at random moments."""
    moments, measured = random.Random(1), []
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    with LoggedRun(home, None) as run:
        run.write_for(2.0, 200.0)
        with open_console(run) as terminal:
            stream.feed(bytes(terminal.received))
            for sample in range(samples):
                terminal_sent = terminal.read(0.4 + moments.random())
                stream.feed(terminal_sent)
                told = f"{3000 + 7 * sample}"
                shown = f"{int(told):,}"
                values = dict.fromkeys(METRICS, 5.0) | {METRICS[0]: float(told)}
                began = time.perf_counter()
                run.write_step(**values)

                def is_shown(_: bytes, told: str = told, shown: str = shown) -> bool:
                    text = "\n".join(screen.display)
                    return told in text or shown in text

                while time.perf_counter() - began < 5.0:
                    stream.feed(terminal.read(0.01))
                    if is_shown(b""):
                        break
                measured.append(time.perf_counter() - began)
    return measured


def waiting_cpu(seconds: float) -> float:
    """Share of a core of a Textual app that waits."""
    with Terminal([sys.executable, "-c", WAITING], COLUMNS, ROWS) as terminal:
        terminal.wait_for(lambda sent: b"nothing" in sent)
        terminal.read(1.0)
        return rates(terminal, seconds)[1]


def replay(home: Path, minutes: float) -> None:
    """Memory of the console while a run of ten times the usual speed grows."""
    with LoggedRun(home, None) as run:
        run.write_for(2.0, 500.0)
        with open_console(run) as terminal:
            first_bytes, first_step = terminal.memory_bytes, run.step
            writer = run.in_background(minutes * 60.0, STEPS_PER_S * REPLAY_SPEED)
            while writer.is_alive():
                terminal.read(5.0)
            terminal.read(3.0)
            grown = terminal.memory_bytes - first_bytes
            points = (run.step - first_step) * len(METRICS)
    print(f"memory after {minutes:g} minutes at {REPLAY_SPEED:g} ×")
    print(f"  at the beginning {first_bytes / 1e6:8.1f} MB")
    print(f"  grown by         {grown / 1e6:8.1f} MB for {points:,} points: ", end="")
    print(f"{grown / points:.1f} bytes a point")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--replay-minutes", type=float, default=0.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ |= dict.fromkeys(("HEIMDALL_HOME", "XDG_STATE_HOME"), folder)
        os.environ["XDG_CONFIG_HOME"] = folder
        if options.replay_minutes:
            replay(home, options.replay_minutes)
            return
        bare = waiting_cpu(options.seconds)
        print(f"{'':34s}{'bytes/s':>9s}{'÷ frame':>9s}{'% of a core':>13s}{'Textual waits':>15s}")
        for name, total, to_reach in (
            ("watching, total unknown", None, WATCH_BYTES_PER_S),
            ("watching, total known", 20_000, KNOWN_BYTES_PER_S),
        ):
            frame, sent, cpu, idle_sent, idle_cpu = watch(home, options.seconds, total)
            missed = "  MISSED" if sent > to_reach or cpu > WATCH_CPU else ""
            print(
                f"{name:34s}{sent:9,.0f}{sent / frame:9.2f}{100 * cpu:13.1f}{100 * bare:15.1f}{missed}"
            )
            missed = "  MISSED" if idle_sent > 0 or idle_cpu > IDLE_CPU else ""
            print(
                f"{'  then nothing changes':34s}{idle_sent:9,.0f}{idle_sent / frame:9.2f}"
                f"{100 * idle_cpu:13.1f}{100 * bare:15.1f}{missed}"
            )
        taken = delays(home, options.samples)
        cuts = quantiles(taken, n=100)
        missed = "  MISSED" if cuts[94] > DELAY_S else ""
        print(
            f"metric written → on screen: median {1000 * median(taken):.0f} ms, "
            f"95 % {1000 * cuts[94]:.0f} ms, longest {1000 * max(taken):.0f} ms{missed}"
        )
    print(
        f"to reach: {WATCH_BYTES_PER_S:,} bytes/s ({KNOWN_BYTES_PER_S:,} with a known total), "
        f"{100 * WATCH_CPU:.0f} % of a core; silent 0 bytes, {100 * IDLE_CPU:.0f} %; "
        f"delay 95 % ≤ {1000 * DELAY_S:.0f} ms"
    )


if __name__ == "__main__":
    main()
