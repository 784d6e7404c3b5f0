"""The golden run and the document of the log show every kind and every field, and no other."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from training_core.contract.config_file import load_config
from training_core.contract.records import DURABLE, FIELDS, SCHEMA_VERSION
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogReader
from training_core.contract.run_status import RunStatus, run_status

REPOSITORY = Path(__file__).resolve().parents[2]
GOLDEN_RUN = RunDir(REPOSITORY / "tests" / "data" / "golden_run")
DOCUMENT = (REPOSITORY / "docs" / "run-log.md").read_text(encoding="utf-8")
COMMON = {"v", "t", "kind"}


def golden_records() -> list[dict[str, Any]]:
    reader = RunLogReader(GOLDEN_RUN.log_path)
    records = reader.read_new()
    assert (reader.broken, reader.newer) == (0, 0)
    return records


def section(kind: str) -> str:
    return DOCUMENT.partition(f"\n### `{kind}`\n")[2].partition("\n## ")[0].partition("\n### ")[0]


def examples(kind: str) -> list[dict[str, Any]]:
    block = re.search(r"```json\n(.*?)```", section(kind), flags=re.DOTALL)
    assert block is not None, f"docs/run-log.md has no example of {kind}"
    return [orjson.loads(line) for line in block[1].splitlines()]


@pytest.mark.parametrize("kind", list(FIELDS))
def test_every_field_of_every_kind_occurs_in_the_golden_run(kind: str) -> None:
    found = [record for record in golden_records() if record["kind"] == kind]
    fields = {name for record in found for name in record}
    assert fields == COMMON | FIELDS[kind].keys()  # type: ignore[index]  # a kind, as text


def test_the_golden_run_is_a_run_that_was_resumed_twice_and_ended() -> None:
    records = golden_records()
    assert {record["v"] for record in records} == {SCHEMA_VERSION}
    times = [record["t"] for record in records]
    assert times == sorted(times)
    assert [r["step"] for r in records if r["kind"] == "resumed"] == [20, 45]
    states = [r["status"] for r in records if r["kind"] == "state"]
    assert {"starting", "running", "paused", "failed", "stopped", "finished"} == set(states)
    assert run_status(GOLDEN_RUN) is RunStatus.FINISHED
    assert GOLDEN_RUN.read_info().experiment == load_config(GOLDEN_RUN.config_path).run.experiment


@pytest.mark.parametrize("kind", list(FIELDS))
def test_the_document_describes_every_field_of_every_kind(kind: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", section(kind), flags=re.MULTILINE)
    documented = {name: text.replace("`", "") for name, text in rows}
    assert documented == {
        name: text.replace("`", "")
        for name, text in FIELDS[kind].items()  # type: ignore[index]  # a kind, as text
    }


@pytest.mark.parametrize("kind", list(FIELDS))
def test_every_example_of_the_document_is_a_record_of_its_kind(kind: str) -> None:
    for record in examples(kind):
        assert record["kind"] == kind
        assert record["v"] == SCHEMA_VERSION
        assert record.keys() <= COMMON | FIELDS[kind].keys()  # type: ignore[index]  # as text


def test_the_document_knows_no_other_kinds_and_every_durable_one() -> None:
    assert re.findall(r"^### `(\w+)`$", DOCUMENT, flags=re.MULTILINE) == list(FIELDS)
    (sentence,) = re.findall(r"fsynced before the writer goes on: ([^.]+)\.", DOCUMENT)
    assert set(re.findall(r"`(\w+)`", sentence)) == DURABLE
    assert all(f"`{status}`" in DOCUMENT for status in RunStatus)
