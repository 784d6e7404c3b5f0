"""What a run leaves of its checkpoints while it is trained: never what somebody needs."""

from pathlib import Path

import pytest

from tests.training.conftest import MakeRun, records
from tests.training.test_commands import LONG, eventually
from tests.training.test_worker import finished, worker
from training_core.contract.checkpoints import CheckpointSidecar, list_checkpoints, read_sidecar
from training_core.contract.ending import kill_worker, write_end
from training_core.contract.errors import ExitCode
from training_core.contract.home import home_path
from training_core.contract.jobs import EvaluateArguments, ExportArguments, create_job
from training_core.contract.run_dir import RunDir
from training_core.contract.run_status import RunStatus

pytestmark = pytest.mark.slow


def after_more_validations(run: RunDir, count: int = 4) -> None:
    """Wait until so many more checkpoints were saved, each with its removals."""
    before = len(records(run, "checkpoint"))
    eventually(lambda: len(records(run, "checkpoint")) >= before + count, run)


def newest(run: RunDir) -> Path:
    # In a listing it may be gone already: the newest one is not.
    found: list[CheckpointSidecar] = eventually(lambda: list_checkpoints(run.checkpoints), run)
    return run.checkpoints / found[-1].file


def removed(run: RunDir) -> set[str]:
    return {name for record in records(run, "checkpoint") for name in record["removed"]}


def test_what_a_job_reads_or_an_export_was_made_of_stays(make_run: MakeRun, campus: Path) -> None:
    run = make_run(*LONG, "checkpoint.keep_best=1")
    process = worker(run)
    try:
        exported = newest(run)
        export = create_job(home_path(), "export", ExportArguments(checkpoint=exported))
        after_more_validations(run)
        read = newest(run)
        arguments = EvaluateArguments(model=str(read), dataset=campus)
        evaluation = create_job(home_path(), "evaluate", arguments)
        after_more_validations(run)
        assert exported.is_file()
        assert read.is_file()

        assert finished(export) == 0, export.output_path.read_text()
        write_end(evaluation, RunStatus.KILLED, "not wanted", ExitCode.INTERRUPTED)
        after_more_validations(run)
    finally:
        kill_worker(run, "the test is over")
        process.wait()

    assert exported.is_file()
    sidecar = read_sidecar(exported)
    assert sidecar is not None
    assert sidecar.is_exported
    assert not read.exists(), "nothing reads it any more"
    assert removed(run), "the others go"
    assert exported.name not in removed(run)
