"""A damaged log is read: nothing raises, only damaged lines are lost, and they are counted."""

import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from heimdall_console.run_index import list_runs
from heimdall_console.run_progress import RunProgress
from heimdall_console.series import SeriesStore
from training_core.contract.log_tail import read_tail
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogReader, RunLogWriter
from training_core.contract.run_status import RunStatus, run_status

IS_FULL = os.environ.get("HEIMDALL_FULL_FAULTS") == "1"
LAST_BYTES = 4096
CUTS = range(0, LAST_BYTES + 1, 1 if IS_FULL else 13)
OVERWRITES = 4000 if IS_FULL else 400

pytestmark = pytest.mark.timeout(600)

GOLDEN_RUN = Path(__file__).resolve().parents[1] / "data" / "golden_run"


@pytest.fixture
def run(isolated_home: Path) -> RunDir:
    """A run with a log of every kind of record, some 50 KB long."""
    directory = isolated_home / "runs" / "20260101-000000-aaaaaa"
    shutil.copytree(GOLDEN_RUN, directory)
    run = RunDir(directory)
    whole = run.log_path.read_bytes()
    run.log_path.write_bytes(whole + whole)
    assert len(whole) > LAST_BYTES
    return run


def read_all(run: RunDir) -> tuple[list[dict[str, Any]], RunLogReader]:
    """Read a log as every part of the console does."""
    reader = RunLogReader(run.log_path)
    records = reader.read_new()
    store, progress = SeriesStore(), RunProgress()
    store.take(records)
    progress.take(records)
    assert isinstance(run_status(run), RunStatus)
    read_tail(run.log_path, from_byte=0)
    (listed,) = list_runs(run.path.parent.parent)
    assert listed.path == run.path
    return records, reader


def test_a_log_cut_at_any_byte_loses_its_torn_line_only(run: RunDir) -> None:
    whole = run.log_path.read_bytes()
    records, _ = read_all(run)
    for cut in CUTS:
        content = whole[: len(whole) - cut]
        run.log_path.write_bytes(content)
        lines = content.count(b"\n")

        found, reader = read_all(run)

        assert found == records[:lines]
        assert reader.broken == 0

        with RunLogWriter(run.log_path) as log:
            log.append("message", level="info", text="went on")
        torn = 0 if content.endswith(b"\n") else 1
        went_on = reader.read_new()
        # A line that lost nothing but its newline is a record all the same.
        assert went_on[-1]["text"] == "went on"
        assert len(went_on) - 1 + reader.broken == torn
        again, fresh = read_all(run)
        assert again == [*found, *went_on]
        assert fresh.broken == reader.broken


def test_random_bytes_cost_the_lines_that_they_hit(run: RunDir) -> None:
    whole = run.log_path.read_bytes()
    lines = whole.splitlines(keepends=True)
    starts = [sum(map(len, lines[:n])) for n in range(len(lines))]
    records, _ = read_all(run)
    chance = random.Random(20261124)
    for _ in range(OVERWRITES):
        content, hit = bytearray(whole), set()
        for _ in range(chance.choice((1, 1, 2, 5))):
            at = chance.randrange(len(content))
            damage = chance.choice(
                (chance.randbytes(chance.randint(1, 60)), b"\x00" * chance.randint(1, 2000), b"\n")
            )[: len(content) - at]
            content[at : at + len(damage)] = damage
            hit |= {
                n
                for n, (start, line) in enumerate(zip(starts, lines, strict=True))
                if start < at + len(damage) and at < start + len(line)
            }
        run.log_path.write_bytes(content)

        found, reader = read_all(run)

        remaining = iter(found)
        untouched = [record for n, record in enumerate(records) if n not in hit]
        assert all(any(record == other for other in remaining) for record in untouched)
        assert len(found) <= len(records)
        # What follows the last newline is a line that may still be finished, not a broken one.
        is_counted = len(found) == len(records) or reader.broken > 0
        assert is_counted or not content.endswith(b"\n")
