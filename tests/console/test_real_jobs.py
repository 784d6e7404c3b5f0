"""Jobs through the real worker: generate, describe, check."""

import json
from pathlib import Path

import pytest

from tests.console.programs import heimdall
from training_core.contract.datasets import SUMMARY_FILE

pytestmark = pytest.mark.slow


@pytest.fixture
def generated(isolated_home: Path) -> Path:
    answer = heimdall("data", "synth", "--sessions", "120", "--seed", "3", "--name", "small")
    assert answer.returncode == 0, answer.stderr
    assert "120 sessions" in answer.stdout
    assert "heimdall-console data info small" in answer.stdout
    return isolated_home / "datasets" / "small"


def test_a_generated_dataset_is_described_and_fit(generated: Path) -> None:
    (generated / SUMMARY_FILE).unlink()
    answer = heimdall("data", "info", "small", "--json")
    assert json.loads(answer.stdout)["sessions"] == 120
    assert (generated / SUMMARY_FILE).exists()
    checked = heimdall("data", "check", "small")
    assert checked.returncode == 0, checked.stdout
    assert "fit for training" in checked.stdout


def test_an_existing_dataset_is_not_replaced(generated: Path) -> None:
    before = (generated / "sessions.parquet").read_bytes()
    answer = heimdall("data", "synth", "--sessions", "90", "--name", "small")
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    assert (generated / "sessions.parquet").read_bytes() == before


def test_the_error_of_a_job_is_its_own(tmp_path: Path) -> None:
    table, mapping = tmp_path / "table.csv", tmp_path / "map.toml"
    table.write_text("a,b\n1,2\n")
    mapping.write_text("nonsense = true\n")
    answer = heimdall("data", "import", "wide-csv", str(table), "--map", str(mapping))
    assert answer.returncode in (1, 2)
    assert "map.toml" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_options_of_the_generator_are_checked() -> None:
    answer = heimdall("data", "synth", "--set", "no_such_option=1", "--name", "x")
    assert answer.returncode == 2
    assert "no_such_option" in answer.stderr
