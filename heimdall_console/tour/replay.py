"""The worker of the tour: writes a recorded log anew, at a speed, and obeys commands.

`python -m heimdall_console.tour.replay RUN_DIR SPEED STARTER` holds the lock of the run as a worker
does. It ends with the process that started it, whose number STARTER is.
"""

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Final

from heimdall_console.tour.recording import LONG, Record, RecordedRun, read_recording
from heimdall_console.tour.run_writing import RunWriter
from training_core.contract.commands import (
    Asked,
    CheckpointCommand,
    Command,
    ExtendEpochsCommand,
    PauseCommand,
    ResumeCommand,
    SetLearningRateCommand,
    StopCommand,
    ValidateCommand,
    waiting_commands,
)
from training_core.contract.errors import ExitCode
from training_core.contract.lock import WorkerLock
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogWriter

HEAD_SHARE: Final = 0.08
"""Share of the training that is there at once, so that there is something to see."""
_TURN_S: Final = 0.05
_RECORDED: Final = "This training is a recording: its course cannot be changed"


class Replay:
    """Writes the records when they are due.

    Args:
        run: The run, made and not begun.
        writer: Knows the names of this home.
        recorded: What was recorded.
        log: The log of the run.
        speed: Of the replay; 1 is that of the training itself.
        starter: Number of the process that it ends with; our parent, while that lives.
    """

    def __init__(
        self,
        run: RunDir,
        writer: RunWriter,
        recorded: RecordedRun,
        log: RunLogWriter,
        speed: float,
        starter: int,
    ) -> None:
        self._run, self._writer, self._recorded, self._log = run, writer, recorded, log
        self._speed = speed
        head_s = HEAD_SHARE * recorded.records[-1]["t"]
        self._begun = time.time() - head_s / speed
        reports = [r["t"] for r in recorded.records if r["kind"] == "task"]
        self._trained_t = max(reports, default=0.0)
        self._starter = starter
        self._is_paused = False
        self._stop: str | None = None
        self._is_over = False
        self._last: Record = {"step": 0, "epoch": 0}
        self._validation: Record | None = None
        self._best: dict[str, Any] = {}
        self._epochs = 0

    def ask_to_stop(self, number: int = 0, frame: FrameType | None = None) -> None:
        """End with a checkpoint at the next record."""
        self._stop = "now"

    def work(self) -> int:
        """Write everything; the return value is the exit code."""
        for raw in self._recorded.records:
            if not self._wait_for(raw):
                return int(ExitCode.FAILED)
            if self._stop == "now" or (self._stop == "epoch" and self._has_validated(raw)):
                return self._end_early()
            self._write(raw)
        for asked in waiting_commands(self._run):
            self._answer(asked, "refused", "The training has ended")
        return 0

    def _wait_for(self, raw: Record) -> bool:
        """Wait until a record is due; False where nobody looks any more."""
        while True:
            if os.getppid() != self._starter:
                return False
            self._obey()
            if self._stop == "now":
                return True
            missing_s = self._begun + raw["t"] / self._speed - time.time()
            if missing_s <= 0 and not self._is_paused:
                return True
            time.sleep(_TURN_S if self._is_paused else min(_TURN_S, missing_s))
            if self._is_paused:
                self._begun += _TURN_S

    def _has_validated(self, raw: Record) -> bool:
        return bool(raw.get("epoch", self._last["epoch"]) != self._last["epoch"])

    def _write(self, raw: Record) -> None:
        record = self._writer.record(raw, self._run, self._recorded.key)
        time_s = self._begun + raw["t"] / self._speed
        kind = record["kind"]
        if kind == "metrics":
            self._remember(record)
        elif kind == "task" and record["name"] == "train":
            self._epochs = record["epochs"]
            record["remaining_s"] = max(0.0, self._trained_t - raw["t"]) / self._speed
        elif kind == "checkpoint":
            self._writer.write_checkpoint(self._run, {**record, "t": time_s})
            if record["best"]:
                self._best = record["metrics"]
        elif kind == "artifact":
            self._writer.write_files(self._run, self._recorded, record["path"])
        elif kind == "state" and "exit_code" in record:
            self._is_over = True
        self._append(record, time_s)

    def _remember(self, record: Record) -> None:
        if any(name.startswith("val/") for name in record["values"]):
            self._validation = record
        if not any(name.startswith("test/") for name in record["values"]):
            self._last = record

    def _append(self, record: Mapping[str, Any], time_s: float | None = None) -> None:
        fields = {key: part for key, part in record.items() if key not in ("v", "t", "kind")}
        self._log.append(record["kind"], time_s=time_s, **fields)

    # Commands.

    def _obey(self) -> None:
        for asked in waiting_commands(self._run):
            if asked.command is None:
                self._answer(asked, "refused", asked.problem)
            else:
                self._do(asked, asked.command)

    def _do(self, asked: Asked, command: Command) -> None:
        match command:
            case PauseCommand():
                self._set_paused(asked, wanted=True)
            case ResumeCommand():
                self._set_paused(asked, wanted=False)
            case CheckpointCommand():
                name = self._save("request")
                self._answer(asked, "done", name)
            case ValidateCommand():
                self._validate(asked)
            case StopCommand(when=when):
                self._stop = when
                self._is_paused = False
                self._answer(asked, "done" if when == "now" else "accepted")
            case SetLearningRateCommand() | ExtendEpochsCommand():
                self._answer(asked, "refused", _RECORDED)

    def _set_paused(self, asked: Asked, *, wanted: bool) -> None:
        if self._is_paused == wanted:
            self._answer(asked, "refused", f"It is {'paused' if wanted else 'running'} already")
            return
        self._is_paused = wanted
        self._append({"kind": "state", "status": "paused" if wanted else "running"})
        self._answer(asked, "done")

    def _validate(self, asked: Asked) -> None:
        if self._validation is None:
            self._answer(asked, "refused", "Nothing was validated yet in this recording")
            return
        place = {"step": self._last["step"], "epoch": self._last["epoch"]}
        self._append({**self._validation, **place, "on_request": True})
        self._answer(asked, "done", "The last recorded validation, once more")

    def _answer(self, asked: Asked, outcome: str, reason: str = "") -> None:
        record: Record = {"kind": "command", "id": asked.id, "outcome": outcome, "reason": reason}
        if asked.command is not None:
            record |= {"name": asked.command.name, "arguments": asked.command.arguments()}
        self._append(record)
        asked.discard()

    def _save(self, reason: str) -> str:
        """Let a checkpoint of the present step appear; its name is returned."""
        step, epoch = self._last["step"], self._last["epoch"]
        name = f"epoch={epoch:03d}-step={step:07d}-{reason}.ckpt"
        raw = {"kind": "checkpoint", "path": name, "step": step, "epoch": epoch, "metrics": {}}
        more = {"best": False, "reason": reason, "removed": []}
        record = self._writer.record({**raw, **more}, self._run, self._recorded.key)
        self._writer.write_checkpoint(self._run, {**record, "t": time.time()})
        self._append(record)
        return name

    def _end_early(self) -> int:
        name = self._save("stop")
        step = self._last["step"]
        summary = {
            "step": step,
            "epoch": self._last["epoch"],
            "epochs": self._epochs,
            "monitor": "val/loss",
            "best": self._best.get("val/loss"),
            "metrics": self._best,
        }
        self._append(
            {
                "kind": "state",
                "status": "stopped",
                "exit_code": int(ExitCode.STOPPED),
                "summary": summary,
                "reason": f"The run was stopped at step {step}, as asked. Its checkpoint is {name}.",
            }
        )
        return int(ExitCode.STOPPED)


def main() -> int:
    """Replay the long training into the run that the command line names."""
    run, speed, starter = RunDir(Path(sys.argv[1])), float(sys.argv[2]), int(sys.argv[3])
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lock = WorkerLock(run.lock_path)
    recording = read_recording()
    writer = RunWriter(run.path.parent.parent, recording, {LONG: run.id})
    with RunLogWriter(run.log_path) as log:
        replay = Replay(run, writer, recording.runs[LONG], log, speed, starter)
        signal.signal(signal.SIGTERM, replay.ask_to_stop)
        code = replay.work()
    lock.release()
    return code


if __name__ == "__main__":
    sys.exit(main())
