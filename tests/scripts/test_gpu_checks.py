"""The GPU checks on a machine without a GPU: the table, the ways they end, and each one small."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from scripts.gpu.rows import (
    Check,
    CheckFailedError,
    NotApplicableError,
    Row,
    Setting,
    exit_code,
    row_lines,
    run_checks,
)
from scripts.gpu.runs import ADVICE
from scripts.gpu.workers import ended_early, finish, make_run
from scripts.gpu_checks import CHECKS, main
from training_core.training.memory import out_of_memory


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting("cpu", tmp_path)


def program(
    repository: Path, *arguments: str, site: bool = True
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            *([] if site else ["-S"]),
            str(repository / "scripts/gpu_checks.py"),
            *arguments,
        ],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


def test_without_a_gpu_one_line_says_so(repository: Path) -> None:
    refused = program(repository)
    assert refused.returncode == 3
    assert refused.stdout.startswith("No GPU was checked: torch")
    assert len(refused.stdout.splitlines()) == 1
    assert program(repository, "--allow-no-gpu").returncode == 0


def test_a_python_without_any_package_is_told_too(repository: Path) -> None:
    refused = program(repository, site=False)
    assert refused.returncode == 3
    assert "has no torch" in refused.stdout


def test_a_check_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SystemExit) as refused:
        main(["--only", "nothing"])
    assert refused.value.code == 2


def fail(setting: Setting) -> str:
    raise CheckFailedError("7 % instead of 0 %")


def lack(setting: Setting) -> str:
    raise ModuleNotFoundError("No module named 'mlflow'")


def mean_nothing(setting: Setting) -> str:
    raise NotApplicableError("no sense here")


def break_down(setting: Setting) -> str:
    raise ZeroDivisionError("a bug")


def test_every_end_of_a_check_is_a_row_and_the_others_go_on(setting: Setting) -> None:
    checks: dict[str, Check] = {
        "failing": fail,
        "lacking": lack,
        "meaningless": mean_nothing,
        "broken": break_down,
        "good": lambda setting: "first\nsecond",
    }
    rows = {row.name: row for row in run_checks(checks, setting, 60.0)}
    assert {name: row.status for name, row in rows.items()} == {
        "failing": "failed",
        "lacking": "skipped",
        "meaningless": "skipped",
        "broken": "failed",
        "good": "ok",
    }
    assert "mlflow" in rows["lacking"].text
    assert "ZeroDivisionError" in rows["broken"].text
    assert exit_code(rows.values()) == 1
    assert exit_code([rows["good"], rows["lacking"]]) == 0


def test_no_check_begins_when_the_time_is_over(setting: Setting) -> None:
    (row,) = run_checks({"late": fail}, setting, -1.0)
    assert (row.status, row.text) == ("skipped", "the time is over")


def test_further_lines_of_a_row_stand_below_the_first() -> None:
    first, second = row_lines(Row("name", "ok", "one\ntwo", 3.0), 10)
    assert first.index("one") == second.index("two")


def test_the_advice_about_memory_is_found_in_its_message() -> None:
    def try_batch(size: int) -> None:
        if size > 100:
            raise torch.OutOfMemoryError("CUDA out of memory")

    error = out_of_memory(torch.OutOfMemoryError("CUDA out of memory"), 1000, try_batch)
    found = ADVICE.search(str(error))
    assert found is not None
    assert int(found[1]) == 62


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_each_check_runs_small_on_a_cpu(tmp_path: Path) -> None:
    report = tmp_path / "rows.json"
    names = [name for name in CHECKS if name != "throughput"]
    assert main(["--device", "cpu", "--only", *names, "--json", str(report)]) == 0
    rows = {row["name"]: row for row in json.loads(report.read_text())}
    assert {name: row["status"] for name, row in rows.items()} == {
        "sampler": "ok",
        "pause": "ok",
        "kill": "ok",
        "export": "ok",
        "memory-advice": "skipped",
    }
    assert "went on from step" in rows["pause"]["text"]
    assert "max_abs_difference" in rows["export"]["text"]


@pytest.mark.slow
def test_both_networks_train_in_both_precisions(setting: Setting) -> None:
    text = CHECKS["throughput"](setting)
    assert text.count("ratio") == 2
    assert "LocalizationNet-tiny" in text


@pytest.mark.slow
def test_a_worker_that_ends_early_says_why(setting: Setting) -> None:
    run = make_run(setting, "data.dataset=nowhere", sessions=60)
    assert finish(run, 60.0) == 1
    assert "There is no dataset" in str(ended_early(run))
    run.output_path.write_text("Traceback\nModuleNotFoundError: No module named 'pyproj'\n")
    assert isinstance(ended_early(run), ImportError)


@pytest.mark.gpu
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_all_checks_pass_on_this_gpu(repository: Path) -> None:
    assert main([]) == 0
