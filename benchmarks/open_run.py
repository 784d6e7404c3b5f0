"""How soon the console shows all of a long run, beside reading its log with nothing else.

The log holds ten metrics at 100,000 steps. The real program opens it in a pseudo-terminal of
180 × 50; it is done when its header says that the run has finished and its charts are drawn. In
turn with it: an empty Textual app, and a process that only reads and folds the log.

    python benchmarks/open_run.py --rounds 7
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from benchmarks.first_frame import EMPTY  # noqa: E402  # it lies beside this script
from benchmarks.logged_run import LoggedRun  # noqa: E402
from benchmarks.terminal import Terminal  # noqa: E402

COLUMNS, ROWS = 180, 50
TO_REACH_S, TO_REACH_BYTES = 0.8, 120e6

FOLDING = """
import sys
from pathlib import Path
from heimdall_console.run_history import RunHistory
from training_core.contract.run_log import PIECE_BYTES, RunLogReader
history, reader = RunHistory(), RunLogReader(Path(sys.argv[1]))
while records := reader.read_new(PIECE_BYTES):
    history.take(records)
history.view()
print("folded", flush=True)
input()
"""


def make_run(home: Path, steps: int) -> LoggedRun:
    """A finished run with its whole log."""
    with LoggedRun(home, steps) as run:
        for step in range(steps):
            run.write_step()
            if step % 500 == 0:
                run.write_hardware()
        run.write_end()
    return run


def opened(command: list[str], mark: bytes) -> tuple[float, float]:
    """Seconds from the start until a text has arrived, and resident memory then."""
    with Terminal(command, COLUMNS, ROWS) as terminal:
        terminal.wait_for(lambda sent: mark in sent)
        seconds = time.perf_counter() - terminal.began_s
        terminal.read(0.5)
        return seconds, terminal.memory_bytes


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= dict.fromkeys(("HEIMDALL_HOME", "XDG_STATE_HOME"), folder)
        os.environ["XDG_CONFIG_HOME"] = folder
        run = make_run(Path(folder), options.steps).directory
        size = run.log_path.stat().st_size
        commands = {
            "empty Textual app": ([sys.executable, "-c", EMPTY], b"all actions"),
            "reading and folding alone": (
                [sys.executable, "-c", FOLDING, str(run.log_path)],
                b"folded",
            ),
            "console, everything drawn": (
                [sys.executable, "-m", "heimdall_console", "attach", run.id],
                b"finished",
            ),
        }
        measured: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(options.rounds + 1):
            for name, (command, mark) in commands.items():
                measured[name].append(opened(command, mark))
    print(f"a log of {size / 1e6:.0f} MB: 10 metrics × {options.steps:,} steps")
    alone = median(s for s, _ in measured["reading and folding alone"][1:])
    print(f"{'':30s}{'seconds':>9s}{'÷ reading':>11s}{'MB':>7s}")
    for name, runs in measured.items():
        seconds, memory = (median(values) for values in zip(*runs[1:], strict=True))
        is_missed = name.startswith("console") and (seconds > TO_REACH_S or memory > TO_REACH_BYTES)
        print(
            f"{name:30s}{seconds:9.3f}{seconds / alone:11.2f}{memory / 1e6:7.0f}"
            f"{'  MISSED' if is_missed else ''}"
        )
    print(f"to reach: {TO_REACH_S} s, {TO_REACH_BYTES / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
