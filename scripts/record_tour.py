#!/usr/bin/env python3
"""Record what `heimdall-console tour` replays: real trainings on the generated campus.

    .venv/bin/python scripts/record_tour.py              # a quarter of an hour on one core
    .venv/bin/python scripts/record_tour.py --home DIR   # pack what was recorded there before

It writes heimdall_console/tour/recording.tar.xz. Records are left out to keep it small, none is
changed but for names of this machine and of its user.
"""

import argparse
import getpass
import io
import json
import os
import platform
import re
import subprocess
import sys
import tarfile
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

from heimdall_console.tour.recording import (
    BASELINE,
    DIVERGED,
    HOME_TOKEN,
    LONG,
    RECORDING,
    run_token,
)
from heimdall_console.tour.weights import with_other_home

DATASET = {"preset": "campus", "sessions": 6000, "seed": 1}
RUNS = {"campus-baseline": BASELINE, "campus-weight-decay-10": DIVERGED, "campus-long": LONG}
MOST_STEPS = {BASELINE: 600, DIVERGED: 200, LONG: 1600}
"""How many records of training steps are kept of each run."""

Record = dict[str, Any]

NETWORK = {"width": 16, "depth": 1, "fingerprint_width": 64, "fingerprint_depth": 1}
"""Small, so that the one checkpoint that is shipped is."""

BASE = f"""
[run]
experiment = "campus"

[data]
dataset = "campus"
split = "place"

[model]
nll_beta = 0.5

[model.receiver_set_net]
{"".join(f"{key} = {value}{chr(10)}" for key, value in NETWORK.items())}receiver_dropout = 0.05

[optimizer]
learning_rate = 2e-3

[trainer]
batch_size = 64
accelerator = "cpu"

[early_stopping]
enabled = false

[export]
model_name = "campus"
"""


class Recorder:
    """Calls the program in a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.config = home / "base.toml"
        self.environment = {**os.environ, "HEIMDALL_HOME": str(home), "OMP_NUM_THREADS": "1"}

    def call(self, *arguments: str, may_fail: bool = False) -> None:
        """One command to its end."""
        print("$ heimdall-console", *arguments, flush=True)
        command = [sys.executable, "-m", "heimdall_console", *arguments]
        done = subprocess.run(command, env=self.environment, cwd=self.home, check=False)
        if done.returncode and not may_fail:
            raise SystemExit(f"It ended with {done.returncode}")

    def train(self, name: str, *settings: str, flags: tuple[str, ...] = ()) -> None:
        """A run from the base configuration."""
        changes = [text for setting in settings for text in ("--set", setting)]
        command = ["run", "--config", str(self.config), "--name", name, *flags, *changes]
        self.call(*command, may_fail=True)

    def wait_for_step(self, step: int) -> None:
        """Wait until the newest run has done so many steps."""
        log = max((self.home / "runs").iterdir()) / "log.jsonl"
        while not _has_step(log, step):
            time.sleep(0.5)

    def record(self) -> None:
        """All trainings, one after another."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.config.write_text(BASE)
        flags = [text for key, value in DATASET.items() for text in (f"--{key}", str(value))]
        self.call("data", "synth", "--name", "campus", *flags)
        self.train("campus-baseline", "trainer.epochs=60", "export.alias=champion")
        self.call("evaluate", "campus@champion", "campus")
        self.train(
            "campus-weight-decay-10",
            "optimizer.weight_decay=10",
            "optimizer.learning_rate=0.5",
            "trainer.epochs=60",
        )
        self.train(
            "campus-long",
            "trainer.epochs=100",
            "optimizer.learning_rate=4e-3",
            "export.alias=challenger",
            flags=("--detach",),
        )
        self.accompany()

    def accompany(self) -> None:
        """Do with the running training what a person would do."""
        self.wait_for_step(1000)
        self.call("runs", "checkpoint", "@last")
        self.wait_for_step(2000)
        self.call("runs", "validate", "@last")
        # Long enough for a spike, too short to ruin what was learned.
        self.wait_for_step(3000)
        self.call("runs", "set", "@last", "learning_rate=0.08", "--wait", "0")
        self.call("runs", "set", "@last", "learning_rate=4e-3")
        self.call("runs", "watch", "@last")


def _has_step(log: Path, step: int) -> bool:
    if not log.exists():
        return False
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4000))
        steps = [json.loads(line).get("step") or 0 for line in file.readlines()[1:-1]]
    return max(steps, default=0) >= step


