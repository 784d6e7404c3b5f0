"""Telling the end of a run to a webhook and a command.

`python -m heimdall_console.notifying RUN_DIR PID OFFSET` waits without polling until the worker
PID and the run's lock are gone, and tells what the log says behind OFFSET. It is started beside
a worker only where the settings name somebody to tell.
"""

import contextlib
import fcntl
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import orjson

from heimdall_console.run_progress import RunProgress
from training_core.contract.config_file import load_config
from training_core.contract.errors import HeimdallError
from training_core.contract.files import open_regular, write_atomic
from training_core.contract.lock import is_locked
from training_core.contract.processes import start_detached
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import Record, RunLogReader
from training_core.contract.run_status import RunStatus, is_end

_LAST_WORD_S: Final = 3.0
_COMMAND_S: Final = 600.0


def start_notifier(run: RunDir, worker_pid: int) -> subprocess.Popen[bytes] | None:
    """Start the process that tells of a run's end, where the settings name somebody to tell.

    What hinders it is said on standard error: the worker trains all the same.

    Args:
        run: The run, whose worker has just been started.
        worker_pid: That worker, which may not have taken its lock yet.

    Returns:
        The process; None where there is nobody to tell, or it could not be started.
    """
    from heimdall_console.settings import load_settings

    try:
        wanted = load_settings().notifications
        if not (wanted.webhook or wanted.command):
            return None
        offset = run.log_path.stat().st_size if run.log_path.exists() else 0
        return start_detached(
            "heimdall_console.notifying",
            run.path,
            run.path / "notifying.log",
            arguments=[str(worker_pid), str(offset)],
        )
    except (HeimdallError, OSError) as error:
        sys.stderr.write(f"Nobody will be told of the end of {run.id}: {error}\n")
        return None


def main(run: RunDir, worker_pid: int, offset: int) -> int:
    """Wait for the end and tell it; the return value is the exit code."""
    from heimdall_console.settings import load_settings
    from heimdall_console.webhook import post

    _wait_for_process(worker_pid)
    last = _wait_for_end(run, offset)
    message = end_message(run, last)
    # Before the claim: what settings that are wrong kept back can still be told by another.
    wanted = load_settings().notifications
    if not _claim(run, last, message):
        return 0
    content = orjson.dumps(message)
    if wanted.webhook:
        print(f"webhook: {post(wanted.webhook, content)}", flush=True)
    if wanted.command:
        print(f"command: {_call(wanted.command, content, message)}", flush=True)
    return 0


def end_message(run: RunDir, last: Record | None) -> dict[str, Any]:
    """What is told: plain data, `text` for chats that show nothing else.

    Args:
        run: The run.
        last: The state record of its end; None for a worker that died without one.
    """
    info, config = run.read_info(), load_config(run.config_path)
    progress = RunProgress.of(config)
    progress.take_new(RunLogReader(run.log_path))
    status = str(last["status"]) if last else RunStatus.CRASHED.value
    reason = str(last.get("reason") or "") if last else "The worker is gone and wrote no end"
    best = progress.best.get(progress.monitor)
    reached = "" if best is None else f", best {progress.monitor} {best:.4g}"
    return {
        "event": "run_ended",
        "text": f"{info.name} {status}{reached}" + (f": {reason}" if reason else ""),
        "run_id": run.id,
        "name": info.name,
        "experiment": info.experiment,
        "host": info.host,
        "run_dir": str(run.path),
        "status": status,
        "reason": reason,
        "exit_code": last.get("exit_code") if last else None,
        "step": progress.step,
        "monitor": progress.monitor,
        "best": progress.best,
        "best_epoch": progress.best_epoch,
        "test": progress.test,
        "started": progress.started,
        "ended": progress.ended,
    }


def _wait_for_process(pid: int) -> None:
    """Block until a process, which need not be a child, is gone."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    except OSError:
        # Kernels before 5.3 cannot; where one is asked again and again, zombies are reaped.
        with contextlib.suppress(ProcessLookupError):
            while True:
                os.kill(pid, 0)
                time.sleep(0.5)
        return
    try:
        select.select([descriptor], [], [])
    finally:
        os.close(descriptor)


def _wait_for_end(run: RunDir, offset: int) -> Record | None:
    """The state record of the end; None for a worker that died without one."""
    reader = RunLogReader(run.log_path, offset)
    while True:
        _wait_for_lock(run.lock_path)
        # Whoever kills a worker writes its end afterwards.
        deadline = time.monotonic() + _LAST_WORD_S
        while time.monotonic() < deadline:
            end = _last_end(reader)
            if end is not None:
                return end
            time.sleep(0.05)
        if not is_locked(run.lock_path):
            return None


def _wait_for_lock(path: Path) -> None:
    """Block until nobody holds a run's lock."""
    with contextlib.suppress(OSError), os.fdopen(open_regular(path), "rb") as file:
        fcntl.lockf(file, fcntl.LOCK_SH)


def _last_end(reader: RunLogReader) -> Record | None:
    end = None
    while records := reader.read_new():
        for record in records:
            if is_end(record):
                end = record
    return end


def _claim(run: RunDir, last: Record | None, message: dict[str, Any]) -> bool:
    """Make the file of this end; False where another process has made it.

    A second start of a run that is alive is refused, and its notifier wakes at the same end.
    """
    moment = (last or {}).get("t") or message["ended"] or 0.0
    folder = run.path / "notifications"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{message['status']}-{float(moment):.6f}.json"
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        return False
    write_atomic(path, orjson.dumps(message, option=orjson.OPT_INDENT_2))
    return True


def _call(command: list[str], content: bytes, message: dict[str, Any]) -> str:
    environment = {
        **os.environ,
        "HEIMDALL_RUN_ID": message["run_id"],
        "HEIMDALL_STATUS": message["status"],
    }
    try:
        done = subprocess.run(
            command, input=content, env=environment, timeout=_COMMAND_S, check=False
        )
    except OSError as error:
        return f"could not be started: {error.strerror}"
    except subprocess.TimeoutExpired:
        return f"ended after {_COMMAND_S:.0f} s without an answer"
    return f"exit code {done.returncode}"


if __name__ == "__main__":
    sys.exit(main(RunDir(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])))
