"""The life of a worker: lock, first record, the job, last record."""

import sys
import traceback
from pathlib import Path
from typing import Any

from training_core.contract.errors import ExitCode, HeimdallError, StoppedError, UsageError
from training_core.contract.jobs import JobDir
from training_core.contract.lock import WorkerLock
from training_core.contract.run_log import RunLogWriter
from training_core.contract.run_status import RunStatus, recorded_state
from training_core.training.control import StopControl, StopNowError
from training_core.worker.dispatch import do_job
from training_core.worker.ranks import RankLog, join_ranks, rank


def main(directory: Path) -> int:
    """Do the job of a run or job directory and say in its log how it ended.

    Returns:
        The exit code, which the last record holds too.
    """
    job = JobDir(directory)
    control = StopControl()
    if rank() > 0:
        join_ranks(job)
        control.install()
        code = _live(job, RankLog(), control)
        # How the run ended is for the first rank to say; its launcher takes any other code for
        # a crash and kills it while it does.
        return code if code == ExitCode.FAILED else int(ExitCode.DONE)
    try:
        lock = WorkerLock(job.lock_path)
        # Before the first record: a log that has its end must keep it.
        _refuse_second_start(job)
    except HeimdallError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)
    except OSError as error:
        print(f"{directory} cannot be written: {error.strerror or error}.", file=sys.stderr)
        return int(ExitCode.FAILED)
    control.install()
    with RunLogWriter(job.log_path) as log:
        # Before anything heavy is imported: a viewer sees at once that somebody is there.
        log.append("state", status=RunStatus.STARTING)
        code = _live(job, log, control)
    lock.release()
    return code


def _refuse_second_start(job: JobDir) -> None:
    """Refuse what has begun before, unless something says from where to go on.

    Raises:
        UsageError: Another start would write a second run into the same log.
    """
    if job.resume_path.exists() or not job.log_path.exists() or not job.log_path.stat().st_size:
        return
    if recorded_state(job) != RunStatus.QUEUED:
        raise UsageError(
            f"{job.id} was not started again",
            why="It has been started before, and nothing says from which checkpoint to go on",
            unharmed="It is as it was",
            action=f"Use `heimdall-console run --resume {job.id}`, or start a new run",
        )


def _live(job: JobDir, log: RunLogWriter, control: StopControl) -> int:
    ending: dict[str, Any] = {}
    status, code = RunStatus.FINISHED, int(ExitCode.DONE)
    try:
        do_job(job, log, control, ending)
    except StopNowError:
        status, code = RunStatus.KILLED, int(ExitCode.INTERRUPTED)
        ending["reason"] = "A second request to stop: nothing more was saved"
    except HeimdallError as error:
        print(traceback.format_exc(), file=sys.stderr)
        status = RunStatus.STOPPED if isinstance(error, StoppedError) else RunStatus.FAILED
        code = int(error.exit_code)
        ending |= {"reason": str(error), "error": error.as_fields()}
    except BaseException as error:
        # A bug, or a library's refusal that nobody foresaw: its traceback is the report.
        text = traceback.format_exc()
        print(text, file=sys.stderr)
        reason = f"{type(error).__name__}: {error}"
        log.append("message", level="error", text=reason, detail=text)
        status, code = RunStatus.FAILED, int(ExitCode.FAILED)
        ending["reason"] = reason
    log.append("state", status=status, exit_code=code, **ending)
    return code
