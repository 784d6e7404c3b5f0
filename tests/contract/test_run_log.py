"""The run log: whatever happens to the file, a reader gives every whole record."""

import errno
import math
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_core.contract import run_log
from training_core.contract.records import (
    decode_number,
    encode_number,
    encode_record,
    encode_values,
)
from training_core.contract.run_log import RunLogReader, RunLogWriter


def written_log(path: Path, records: int) -> bytes:
    with RunLogWriter(path) as log:
        for step in range(records):
            log.append("metrics", step=step, epoch=0, values={"train/loss": step / 7})
    return path.read_bytes()


def test_reader_gives_what_the_writer_wrote_in_order(tmp_path: Path) -> None:
    written_log(tmp_path / "log.jsonl", 50)

    records = RunLogReader(tmp_path / "log.jsonl").read_new()

    assert [record["step"] for record in records] == list(range(50))
    assert {record["v"] for record in records} == {1}


def test_reader_reads_only_what_is_new(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    reader = RunLogReader(path)
    assert reader.read_new() == []
    with RunLogWriter(path) as log:
        log.append("message", level="info", text="first")
        assert [r["text"] for r in reader.read_new()] == ["first"]
        assert reader.read_new() == []
        log.append("message", level="info", text="second")
        assert [r["text"] for r in reader.read_new()] == ["second"]


def test_reader_survives_a_cut_at_every_byte(tmp_path: Path) -> None:
    whole = written_log(tmp_path / "log.jsonl", 6)
    cut = tmp_path / "cut.jsonl"
    for length in range(len(whole) + 1):
        cut.write_bytes(whole[:length])
        reader = RunLogReader(cut)
        assert len(reader.read_new()) == whole[:length].count(b"\n")
        assert reader.broken == 0


def test_writer_starts_a_new_line_after_a_torn_one(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    whole = written_log(path, 3)
    path.write_bytes(whole[:-5])

    with RunLogWriter(path) as log:
        log.append("message", level="info", text="after the crash")

    reader = RunLogReader(path)
    records = reader.read_new()
    assert [r["kind"] for r in records] == ["metrics", "metrics", "message"]
    assert reader.broken == 1


@given(st.data())
def test_reader_loses_at_most_the_damaged_lines(data: st.DataObject) -> None:
    lines = [orjson.dumps({"v": 1, "t": 0, "kind": "task", "done": n}) for n in range(8)]
    content = bytearray(b"\n".join(lines) + b"\n")
    start = data.draw(st.integers(0, len(content) - 1))
    pieces = st.sampled_from([b"\n", b",", b"\x00", b'"', b"}", b"},{", b"[", b" ", b"\xff"])
    some = st.one_of(st.binary(min_size=1, max_size=30), st.lists(pieces).map(b"".join))
    damage = data.draw(some)[: len(content) - start]
    content[start : start + len(damage)] = damage
    untouched = [n for n in range(8) if not _overlaps(n, lines, start, len(damage))]
    path = Path(os.environ["HEIMDALL_HOME"]).parent / "damaged.jsonl"
    path.write_bytes(content)

    found = [r.get("done") for r in RunLogReader(path).read_new() if r["kind"] == "task"]

    assert [n for n in found if n in untouched] == untouched


def _overlaps(index: int, lines: list[bytes], start: int, length: int) -> bool:
    begin = sum(len(line) + 1 for line in lines[:index])
    return start < begin + len(lines[index]) + 1 and begin < start + length


def test_unknown_kinds_and_fields_are_passed_on(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"v":9,"t":1,"kind":"telepathy","new":true}\n[1,2]\n"text"\n')
    reader = RunLogReader(path)

    assert [record["kind"] for record in reader.read_new()] == ["telepathy"]
    assert reader.broken == 2


def test_reader_takes_a_large_log_in_bounded_pieces(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    written_log(path, 20_000)
    reader = RunLogReader(path)
    pieces = []
    while piece := reader.read_new(limit_bytes=300_000):
        pieces.append(len(piece))
    assert sum(pieces) == 20_000
    assert len(pieces) > 3


def test_a_line_longer_than_one_read_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with RunLogWriter(path) as log:
        log.append("message", level="error", text="x", detail="y" * 1_000_000)
    (record,) = RunLogReader(path).read_new()
    assert len(record["detail"]) == 1_000_000


def test_a_line_longer_than_the_limit_is_passed(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with RunLogWriter(path) as log:
        log.append("message", level="error", text="long", detail="y" * 900_000)
        log.append("message", level="info", text="after")
    reader = RunLogReader(path)
    found = []
    while records := reader.read_new(limit_bytes=1000):
        found += [record["text"] for record in records]
    assert found == ["long", "after"]
    assert reader.offset == path.stat().st_size


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_every_number_survives_the_log(value: float) -> None:
    text = orjson.dumps(encode_values({"m": value}))
    found = decode_number(orjson.loads(text)["m"])
    assert found is not None
    assert math.isnan(found) if math.isnan(value) else found == value


@pytest.mark.parametrize("value", ["nan", "1.0", None, True, [], {}])
def test_other_values_are_no_numbers(value: object) -> None:
    assert decode_number(value) is None


def test_not_a_number_is_text_in_the_file() -> None:
    assert [encode_number(v) for v in (math.nan, math.inf, -math.inf, 1.5)] == [
        "NaN",
        "Infinity",
        "-Infinity",
        1.5,
    ]


def records_of(content: bytes, path: Path) -> tuple[list[dict[str, Any]], RunLogReader]:
    path.write_bytes(content)
    reader = RunLogReader(path)
    return reader.read_new(), reader


def line(number: int, **fields: object) -> bytes:
    return encode_record("task", 1.0, {"name": "train", "done": number, **fields})


@pytest.mark.parametrize(
    ("damaged", "lost"),
    [
        pytest.param(b'{"v":1,"t":1,"kind":"message","text":"x\ny"}\n', 2, id="torn-string"),
        pytest.param(b'{"v":1,"t":1\n"kind":"task","done":9}\n', 2, id="halves-that-fit"),
        pytest.param(b'{"kind":"task","done":8},{"kind":"task","done":9}\n', 1, id="two-in-one"),
        pytest.param(b"\x00" * 5000 + b"\n", 1, id="hole-of-a-power-cut"),
        pytest.param(b'{"v":1,"kind":"task","done":\xff\xfe}\n', 1, id="no-utf8"),
        pytest.param(b'{"v":1,"kind":"task","done":' + b"9" * 400 + b"}\n", 1, id="huge-number"),
        pytest.param(b'{"kind":"task","x":' + b"[" * 5000 + b"\n", 1, id="deep"),
        pytest.param(b'{"kind":7}\n{"done":1}\n[]\n"kind"\n17\nnull\n', 6, id="no-records"),
        pytest.param(b"]\n[\n],[\n", 3, id="brackets"),
    ],
)
def test_damage_costs_its_own_lines_and_is_counted(
    tmp_path: Path, damaged: bytes, lost: int
) -> None:
    records, reader = records_of(line(1) + line(2) + damaged + line(3), tmp_path / "log.jsonl")
    assert [record["done"] for record in records] == [1, 2, 3]
    assert reader.broken == lost


@pytest.mark.parametrize("over", [b"", b",", b"\x00", b" ", b"][", b'"', b"{"])
def test_a_newline_that_was_overwritten_does_not_cost_the_record_behind_it(
    tmp_path: Path, over: bytes
) -> None:
    behind = line(3, values={"v": 1.0})
    content = line(1) + line(2)[:-1] + over + behind + line(4)
    records, reader = records_of(content, tmp_path / "log.jsonl")
    assert [record["done"] for record in records] == [1, 3, 4]
    assert reader.broken == 1


def test_damage_that_makes_one_line_of_two_and_two_of_one_does_not_cancel_out(
    tmp_path: Path,
) -> None:
    merged = b'{"kind":"message","text":"a\nb"}\n'
    doubled = b'{"kind":"task","done":7},{"kind":"task","done":8}\n'
    records, reader = records_of(merged + doubled + line(3), tmp_path / "log.jsonl")
    assert [record.get("done") for record in records] == [3]
    assert reader.broken == 3


def test_empty_lines_are_no_damage(tmp_path: Path) -> None:
    records, reader = records_of(line(1) + b"\n\n" + line(2), tmp_path / "log.jsonl")
    assert [record["done"] for record in records] == [1, 2]
    assert reader.broken == 0


def test_records_of_a_newer_schema_are_read_and_counted(tmp_path: Path) -> None:
    content = line(1) + b'{"v":2,"t":1,"kind":"task","done":2}\n{"v":"x","kind":"task","done":3}\n'
    records, reader = records_of(content, tmp_path / "log.jsonl")
    assert [record["done"] for record in records] == [1, 2, 3]
    assert (reader.newer, reader.broken) == (1, 0)


def test_a_stretch_without_records_does_not_look_like_the_end(tmp_path: Path) -> None:
    content = line(1) + b"garbage\n" * 100_000 + line(2)
    path = tmp_path / "log.jsonl"
    path.write_bytes(content)
    reader, found = RunLogReader(path), []
    while records := reader.read_new(limit_bytes=4096):
        found += [record["done"] for record in records]
    assert found == [1, 2]
    assert reader.broken == 100_000


def test_a_line_that_never_ends_is_passed_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_log, "LONGEST_LINE_BYTES", 300_000)
    path = tmp_path / "log.jsonl"
    path.write_bytes(line(1) + b"\x00" * 1_000_000)
    reader = RunLogReader(path)
    assert [record["done"] for record in reader.read_new()] == [1]
    assert reader.read_new() == []
    with RunLogWriter(path) as log:
        log.append("task", name="train", done=2)
    assert [record["done"] for record in reader.read_new()] == [2]
    assert reader.broken == 1


def test_an_unfinished_line_is_given_once_it_is_whole(tmp_path: Path) -> None:
    path, reader = tmp_path / "log.jsonl", RunLogReader(tmp_path / "log.jsonl")
    whole = line(1) + line(2, name="x" * 600_000)
    found = []
    with path.open("wb", buffering=0) as file:
        for start in range(0, len(whole), 70_001):
            file.write(whole[start : start + 70_001])
            found += [record["done"] for record in reader.read_new()]
    assert found == [1, 2]
    assert reader.broken == 0


@pytest.mark.parametrize("change", ["cut", "cut and grown", "replaced"])
def test_a_log_that_changed_under_the_reader_is_read_again(tmp_path: Path, change: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join(map(line, range(10))))
    reader = RunLogReader(path)
    assert len(reader.read_new()) == 10
    content = line(77) if change == "cut" else line(77, name="y" * 13) * 100
    if change == "replaced":
        other = tmp_path / "other"
        other.write_bytes(content)
        other.rename(path)
    else:
        with path.open("r+b") as file:
            file.truncate(0)
            file.write(content)
    assert {record["done"] for record in reader.read_new()} == {77}
    assert reader.restarts == 1
    assert reader.read_new() == []
    assert reader.restarts == 1


def test_an_offset_inside_a_line_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(line(1) + line(2))
    reader = RunLogReader(path, offset=len(line(1)) + 3)
    assert [record["done"] for record in reader.read_new()] == [1, 2]
    assert reader.restarts == 1


def test_a_folder_in_place_of_the_log_has_no_records(tmp_path: Path) -> None:
    assert RunLogReader(tmp_path).read_new() == []


LIMITED = """
import resource, sys
from pathlib import Path
from training_core.contract.run_log import RunLogWriter
path = Path(sys.argv[1])
log = RunLogWriter(path)
log.append("metrics", step=0, epoch=0, values={})
size = path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 40, resource.RLIM_INFINITY))
for step in range(1, 6):
    log.append("metrics", step=step, epoch=0, values={})
    assert log.failed is not None
log.append("checkpoint", path="a.ckpt", step=5, epoch=0)
log.append("command", id="1", name="pause", outcome="done")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
for step in range(6, 9):
    log.append("metrics", step=step, epoch=0, values={})
    assert log.failed is None
log.close()
"""


def test_a_full_disk_is_said_once_and_costs_no_record_that_must_last(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    subprocess.run([sys.executable, "-c", LIMITED, str(path)], check=True, timeout=60)

    reader = RunLogReader(path)
    records = reader.read_new()

    kinds = [record["kind"] for record in records]
    assert kinds == ["metrics", "checkpoint", "command", "message", *["metrics"] * 3]
    assert [r["step"] for r in records if r["kind"] == "metrics"] == [0, 6, 7, 8]
    assert "5 records could not be written" in records[3]["text"]
    assert "File too large" in records[3]["text"]
    assert reader.broken == 1  # The line in which the disk filled up.


def test_what_a_disk_refused_at_the_end_is_said_at_the_close(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    program = LIMITED.partition("for step in range(6")[0] + "log.close()"
    subprocess.run([sys.executable, "-c", program, str(path)], check=True, timeout=60)
    texts = [r.get("text", "") for r in RunLogReader(path).read_new()]
    assert sum("could not be written" in text for text in texts) == 1


def test_threads_do_not_wait_for_the_disk_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, may_end = threading.Event(), threading.Event()

    def slow_disk(descriptor: int) -> None:
        began.set()
        assert may_end.wait(30)

    monkeypatch.setattr(os, "fsync", slow_disk)
    with RunLogWriter(tmp_path / "log.jsonl") as log:
        durable = threading.Thread(target=lambda: log.append("state", status="running"))
        durable.start()
        assert began.wait(30)
        log.append("metrics", step=1, epoch=0, values={})
        found = RunLogReader(tmp_path / "log.jsonl").read_new()
        assert durable.is_alive()
        may_end.set()
        durable.join(30)
    assert [record["kind"] for record in found] == ["state", "metrics"]


def test_a_disk_that_may_have_lost_a_record_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing_disk(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with RunLogWriter(tmp_path / "log.jsonl") as log:
        with monkeypatch.context() as context:
            context.setattr(os, "fsync", failing_disk)
            log.append("state", status="running")
        failed = log.failed
        log.append("metrics", step=1, epoch=0, values={})
        assert failed is not None
        assert log.failed is None
    records = RunLogReader(tmp_path / "log.jsonl").read_new()
    assert [record["kind"] for record in records] == ["state", "message", "metrics"]
    assert "1 record may not have reached the disk: Input/output error" in records[1]["text"]


def test_a_late_thread_writes_into_no_other_file(tmp_path: Path) -> None:
    log = RunLogWriter(tmp_path / "log.jsonl")
    log.close()
    log.close()
    with (tmp_path / "other").open("wb"):
        log.append("message", level="info", text="late")
    assert (tmp_path / "other").read_bytes() == b""


def test_many_threads_share_a_writer(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with RunLogWriter(path) as log:

        def work(number: int) -> None:
            for step in range(200):
                log.append("metrics", step=step, epoch=number, values={"train/loss": step / 3})

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    reader = RunLogReader(path)
    records = reader.read_new()
    assert reader.broken == 0
    for number in range(4):
        assert [r["step"] for r in records if r["epoch"] == number] == list(range(200))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_does_not_raise_and_is_remembered(tmp_path: Path) -> None:
    log = RunLogWriter(Path("/dev/full"))
    log.append("metrics", step=1, epoch=0, values={})
    assert log.failed is not None
    log.close()
