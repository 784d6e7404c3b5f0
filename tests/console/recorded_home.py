"""A home out of the shipped recording that is the same at every time, for pictures and tests.

Times count back from `NOW`, ids are fixed, and the folder that texts name is `SHOWN_HOME` wherever
the home lies. Who needs a living run holds its lock with `held_lock`.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from heimdall_console.queue import QueueEntry, write_entry
from heimdall_console.tour.home_making import write_jobs
from heimdall_console.tour.recording import (
    BASELINE,
    DIVERGED,
    LONG,
    RecordedRun,
    read_recording,
)
from heimdall_console.tour.run_writing import RunWriter
from tests.console.programs import write_dataset
from training_core.contract.home import ensure_folder, queue_folder
from training_core.contract.run_dir import RunDir

NOW: Final = 1_795_536_000.0
"""2026-11-24 16:00 UTC: when everything below is looked at."""
HOST: Final = "gpu-07"
"""Name of the machine in the top bar."""
SHOWN_HOME: Final = "/srv/heimdall"
"""Where the recorded configurations say that the home lies."""

_HOUR_S: Final = 3600.0
_KEEP_EVERY: Final = 4

HOSTILE_NAME: Final = (
    "[bold red]night\x1b[31m\x1b[2J[/] \u202egnirts\u202c e\u0301 👩‍🚀 \u200bzero " + "x" * 10_000
)
"""A name with markup, control sequences, a turn of direction, and no end."""
HOSTILE_METRIC: Final = "val/[reverse]evil\x1b[0m\n" + "m" * 300
"""A metric of that kind."""
HOSTILE_LINE: Final = "[/] \x1b]0;title\x07\x1b[8m hidden \u2066turned\u2069 " + "y" * 10_000
"""A line of a log of that kind."""


@dataclass(frozen=True)
class RecordedHome:
    """What was made, and the ids of its runs."""

    path: Path
    """The home."""
    ids: dict[str, str] = field(default_factory=dict)
    """Name of a run below → its id: finished, failed, crashed, hostile, running, queued."""

    def run(self, name: str) -> RunDir:
        """The directory of a run."""
        return RunDir(self.path / "runs" / self.ids[name])


def make_recorded_home(home: Path) -> RecordedHome:
    """Fill a folder that does not exist yet; two homes differ in nothing but their place."""
    home.mkdir(parents=True, mode=0o700)
    recording = read_recording()
    starts = {
        "finished": NOW - 25 * _HOUR_S,
        "failed": NOW - 5 * _HOUR_S,
        "crashed": NOW - 3 * _HOUR_S,
        "hostile": NOW - 2 * _HOUR_S,
        "running": NOW - 150.0,
        "queued": NOW - 60.0,
    }
    write_dataset(home / "datasets" / "campus", "campus")
    ids = {
        name: f"2026112{'3' if name == 'finished' else '4'}-1600{place:02d}-000{place:03x}"
        for place, name in enumerate(starts)
    }
    made = RecordedHome(home, ids)
    writer = RunWriter(
        home,
        recording,
        {BASELINE: ids["finished"], DIVERGED: ids["failed"], LONG: ids["running"]},
        shown_home=SHOWN_HOME,
    )
    runs = recording.runs
    _write(writer, runs[BASELINE], ids["finished"], starts["finished"])
    _write(writer, runs[DIVERGED], ids["failed"], starts["failed"])
    long_s = runs[LONG].records[-1]["t"]
    crashed, running = 0.3 * long_s, 0.6 * long_s
    first = "campus-long-first-try"
    _write(writer, runs[LONG], ids["crashed"], starts["crashed"], first, until=crashed)
    # It ends in the moment of the look, whatever it took.
    _write(writer, runs[LONG], ids["running"], NOW - running, until=running)
    hostile = _write(writer, runs[DIVERGED], ids["hostile"], starts["hostile"], "hostile")
    _make_hostile(hostile)
    queued = writer.make(runs[BASELINE], ids["queued"], starts["queued"], "campus-seed-7")
    _keep_to_itself(queued)
    _queue(home, queued, starts["queued"])
    write_jobs(writer, starts["finished"] + _HOUR_S, lambda time_s: "20261123-170000-00abcd")
    return made


@contextlib.contextmanager
def held_lock(*runs: RunDir) -> Iterator[None]:
    """Let runs look alive: another process holds their locks."""
    hold = (
        "import sys; from pathlib import Path; from training_core.contract.lock import WorkerLock\n"
        "locks = [WorkerLock(Path(path)) for path in sys.argv[1:]]\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", hold, *(str(run.lock_path) for run in runs)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == b"held\n"
        yield
    finally:
        holder.communicate()


def _write(
    writer: RunWriter,
    recorded: RecordedRun,
    run_id: str,
    begun: float,
    name: str = "",
    until: float = float("inf"),
) -> RunDir:
    run = writer.make(recorded, run_id, begun, name)
    _keep_to_itself(run)
    steps = 0
    kept = []
    for record in recorded.records:
        if record["t"] > until:
            break
        if record["kind"] == "metrics" and "train/loss" in record["values"]:
            steps += 1
            if steps % _KEEP_EVERY:
                continue
        kept.append(record)
    writer.write_log(run, recorded, kept, begun)
    os.utime(run.log_path, (begun + kept[-1]["t"],) * 2)
    return run


def _keep_to_itself(run: RunDir) -> None:
    """Nothing is published: a console would start a publisher for what has ended.

    The dataset is one of this home wherever that lies.
    """
    config = run.config_path.read_text()
    for before, after in (
        ("[tracking]\nenabled = true", "[tracking]\nenabled = false"),
        (f'"{SHOWN_HOME}/datasets/campus"', '"campus"'),
    ):
        assert before in config
        config = config.replace(before, after)
    run.config_path.write_text(config)


def _make_hostile(run: RunDir) -> None:
    info: dict[str, Any] = orjson.loads(run.info_path.read_bytes())
    info |= {"name": HOSTILE_NAME, "experiment": "[link=x]night\x07", "user": "ada\x1b[7m"}
    run.info_path.write_bytes(orjson.dumps(info))
    config = run.config_path.read_text()
    run.config_path.write_text(config.replace("tags = {}", 'tags = { note = "[blink]x[/]" }'))
    lines = run.log_path.read_bytes().splitlines()
    at = orjson.loads(lines[-2])["t"]
    strange: list[dict[str, Any]] = [
        {"kind": "metrics", "step": 90, "epoch": 1, "values": {HOSTILE_METRIC: 1.0}},
        {"kind": "message", "level": "warning", "text": HOSTILE_LINE, "detail": HOSTILE_LINE},
        {"kind": "alert", "name": "spike", "text": HOSTILE_LINE, "advice": "[/x]", "step": 90},
    ]
    added = [orjson.dumps({"v": 1, "t": at, **record}) for record in strange]
    run.log_path.write_bytes(b"\n".join([*lines[:-1], *added, lines[-1]]) + b"\n")
    os.utime(run.log_path, (at, at))


def _queue(home: Path, run: RunDir, added: float) -> None:
    ensure_folder(queue_folder(home))
    entry = QueueEntry(
        run_id=run.id,
        order="1",
        accelerator="cpu",
        devices=1,
        working_folder=SHOWN_HOME,
        added=added,
    )
    write_entry(home, entry)
    run.log_path.write_bytes(
        orjson.dumps({"v": 1, "t": added, "kind": "state", "status": "queued"}) + b"\n"
    )
    os.utime(run.log_path, (added, added))
