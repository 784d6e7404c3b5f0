"""How long `run --detach` takes, from the shell's view, to the id on the screen.

Alternates with a bare interpreter; medians and the ratio are printed. The workers that are
started are killed at once: their imports would slow the next command.

    python benchmarks/detach.py --runs 15
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

REPOSITORY = Path(__file__).resolve().parent.parent
TO_REACH_S = 0.5


def seconds_to_first_line(command: list[str]) -> tuple[float, str]:
    """Wall time until a command has printed its first line, and the line."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    took = time.perf_counter() - began
    process.communicate()
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return took, line


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    program = [sys.executable, "-m", "heimdall_console"]
    detach = [*program, "run", "--data-dir", "campus", "--set", "tracking.enabled=false"]
    commands = {
        "python -c print": [sys.executable, "-c", "print()"],
        "run --detach": [*detach, "--detach", "--json"],
        "run --config … --detach": [
            *detach,
            *["--config", "examples/demo.toml", "--detach", "--json"],
        ],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as home:
        os.environ["HEIMDALL_HOME"] = home
        synth = [*program, "data", "synth", "--sessions", "2000", "--name", "campus"]
        subprocess.run(synth, cwd=REPOSITORY, stdout=subprocess.DEVNULL, check=True)
        for _ in range(options.runs + 1):
            for name, command in commands.items():
                took, line = seconds_to_first_line(command)
                times[name].append(took)
                if line.strip():
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(json.loads(line)["pid"], signal.SIGKILL)
    bare = median(times["python -c print"][1:])
    print(f"{'command':26s}{'seconds':>10s}{'÷ bare python':>16s}")
    for name, measured in times.items():
        middle = median(measured[1:])
        verdict = "" if name.startswith("python") or middle <= TO_REACH_S else "  MISSED"
        print(f"{name:26s}{middle:10.3f}{middle / bare:16.1f}{verdict}")
    print(f"to reach: {TO_REACH_S} s to the id on the screen")


if __name__ == "__main__":
    main()
