"""A worker of trials that tries nothing: it reports some tasks and writes a result.

A job whose `data.num_workers` is 7 waits to be cancelled, one with 8 fails, and one with 6 has
found what the device is and waits for a file `go-on` beside its log.
"""

import json
import signal
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

from tests.console.fake_worker import main as train
from training_core.contract.jobs import JobDir
from training_core.contract.lock import WorkerLock
from training_core.contract.run_log import RunLogWriter

RESULT: dict[str, Any] = {
    "status": "warning",
    "checks": {
        "device": {"status": "ok", "figures": {"threads": 2}, "why": "", "action": ""},
        "memory": {
            "status": "warning",
            "figures": {},
            "why": "Little is left [red]x",
            "action": "Lower trainer.batch_size",
        },
        "tracking": {"status": "skipped", "figures": {}, "why": "It is off", "action": ""},
    },
}


def try_it(job: JobDir) -> int:
    lock = WorkerLock(job.lock_path)
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopped.append(number))
    config = tomllib.loads(json.loads(job.job_path.read_text())["arguments"]["config"])
    kind = config["data"]["num_workers"]
    with RunLogWriter(job.log_path) as log:
        log.append("state", status="running")
        if kind == 6:
            log.append("task", name="device", done=0, total=1)
            log.append("task", name="device", done=1, total=1, found=RESULT["checks"]["device"])
        log.append("task", name="load data", done=1, total=4)
        if kind == 8:
            error = {"what": "The trial broke", "why": "It was told to", "exit_code": 1}
            log.append("state", status="failed", reason="told to", error=error, exit_code=1)
            return 1
        while kind == 7 and not stopped:
            time.sleep(0.02)
        while kind == 6 and not stopped and not (job.path / "go-on").exists():
            time.sleep(0.02)
        if stopped:
            log.append("state", status="killed", reason="as asked", exit_code=130)
            return 130
        job.result_path.write_text(json.dumps(RESULT))
        log.append("state", status="finished", exit_code=0)
    lock.release()
    return 0


if __name__ == "__main__":
    directory = JobDir(Path(sys.argv[1]))
    sys.exit(try_it(directory) if directory.job_path.exists() else train(directory.path))
