"""Makes a home out of a recording: runs that ended in different ways, a job, a run to replay."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import orjson

from heimdall_console.tour.recording import BASELINE, DIVERGED, LONG, Recording
from heimdall_console.tour.run_writing import RunWriter
from training_core.contract.home import appearing_folder, jobs_folder
from training_core.contract.jobs import SynthArguments
from training_core.contract.run_dir import RunDir, new_id

MakeId = Callable[[float], str]

_HOUR_S: Final = 3600.0
_CRASHED_SHARE: Final = 0.3
_CRASHED_NAME: Final = "campus-long-first-try"


def make_home(
    home: Path, recording: Recording, now: float, make_id: MakeId = new_id
) -> tuple[RunWriter, RunDir]:
    """Fill a home with a finished, a failed and a crashed run, and one that has not begun.

    Args:
        home: A folder that exists and is empty.
        recording: What was recorded.
        now: Seconds since 1970; everything has happened in the day before.
        make_id: Gives an id for a time.

    Returns:
        The writer, and the run that has not begun.
    """
    starts = {
        BASELINE: now - 25 * _HOUR_S,
        DIVERGED: now - 5 * _HOUR_S,
        "crashed": now - 3 * _HOUR_S,
        LONG: now,
    }
    ids = {key: make_id(start) for key, start in starts.items()}
    writer = RunWriter(home, recording, {key: ids[key] for key in recording.runs})
    for key in (BASELINE, DIVERGED):
        recorded = recording.runs[key]
        run = writer.make(recorded, ids[key], starts[key])
        writer.write_log(run, recorded, recorded.records, starts[key])
        _age_last_file(run, starts[key] + recorded.records[-1]["t"])
    recorded = recording.runs[LONG]
    run = writer.make(recorded, ids["crashed"], starts["crashed"], _CRASHED_NAME)
    ends_at_s = _CRASHED_SHARE * recorded.records[-1]["t"]
    first = [record for record in recorded.records if record["t"] <= ends_at_s]
    writer.write_log(run, recorded, first, starts["crashed"])
    _age_last_file(run, starts["crashed"] + ends_at_s)
    write_jobs(writer, starts[BASELINE] + _HOUR_S, make_id)
    return writer, writer.make(recorded, ids[LONG], now)


def write_jobs(writer: RunWriter, begun: float, make_id: MakeId) -> None:
    """Write the directories of the recorded jobs.

    Args:
        writer: Knows the names.
        begun: When they were done, seconds since 1970.
        make_id: Gives an id for a time.
    """
    for files in writer.recording.jobs.values():
        job_id = make_id(begun)
        with appearing_folder(jobs_folder(writer.home), job_id) as hidden:
            for name, content in files.items():
                text = writer.text(content)
                if name == "log.jsonl":
                    records = [orjson.loads(line) for line in text.splitlines()]
                    lines = (orjson.dumps({**r, "t": begun + r["t"]}) + b"\n" for r in records)
                    text = b"".join(lines)
                (hidden / name).write_bytes(text)
        begun += 60.0


def dataset_arguments(writer: RunWriter) -> SynthArguments:
    """What makes the recorded dataset again in this home."""
    return SynthArguments(target=writer.home / "datasets" / "campus", **writer.recording.dataset)


def _age_last_file(run: RunDir, ended: float) -> None:
    """Give the log the time of its last record: what is old must look old."""
    ended = min(ended, time.time())
    os.utime(run.log_path, (ended, ended))
