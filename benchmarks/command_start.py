"""How long the commands take that people type most, from the shell's view.

Each command runs several times in turn with a bare interpreter; medians and the ratio are
printed. The commands load neither torch nor mlflow (tests/test_import_boundaries.py).

    python benchmarks/command_start.py --runs 9
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

REPOSITORY = Path(__file__).resolve().parent.parent
TO_REACH_S = 0.3


def seconds(command: list[str]) -> float:
    """Wall time of a command that must succeed."""
    began = time.perf_counter()
    subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    program = [sys.executable, "-m", "heimdall_console"]
    with tempfile.TemporaryDirectory() as home:
        os.environ["HEIMDALL_HOME"] = home
        seconds([*program, "data", "synth", "--sessions", "2000", "--name", "campus"])
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "--help": [*program, "--help"],
            "run --help": [*program, "run", "--help"],
            "config validate": [*program, "config", "validate", "examples/powder.toml"],
            "config show": [*program, "config", "show", "examples/powder.toml"],
            "config schema": [*program, "config", "schema"],
            "data info": [*program, "data", "info", "campus"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(options.runs + 1):
            for name, command in commands.items():
                times[name].append(seconds(command))
    bare = median(times["python -c pass"][1:])
    print(f"{'command':20s}{'seconds':>10s}{'÷ bare python':>16s}")
    for name, measured in times.items():
        middle = median(measured[1:])
        verdict = "" if name.startswith("python") or middle <= TO_REACH_S else "  MISSED"
        print(f"{name:20s}{middle:10.3f}{middle / bare:16.1f}{verdict}")
    print(f"to reach: {TO_REACH_S} s")


if __name__ == "__main__":
    main()
