"""The run log: whatever happens to the file, a reader gives every whole record."""

import math
import os
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_core.contract.records import decode_number, encode_number, encode_values
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
    damage = data.draw(st.binary(min_size=1, max_size=30))[: len(content) - start]
    content[start : start + len(damage)] = damage
    untouched = sum(
        1
        for n, line in enumerate(lines)
        if not _overlaps(n, lines, start, len(damage)) and line in bytes(content)
    )
    path = Path(os.environ["HEIMDALL_HOME"]).parent / "damaged.jsonl"
    path.write_bytes(content)

    reader = RunLogReader(path)
    records = reader.read_new()

    assert sum(1 for r in records if r.get("kind") == "task") >= untouched - 1
    assert all(isinstance(record, dict) for record in records)


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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_does_not_raise_and_is_remembered(tmp_path: Path) -> None:
    log = RunLogWriter(Path("/dev/full"))
    log.append("metrics", step=1, epoch=0, values={})
    assert log.failed is not None
    log.close()
