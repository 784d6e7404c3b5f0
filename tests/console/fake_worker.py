"""A worker that trains nothing: it writes the log of a short training, or fails as told.

`python -m fake_worker RUN_DIR`; what to do stands in `FAKE_WORKER_PLAN`, as JSON, and what a
single run does otherwise in `plan.json` of its directory.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from training_core.contract.checkpoints import CheckpointSidecar, write_sidecar
from training_core.contract.commands import (
    Asked,
    CheckpointCommand,
    Command,
    ExtendEpochsCommand,
    PauseCommand,
    ResumeCommand,
    StopCommand,
    waiting_commands,
)
from training_core.contract.lock import WorkerLock
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogWriter
from training_core.contract.run_status import RunStatus, recorded_state

STEPS = 40
HARDWARE: dict[str, Any] = {
    "gpus": [
        {
            "index": 0,
            "name": "Fake GPU",
            "utilization_percent": 87,
            "used_bytes": 11_200_000_000,
            "total_bytes": 24_000_000_000,
            "temperature_c": 63,
        }
    ],
    "torch": [],
    "rss_bytes": 2_100_000_000,
    "cpu_percent": 140.0,
    "disk_free_bytes": 512_000_000_000,
}


class FakeTraining:
    def __init__(self, run: RunDir, log: RunLogWriter, plan: dict[str, Any]) -> None:
        self.run, self.log, self.plan = run, log, plan
        self.asked_to_stop = 0
        self.is_paused = False
        self.stops_after_epoch = False
        self.epochs = int(plan.get("epochs", 3))
        signal.signal(signal.SIGTERM, self.on_terminate)

    def on_terminate(self, number: int, frame: FrameType | None) -> None:
        self.asked_to_stop += 1

    def work(self) -> int:
        log, plan = self.log, self.plan
        time.sleep(float(plan.get("loading_s", 0.0)))
        log.append("message", level="info", text=plan.get("message", "12,345 parameters on cpu"))
        log.append("state", status="running")
        epoch = -1
        while (epoch := epoch + 1) < self.epochs and not self.stops_after_epoch:
            for batch in range(STEPS):
                if plan.get("crash_at") == (epoch * STEPS + batch):
                    print("Segmentation fault (core dumped)", file=sys.stderr, flush=True)
                    sys.exit(139)
                self.obey(epoch, batch)
                if self.asked_to_stop > 1:
                    return self.end("killed", 130, reason="A second request to stop")
                if self.asked_to_stop and not plan.get("is_deaf"):
                    self.checkpoint(epoch, batch, 9.0, "stop")
                    return self.end("stopped", 4, reason="Stopped as asked")
                self.step(epoch, batch)
                time.sleep(float(plan.get("step_s", 0.002)))
            self.validate(epoch)
        if self.stops_after_epoch:
            return self.end("stopped", 4, reason="Stopped as asked")
        if plan.get("error"):
            error = plan["error"]
            return self.end("failed", error["exit_code"], reason=error["what"], error=error)
        self.log.append(
            "metrics",
            step=self.epochs * STEPS,
            epoch=self.epochs - 1,
            values={
                "test/median_m": 132.4,
                "test/mean_m": 170.2,
                "test/p90_m": 355.0,
                "test/coverage_90": 0.889,
            },
        )
        self.artifact()
        return self.end("finished", 0)

    def obey(self, epoch: int, batch: int) -> None:
        """Answer what lies in `commands/`; stay here while paused."""
        while True:
            for asked in [] if self.plan.get("ignores_commands") else waiting_commands(self.run):
                asked.discard()
                if asked.command is None or asked.command.name in self.plan.get("refuses", []):
                    self.answer(asked, "refused", asked.problem or "It is not possible here")
                else:
                    self.answer(asked, "accepted", "")
                    if self.do(asked.command, epoch, batch):
                        self.answer(asked, "done", "")
            if not self.is_paused or self.asked_to_stop:
                return
            time.sleep(0.01)

    def do(self, command: Command, epoch: int, batch: int) -> bool:
        match command:
            case PauseCommand() | ResumeCommand():
                self.is_paused = isinstance(command, PauseCommand)
                self.log.append("state", status="paused" if self.is_paused else "running")
            case StopCommand(when="now"):
                self.asked_to_stop = 1
                return False
            case StopCommand():
                self.stops_after_epoch = True
                return False
            case CheckpointCommand():
                self.checkpoint(epoch, batch, 9.0, "request")
            case ExtendEpochsCommand():
                self.epochs = command.epochs
        return True

    def answer(self, asked: Asked, outcome: str, reason: str) -> None:
        command = asked.command
        self.log.append(
            "command",
            id=asked.id,
            name=command.name if command else "",
            arguments=command.arguments() if command else {},
            outcome=outcome,
            reason=reason,
        )

    def step(self, epoch: int, batch: int) -> None:
        step = epoch * STEPS + batch + 1
        values = {"train/loss": 6.0 / (1 + 0.02 * step), "learning_rate": 1e-3}
        self.log.append("metrics", step=step, epoch=epoch, values=values)
        if batch % 5 == 4:
            total = self.epochs * STEPS
            self.log.append(
                "task", name="train", done=step, total=total, epoch=epoch, epochs=self.epochs
            )
        if batch == 0:
            self.log.append("hardware", **HARDWARE)

    def validate(self, epoch: int) -> None:
        loss = 5.0 - 0.5 * epoch
        values = {"val/loss": loss, "val/median_m": 200.0 - 10 * epoch, "val/coverage_90": 0.87}
        step = (epoch + 1) * STEPS
        self.log.append("metrics", step=step, epoch=epoch, values=values)
        self.checkpoint(epoch, STEPS, loss, "validation")

    def checkpoint(self, epoch: int, batch: int, loss: float, reason: str) -> None:
        step = epoch * STEPS + batch
        path = self.run.checkpoints / f"epoch={epoch:03d}-step={step:07d}.ckpt"
        path.write_bytes(b"weights")
        sidecar = CheckpointSidecar(
            file=path.name,
            step=step,
            epoch=epoch,
            metrics={"val/loss": loss},
            monitor="val/loss",
            size_bytes=7,
            sha256="0" * 64,
            created=time.time(),
            reason=reason,
            run_id=self.run.id,
        )
        write_sidecar(path.parent, sidecar)
        self.log.append(
            "checkpoint",
            path=str(path),
            step=step,
            epoch=epoch,
            metrics={"val/loss": loss},
            size_bytes=1_234_567,
            sha256="0" * 64,
            best=reason == "validation",
            removed=[],
        )

    def artifact(self) -> None:
        self.log.append(
            "artifact",
            name="model.onnx",
            path="exports/best/model.onnx",
            size_bytes=456_000,
            sha256="0" * 64,
            register={"name": "heimdall-localization", "alias": "challenger"},
            summary={"ok": True, "max_abs_difference_mean_m": 2.3e-5, "speedup_batch_1": 2.4},
        )

    def end(self, status: str, exit_code: int, **fields: Any) -> int:
        self.log.append("state", status=status, exit_code=exit_code, **fields)
        return exit_code


def main(directory: Path) -> int:
    run = RunDir(directory)
    plan: dict[str, Any] = json.loads(os.environ.get("FAKE_WORKER_PLAN", "{}"))
    plan_path = directory / "plan.json"
    if plan_path.exists():
        plan |= json.loads(plan_path.read_text())
    if plan.get("dies_at_birth"):
        print("ModuleNotFoundError: No module named 'torch'", file=sys.stderr)
        return 1
    lock = WorkerLock(run.lock_path)
    if recorded_state(run) not in (None, RunStatus.QUEUED) and not run.resume_path.exists():
        # As the real worker: a log that has begun is begun once.
        return 2
    with RunLogWriter(run.log_path) as log:
        log.append("state", status="starting")
        code = FakeTraining(run, log, plan).work()
    lock.release()
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
