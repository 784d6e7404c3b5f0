"""How soon the console shows its first complete frame, beside an empty Textual app.

Both are started in a pseudo-terminal of 120 × 40, in turn. The frame is complete when the line
at its bottom has arrived; for the console the time until its runs stand in the table is told, too.

    python benchmarks/first_frame.py --rounds 9
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

import orjson

from training_core.contract.home import runs_folder
from training_core.contract.records import encode_record
from training_core.contract.run_dir import RunDir, RunInfo

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from benchmarks.terminal import Terminal  # noqa: E402  # it lies beside this script

TO_REACH = 1.5
RUNS = 40
CREATED_S = 1_790_000_000.0

EMPTY = """
from textual.app import App
from textual.widgets import DataTable, Footer, Header
class Empty(App):
    BINDINGS = [("q", "quit", "all actions")]
    def compose(self):
        yield Header()
        yield DataTable()
        yield Footer()
    def on_mount(self):
        self.query_one(DataTable).add_columns("status", "name", "best")
Empty().run()
"""


def make_home(home: Path) -> None:
    """A home with some finished runs."""
    for number in range(RUNS):
        run = RunDir(runs_folder(home) / f"20260101-{number:06d}-aaaaaa")
        run.checkpoints.mkdir(parents=True)
        info = RunInfo(
            id=run.id, name=f"bench-{number}", experiment="bench", created=CREATED_S + number
        )
        run.info_path.write_bytes(orjson.dumps(info.as_fields()))
        state = {"status": "finished", "reason": "", "exit_code": 0}
        run.log_path.write_bytes(encode_record("state", CREATED_S + 60, state))


def first_frame_s(command: list[str]) -> tuple[float, float]:
    """Seconds to the footer, and to the first run in the table (0 where none is waited for)."""
    with Terminal(command, 120, 40) as terminal:
        frame_s = terminal.wait_for(lambda sent: b"all actions" in sent)
        rows_s = 0.0
        if "heimdall_console" in command:
            rows_s = frame_s
            if b"bench-39" not in terminal.received:
                rows_s += terminal.wait_for(lambda sent: b"bench-39" in sent)
        return frame_s, rows_s


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    commands = {
        "empty Textual app": [sys.executable, "-c", EMPTY],
        "console": [sys.executable, "-m", "heimdall_console"],
    }
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        make_home(home)
        os.environ |= {
            "HEIMDALL_HOME": folder,
            "XDG_STATE_HOME": folder,
            "XDG_CONFIG_HOME": folder,
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(options.rounds + 1):
            for name, command in commands.items():
                times[name].append(first_frame_s(command))
    empty, console = (median(frame for frame, _ in times[name][1:]) for name in commands)
    rows = median(rows for _, rows in times["console"][1:])
    verdict = "" if console <= TO_REACH * empty else "  MISSED"
    print(f"{'':36s}{'seconds':>9s}{'÷ empty':>9s}")
    print(f"{'empty Textual app, first frame':36s}{empty:9.3f}{1:9.2f}")
    print(f"{'console, first frame':36s}{console:9.3f}{console / empty:9.2f}{verdict}")
    print(f"{f'console, {RUNS} runs in its table':36s}{rows:9.3f}{rows / empty:9.2f}")
    print(f"to reach: {TO_REACH} × the empty app")


if __name__ == "__main__":
    main()
