"""From the kind of a job to the function that does it, imported only then."""

import importlib
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any, Final

import orjson

from training_core.contract.checkpoints import checkpoint_folder
from training_core.contract.config_file import load_config
from training_core.contract.errors import StoppedError
from training_core.contract.files import write_atomic
from training_core.contract.jobs import FindingReport, JobArguments, JobDir
from training_core.contract.leftovers import remove_half_checkpoints
from training_core.contract.processes import PUBLISHER, start_detached
from training_core.contract.resume_request import read_resume_request
from training_core.contract.run_log import RunLogWriter
from training_core.training.control import StopControl
from training_core.worker.hardware import HardwareSampler
from training_core.worker.ranks import rank

JobFunction = Callable[[JobArguments, FindingReport], dict[str, Any]]

_FUNCTIONS: Final = {
    "import-wide-csv": "training_core.data.jobs:import_wide_csv",
    "import-long-csv": "training_core.data.jobs:import_long_csv",
    "import-npy": "training_core.data.jobs:import_npy",
    "check": "training_core.data.jobs:check",
    "summarize": "training_core.data.jobs:summarize",
    "synth": "training_core.data.synth:synth",
    "export": "training_core.publishing.jobs:export",
    "register": "training_core.publishing.jobs:register",
    "set-alias": "training_core.publishing.model_jobs:set_alias",
    "download": "training_core.publishing.model_jobs:download",
    "predict": "training_core.publishing.jobs:predict",
    "evaluate": "training_core.publishing.evaluate:evaluate",
    "preflight": "training_core.training.preflight:preflight",
    "overfit-batch": "training_core.training.overfit:overfit_batch",
}
_LEAVES: Final = {"evaluate": "training_core.publishing.evaluation_report:leave_report"}
"""Kind of job → what makes files beside the result, and says of them what the result then tells."""
_REPORT_INTERVAL_S = 0.1


def do_job(job: JobDir, log: RunLogWriter, control: StopControl, ending: dict[str, Any]) -> None:
    """Train, or do the job that `job.json` names.

    Args:
        job: Directory of the run or job.
        log: Its log.
        control: What is asked by a signal.
        ending: Is given what the last record says beside the status, however the job ends.

    Raises:
        HeimdallError: What a person can do something about.
    """
    if job.info_path.exists():
        _train(job, log, control, ending)
        return
    kind, arguments = job.read_job()
    log.append("state", status="running")
    function: JobFunction = _imported(_FUNCTIONS[kind])
    report = _reporter(log, control)
    result = function(arguments, report)
    if kind in _LEAVES:
        # Files first: a result that names them is never without them.
        result |= _imported(_LEAVES[kind])(job, arguments, result, report)
    write_atomic(job.result_path, orjson.dumps(result))


def _imported(place: str) -> Callable[..., dict[str, Any]]:
    module, _, name = place.partition(":")
    found: Callable[..., dict[str, Any]] = getattr(importlib.import_module(module), name)
    return found


def _train(run: JobDir, log: RunLogWriter, control: StopControl, ending: dict[str, Any]) -> None:
    resume, is_first = read_resume_request(run), rank() == 0
    config = load_config(run.config_path)
    if is_first:
        remove_half_checkpoints(checkpoint_folder(run, config.checkpoint.directory))
    if is_first and config.tracking.enabled:
        try:
            start_detached(PUBLISHER, run.path, run.publisher_output_path)
        except OSError as error:
            log.append(
                "message",
                level="warning",
                text=f"The publisher could not be started: {error.strerror or error}. Training "
                f"goes on; `heimdall-console sync {run.id}` publishes it later.",
            )
    # Seconds of imports: the publisher starts beside them.
    from training_core.training.pipeline import TrainingPipeline

    pipeline = TrainingPipeline(run, log, control, resume)
    # A further rank would take commands away whose answers only the first one can write.
    if is_first and resume is not None:
        pipeline.inbox.refuse_all("The worker that was asked is gone; ask again")
    watch = HardwareSampler(run, log, pipeline.activity) if is_first else nullcontext()
    try:
        with watch:
            pipeline.run()
    finally:
        ending["summary"] = pipeline.summary()
        if pipeline.ended_early:
            ending["reason"] = pipeline.ended_early
        if is_first:
            pipeline.inbox.refuse_all("The run has ended")


def _reporter(log: RunLogWriter, control: StopControl) -> FindingReport:
    said: dict[str, float] = {}

    def report(
        name: str, done: int, total: int | None, found: Mapping[str, Any] | None = None
    ) -> None:
        if control.stop_requested:
            raise StoppedError("The job was stopped, as asked", unharmed="Its inputs are unharmed")
        now = time.monotonic()
        if done == total or now - said.get(name, 0.0) >= _REPORT_INTERVAL_S:
            said[name] = now
            came_of_it: dict[str, Any] = {} if found is None else {"found": found}
            log.append("task", name=name, done=done, total=total, **came_of_it)

    return report
