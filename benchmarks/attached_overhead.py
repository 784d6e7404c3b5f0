"""What an attached console takes from a training, measured within one training.

A real worker trains a small network, publishing off. The console is opened on it in a
pseudo-terminal of 180 × 50 and closed again, several times; steps a second are read from the
run's log in both kinds of period, which alternate.

    python benchmarks/attached_overhead.py --periods 8 --seconds 10
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
sys.path.insert(0, str(REPOSITORY))

from benchmarks.terminal import Terminal  # noqa: E402  # it lies beside this script
from training_core.contract.run_dir import RunDir, find_run  # noqa: E402
from training_core.contract.run_log import RunLogReader  # noqa: E402

TO_REACH = 0.95
PROGRAM = [sys.executable, "-m", "heimdall_console"]
SETTLE_S = 3.0


def start_training(home: Path) -> RunDir:
    """A detached run that would train for hours."""
    synth = [*PROGRAM, "data", "synth", "--sessions", "2000", "--name", "campus"]
    subprocess.run(synth, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    settings = ("data.dataset=campus", "trainer.epochs=1000000", "tracking.enabled=false")
    more = ("schedule.name=constant", "early_stopping.enabled=false")
    sets = [part for setting in (*settings, *more) for part in ("--set", setting)]
    subprocess.run([*PROGRAM, "run", "--detach", *sets], check=True, stdout=subprocess.DEVNULL)
    return find_run(home, "@last")


def steps_per_s(reader: RunLogReader, seconds: float) -> float:
    """Steps a second over a time from now."""
    while reader.read_new():
        continue
    begun, first, last = time.perf_counter(), 0, 0
    while time.perf_counter() - begun < seconds:
        time.sleep(0.5)
        for record in reader.read_new():
            if record["kind"] == "metrics" and isinstance(record.get("step"), int):
                first = first or record["step"]
                last = record["step"]
    return (last - first) / (time.perf_counter() - begun)


def main() -> None:
    """Print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--periods", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        names = ("HEIMDALL_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME")
        os.environ |= dict.fromkeys(names, folder)
        run = start_training(Path(folder))
        try:
            reader = RunLogReader(run.log_path)
            while not any(record["kind"] == "metrics" for record in reader.read_new()):
                time.sleep(0.2)
            steps_per_s(reader, SETTLE_S)
            alone, attached = [], []
            for _ in range(options.periods):
                alone.append(steps_per_s(reader, options.seconds))
                with Terminal([*PROGRAM, "attach", run.id], 180, 50) as terminal:
                    terminal.read(SETTLE_S)
                    drain = terminal.drain()
                    attached.append(steps_per_s(reader, options.seconds))
                    drain()
        finally:
            subprocess.run([*PROGRAM, "runs", "kill", run.id, "--yes"], check=False)
    ratios = [with_it / without for without, with_it in zip(alone, attached, strict=True)]
    missed = "" if median(ratios) >= TO_REACH else "  MISSED"
    print(f"steps/s alone {median(alone):.0f}, with a console attached {median(attached):.0f}")
    print(f"ratio, median of {len(ratios)} pairs: {median(ratios):.3f}{missed}")
    print(f"to reach: {TO_REACH}")


if __name__ == "__main__":
    main()
