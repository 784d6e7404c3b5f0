"""How long it takes to list and to watch the runs of a home, whatever the length of their logs.

Two thousand runs are made: most have ended, some crashed, some wait, some are alive (a process
holds their locks), and a few have logs of many megabytes. Listing is measured in fresh processes
that alternate with the same home whose logs are a hundredth as long: the ratio says whether the
length of logs matters.

    python benchmarks/list_runs.py --runs 2000 --rounds 5
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import orjson

from training_core.contract.checkpoints import CheckpointSidecar, write_sidecar
from training_core.contract.config import Config
from training_core.contract.config_template import render_resolved
from training_core.contract.home import runs_folder
from training_core.contract.records import encode_record
from training_core.contract.run_dir import RunDir, RunInfo

TO_REACH_S = 0.3
LONG_BYTES = 50 * 1000 * 1000
LONG_RUNS, LIVE_RUNS = 6, 4
CREATED_S = 1_790_000_000.0

LIST = """
import sys, time
from pathlib import Path
from heimdall_console.run_index import RunIndex
home = Path(sys.argv[1])
began = time.perf_counter()
index = RunIndex(home)
runs = index.refresh()
listed = time.perf_counter()
index.refresh()
print(len(runs), sum(not run.status.has_ended for run in runs), listed - began, time.perf_counter() - listed)
"""
HOLD = """
import sys
from pathlib import Path
from training_core.contract.lock import WorkerLock
locks = [WorkerLock(Path(path) / "worker.lock") for path in sys.argv[1:]]
print("held", flush=True)
sys.stdin.read()
"""


def steps(first: int, count: int) -> bytes:
    """The records of some steps, as a training writes them."""
    lines = []
    for step in range(first, first + count):
        time_s = CREATED_S + step / 50
        values = {"train/loss": 5.0 / (1 + step), "learning_rate": 1e-3}
        fields = {"step": step, "epoch": step // 100, "values": values}
        lines.append(encode_record("metrics", time_s, fields))
        if step % 10 == 0:
            done = {"name": "train", "done": step, "total": 10_000, "epoch": step // 100}
            lines.append(encode_record("task", time_s, {**done, "epochs": 100}))
    return b"".join(lines)


def make_run(home: Path, number: int, kind: str, log_bytes: int, config: str) -> RunDir:
    """One run directory: ended, crashed, queued or live."""
    run = RunDir(runs_folder(home) / f"20260101-{number:06d}-aaaaaa")
    run.checkpoints.mkdir(parents=True)
    info = RunInfo(id=run.id, name=f"run-{number}", experiment="bench", created=CREATED_S)
    run.info_path.write_bytes(orjson.dumps(info.as_fields(), option=orjson.OPT_INDENT_2))
    run.config_path.write_text(config)
    run.lock_path.write_bytes(b'{"pid":1,"started":0,"host":"none"}')
    if kind == "queued":
        return run
    metrics = {"val/loss": 1.5, "val/median_m": 120.0}
    for step in (100, 200, 300):
        sidecar = CheckpointSidecar(
            file=f"epoch=01-step={step:06d}.ckpt",
            step=step,
            epoch=1,
            metrics=metrics,
            monitor="val/loss",
            size_bytes=1,
            sha256="0" * 64,
            created=CREATED_S,
        )
        (run.checkpoints / sidecar.file).touch()
        write_sidecar(run.checkpoints, sidecar)
    block = steps(1, 1000)
    with run.log_path.open("wb") as log:
        for status in ("starting", "running"):
            log.write(encode_record("state", CREATED_S, {"status": status}))
        log.write(block * max(1, log_bytes // len(block)))
        if kind == "ended":
            summary = {"step": 10_000, "epoch": 99, "epochs": 100, "monitor": "val/loss"}
            summary |= {"best": 1.5, "metrics": metrics}
            end = {"status": "finished", "exit_code": 0, "summary": summary}
            log.write(encode_record("state", CREATED_S + 200, end))
    return run


def make_home(home: Path, runs: int, scale: float) -> list[RunDir]:
    """A home of runs; those that are to be alive are returned."""
    config = render_resolved(Config())
    live = []
    for number in range(runs):
        kind, log_bytes = "ended", 150_000.0
        if number % 40 == 1:
            kind = "crashed"
        elif number % 40 == 2:
            kind = "queued"
        if number >= runs - LONG_RUNS:
            log_bytes = LONG_BYTES
            kind = "live" if number >= runs - LIVE_RUNS else "ended"
        run = make_run(home, number, kind, int(log_bytes * scale), config)
        if kind == "live":
            live.append(run)
    return live


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        homes = {"long logs": Path(folder) / "long", "short logs": Path(folder) / "short"}
        live = make_home(homes["long logs"], options.runs, 1.0)
        live += make_home(homes["short logs"], options.runs, 0.01)
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLD, *(str(run.path) for run in live)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        listed: dict[str, list[float]] = {name: [] for name in homes}
        again: dict[str, list[float]] = {name: [] for name in homes}
        command: list[float] = []
        for _ in range(options.rounds):
            for name, home in homes.items():
                words = [sys.executable, "-c", LIST, str(home)]
                answer = subprocess.run(words, capture_output=True, text=True, check=True)
                count, alive, first_s, second_s = answer.stdout.split()
                assert int(count) == options.runs
                assert int(alive) >= LIVE_RUNS
                listed[name].append(float(first_s))
                again[name].append(float(second_s))
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "heimdall_console", "runs", "list", "--json"],
                env={**os.environ, "HEIMDALL_HOME": str(homes["long logs"])},
                stdout=subprocess.DEVNULL,
                check=True,
            )
            command.append(time.perf_counter() - began)
        holder.communicate()
    long_s, short_s = median(listed["long logs"]), median(listed["short logs"])
    verdict = "" if long_s <= TO_REACH_S else "  MISSED"
    print(
        f"list {options.runs} runs            {long_s:8.3f} s   to reach: {TO_REACH_S} s{verdict}"
    )
    print(f"  ÷ logs a hundredth as long {long_s / short_s:7.2f}")
    print(f"look again, nothing changed {median(again['long logs']):8.3f} s")
    print(f"`runs list --json` as a whole {median(command):6.3f} s")


if __name__ == "__main__":
    main()
