"""What an evaluation leaves beside its result: a page, also among the artifacts of the run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from training_core.contract.errors import ExportError, TrackingError
from training_core.contract.files import write_atomic
from training_core.contract.home import home_path, runs_folder
from training_core.contract.jobs import EvaluateArguments, JobDir, Report, no_report
from training_core.contract.run_dir import RunDir, is_run_id
from training_core.publishing.evaluation_page import evaluation_page
from training_core.publishing.publisher_state import read_state

PAGE: Final = "report.html"
FOLDER: Final = "evaluations"
"""Among the artifacts of a run; each evaluation has a folder of its own below it."""


def leave_report(
    job: JobDir,
    arguments: EvaluateArguments,
    result: Mapping[str, Any],
    report: Report = no_report,
) -> dict[str, Any]:
    """Write the page of an evaluation, and log page and result to MLflow where the run is there.

    The run is the one that the model comes from, where this home has published it. An MLflow that
    does not answer takes nothing from the evaluation.

    Args:
        job: whose directory is given the page.
        arguments: of the evaluation; `html` is where a person wants the page, too.
        result: of the evaluation.
        report: told that MLflow is at work.

    Returns:
        Plain JSON: `page` (path), `mlflow_run_id` (empty where it was not logged) and
        `not_logged` (why, where it should have been).

    Raises:
        ExportError: the page could not be written where it was asked for.
    """
    page = evaluation_page(result).encode("utf-8")
    own = job.path / PAGE
    for path in (own, *([arguments.html] if arguments.html else [])):
        _write(path, page)
    told = {"page": str(own), "mlflow_run_id": "", "not_logged": ""}
    run_id = str(result["run_id"])
    if not is_run_id(run_id):
        return told
    state = read_state(RunDir(runs_folder(home_path()) / run_id).publisher_path)
    if not state.mlflow_run_id:
        return told
    report("log to MLflow", 0, None)
    try:
        _log(state.tracking_uri, state.mlflow_run_id, job, {**result, **told})
    except TrackingError as error:
        return {**told, "not_logged": f"{error.what}: {error.why}" if error.why else error.what}
    return {**told, "mlflow_run_id": state.mlflow_run_id}


def _log(uri: str, mlflow_run_id: str, job: JobDir, result: Mapping[str, Any]) -> None:
    from training_core.publishing.mlflow_store import MlflowStore

    store = MlflowStore.connect(uri, home_path())
    folder = f"{FOLDER}/{job.id}"
    numbers = job.path / "evaluation.json"
    write_atomic(numbers, orjson.dumps(result))
    try:
        store.log_file(mlflow_run_id, numbers, folder)
        store.log_file(mlflow_run_id, job.path / PAGE, folder)
    finally:
        # The job's own result says the same.
        numbers.unlink(missing_ok=True)


def _write(path: Path, page: bytes) -> None:
    try:
        write_atomic(path, page)
    except OSError as error:
        raise ExportError(
            f"{path} was not written",
            why=error.strerror or str(error),
            unharmed="The model and the dataset are unharmed",
            action="Free some space or choose another --html",
        ) from error