class Packer:
    """Selects records and replaces what is of this machine by tokens.

    Args:
        home: What was recorded.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.runs: dict[str, Path] = {}
        for path in sorted((home / "runs").iterdir()):
            name = json.loads((path / "run.json").read_text())["name"]
            self.runs[RUNS[name]] = path
        self.files: dict[str, bytes] = {}

    def pack(self, target: Path) -> None:
        """Write the file that is shipped."""
        for key, path in self.runs.items():
            self.add_run(key, path)
        self.add_evaluation()
        weights = self.best_checkpoint().read_bytes()
        self.files["weights.ckpt"] = with_other_home(weights, str(self.home), HOME_TOKEN)
        about = {
            "recorded": date.today().isoformat(),
            "dataset": DATASET,
            "runs": list(self.runs),
            "jobs": ["evaluate"],
        }
        self.files["recording.json"] = json.dumps(about, indent=2).encode()
        self.refuse_names_of_this_machine()
        with tarfile.open(target, "w:xz", preset=9) as archive:
            for name, content in sorted(self.files.items()):
                # Without a time of its own, the same recording is the same file.
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        print(f"{target}: {target.stat().st_size:,} bytes")

    def add_run(self, key: str, path: Path) -> None:
        """What is kept of one training."""
        info = json.loads((path / "run.json").read_text())
        info |= {"host": "recorded", "user": "recorded", "created": 0.0, "git_commit": ""}
        info["command"] = ["heimdall-console", *info["command"][1:]]
        self.add(f"runs/{key}/run.json", json.dumps(info).encode())
        self.add(f"runs/{key}/config.toml", (path / "config.toml").read_bytes())
        records = list(select(read_log(path / "log.jsonl"), MOST_STEPS[key]))
        self.add(f"runs/{key}/log.jsonl", log_text(records))
        for name in ("evaluation.json", *(f"exports/campus/{n}" for n in listed(path))):
            if (path / name).is_file():
                content = (path / name).read_bytes()
                if name == "evaluation.json":
                    content = without_positions(content)
                self.add(f"runs/{key}/{name}", content)

    def add_evaluation(self) -> None:
        """The job that judged the registered model."""
        for path in (self.home / "jobs").iterdir():
            if json.loads((path / "job.json").read_text())["kind"] == "evaluate":
                for name in ("job.json", "result.json"):
                    self.add(f"jobs/evaluate/{name}", (path / name).read_bytes())
                records = read_log(path / "log.jsonl")
                self.add("jobs/evaluate/log.jsonl", log_text(records))

    def best_checkpoint(self) -> Path:
        """The checkpoint of the baseline that was exported."""
        folder = self.runs[BASELINE] / "checkpoints"
        sidecars = [json.loads(path.read_text()) for path in folder.glob("*.json")]
        best = min(sidecars, key=lambda sidecar: sidecar["metrics"]["val/loss"])
        return folder / str(best["file"])

    def add(self, name: str, content: bytes) -> None:
        """A file with tokens where it names places of this machine."""
        if not name.endswith(".onnx"):
            content = content.replace(str(self.home).encode(), HOME_TOKEN.encode())
            for key, path in self.runs.items():
                content = content.replace(path.name.encode(), run_token(key).encode())
        self.files[name] = content

    def refuse_names_of_this_machine(self) -> None:
        """End where something of this machine would be shipped."""
        names = (platform.node(), getpass.getuser())
        pattern = re.compile(
            rb"(?<!\w)(/(?:home|tmp|root|work)/|%s\b)"
            % b"\\b|".join(re.escape(name).encode() for name in names)
        )
        for name, content in self.files.items():
            if found := pattern.search(content):
                raise SystemExit(f"{name} holds {content[found.start() - 40 : found.end() + 40]!r}")


def without_positions(evaluation: bytes) -> bytes:
    """An evaluation without its single sessions: a map is shown of the job's alone."""
    told = json.loads(evaluation)
    return json.dumps({k: v for k, v in told.items() if k != "positions"}, indent=2).encode()


def listed(run: Path) -> list[str]:
    """Names of the files of a run's export."""
    folder = run / "exports" / "campus"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def read_log(path: Path) -> list[Record]:
    """All records of a log."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def select(records: list[Record], most_steps: int) -> list[Record]:
    """Leave out pauses, and of the training steps all but some."""
    steps = [r for r in records if is_training_step(r)]
    every = max(1, -(-len(steps) // most_steps))
    kept = {id(r) for r in steps[::every]} | ({id(steps[-1])} if steps else set())
    reports = [r for r in records if r["kind"] == "task" and r["name"] == "train"]
    fewer = max(1, -(-len(reports) // (most_steps // 6)))
    kept |= {id(r) for r in reports[::fewer]} | ({id(reports[-1])} if reports else set())
    return [
        {key: part for key, part in r.items() if key != "sha256" or r["kind"] != "checkpoint"}
        for r in without_pauses(records)
        if id(r) in kept
        or not (is_training_step(r) or (r["kind"] == "task" and r["name"] == "train"))
    ]


def is_training_step(record: Record) -> bool:
    """Whether a record holds what one step of the training gave."""
    return record["kind"] == "metrics" and "train/loss" in record["values"]


def without_pauses(records: list[Record]) -> list[Record]:
    """The records without those between a pause and its end; what follows moves up in time."""
    kept, shift, paused_at = [], 0.0, None
    for record in records:
        status = record.get("status") if record["kind"] == "state" else ""
        if status == "paused":
            paused_at = record["t"]
        elif paused_at is not None and status == "running":
            shift += record["t"] - paused_at
            paused_at = None
        elif paused_at is None and record.get("name") not in ("pause", "resume"):
            record["t"] -= shift
            kept.append(record)
    return kept


def log_text(records: list[Record]) -> bytes:
    """The lines of a log whose time counts from its first record."""
    begun = records[0]["t"]
    lines = [
        json.dumps({**r, "t": round(r["t"] - begun, 3)}, separators=(",", ":"), ensure_ascii=False)
        for r in records
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def main() -> None:
    """Record, then pack."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--home", type=Path, help="home that was recorded before")
    home = parser.parse_args().home
    if home is None:
        home = Path(tempfile.mkdtemp(prefix="tour-recording-")) / "home"
        Recorder(home).record()
    Packer(home).pack(RECORDING)


if __name__ == "__main__":
    main()
