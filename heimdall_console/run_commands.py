"""Asking a run for something and waiting for its answer; setting values by name."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import ValidationError

from heimdall_console.run_progress import RunProgress
from training_core.contract.checkpoints import own_checkpoints
from training_core.contract.commands import (
    Command,
    ExtendEpochsCommand,
    SetLearningRateCommand,
    StopCommand,
    send_command,
)
from training_core.contract.config_file import load_config
from training_core.contract.errors import HeimdallError, UsageError
from training_core.contract.lock import is_locked
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogReader
from training_core.contract.run_status import RunStatus, run_status

_POLL_S: Final = 0.05
_KEYS: Final = {
    "learning_rate": "learning_rate",
    "lr": "learning_rate",
    "optimizer.learning_rate": "learning_rate",
    "epochs": "epochs",
    "trainer.epochs": "epochs",
}


@dataclass(frozen=True)
class Answer:
    """What became of a command."""

    id: str
    command: Command
    outcome: Literal["sent", "accepted", "done", "refused", "unanswered"]
    """sent: nobody waited; unanswered: nothing came in time, the command still waits."""
    reason: str = ""
    """Why, for a person."""

    @property
    def is_good(self) -> bool:
        """Whether it was obeyed, or nobody wanted to know."""
        return self.outcome in ("sent", "accepted", "done")

    def as_fields(self) -> dict[str, Any]:
        """As a `command` record has it."""
        return {
            "id": self.id,
            "name": self.command.name,
            "arguments": self.command.arguments(),
            "outcome": self.outcome,
            "reason": self.reason,
        }


def ask(run: RunDir, command: Command, wait_s: float) -> Answer:
    """Send a command to a run's worker and wait for the record that answers it.

    Args:
        run: A run whose worker lives.
        command: What is asked.
        wait_s: How long to wait at most; 0 does not.

    Raises:
        UsageError: The run has no worker that could obey.
        HeimdallError: The command could not be written.
    """
    status = run_status(run)
    refuse_without_worker(run, status, command.name.replace("_", " "))
    reader = RunLogReader(run.log_path, _size(run))
    command_id = send_command(run, command)
    if wait_s <= 0.0:
        return Answer(command_id, command, "sent")
    deadline, accepted = time.monotonic() + wait_s, False
    while time.monotonic() < deadline:
        locked = is_locked(run.lock_path)
        records = reader.read_new()
        for record in records:
            if record["kind"] == "state":
                with contextlib.suppress(ValueError):
                    status = RunStatus(record.get("status", ""))
                if status.has_ended:
                    return at_the_end(command_id, command, status)
            if record["kind"] != "command" or record.get("id") != command_id:
                continue
            outcome, reason = record.get("outcome"), str(record.get("reason") or "")
            accepted = True
            # What comes later can take the rest of an epoch.
            is_last_word = isinstance(command, StopCommand) and command.when == "epoch"
            if outcome == "refused":
                return Answer(command_id, command, "refused", reason)
            if outcome == "done" or is_last_word:
                return Answer(
                    command_id, command, "done" if outcome == "done" else "accepted", reason
                )
        if not locked and not records:
            return Answer(command_id, command, "refused", "The worker has died")
        time.sleep(_POLL_S)
    if accepted:
        return Answer(command_id, command, "accepted", "The run is at it")
    return Answer(command_id, command, "unanswered", _silence(status, wait_s))


def refuse_without_worker(run: RunDir, status: RunStatus, asked: str) -> None:
    """Refuse what only a living worker can do.

    Raises:
        UsageError: The run has ended or has not begun.
    """
    if status is RunStatus.QUEUED:
        raise UsageError(
            f"The run {run.id} cannot {asked}",
            why="It has not begun",
            unharmed="It is as it was",
            action=f"`heimdall-console runs stop {run.id}` takes it out of the queue",
        )
    if status.has_ended:
        resumed = "goes on from its last checkpoint" if _is_saved(run) else "begins it anew"
        raise UsageError(
            f"The run {run.id} cannot {asked}",
            why=f"It has ended: {status.value}",
            unharmed="It is as it was",
            action=f"`heimdall-console run --resume {run.id}` {resumed}",
        )


def parse_settings(
    run: RunDir, assignments: Sequence[str], schedule: Literal["stretch", "hold"]
) -> list[Command]:
    """Commands of `learning_rate=3e-4` and `epochs=120` or `epochs=+20`.

    Args:
        run: The run they are meant for; `+20` counts from what it plans now.
        assignments: As they were typed.
        schedule: What becomes of the schedule when the number of epochs changes.

    Raises:
        UsageError: A key is unknown or a value impossible.
    """
    return [_setting(run, assignment, schedule) for assignment in assignments]


def _setting(run: RunDir, assignment: str, schedule: Literal["stretch", "hold"]) -> Command:
    key, equals, text = (part.strip() for part in assignment.partition("="))
    name = _KEYS.get(key)
    try:
        if name == "learning_rate" and equals:
            return SetLearningRateCommand(value=float(text))
        if name == "epochs" and equals:
            epochs = int(text) + (planned_epochs(run) if text.startswith(("+", "-")) else 0)
            return ExtendEpochsCommand(epochs=epochs, schedule=schedule)
        why = "Only learning_rate and epochs can be changed while a run trains"
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        why = f"{key}: {first['msg'][:1].lower()}{first['msg'][1:]}"
    except ValueError:
        why = f"{text!r} is not a {'number' if name == 'learning_rate' else 'whole number'}"
    raise UsageError(
        f"{assignment} cannot be set",
        why=why,
        unharmed="The run goes on as before",
        action="Write learning_rate=3e-4, epochs=120 or epochs=+20",
    )


def planned_epochs(run: RunDir) -> int:
    """How many epochs a run plans now, extensions included."""
    progress = RunProgress()
    progress.take_new(RunLogReader(run.log_path))
    return progress.epochs or load_config(run.config_path).trainer.epochs


def _is_saved(run: RunDir) -> bool:
    """Whether a run has a checkpoint of its own."""
    directory = ""
    with contextlib.suppress(HeimdallError):
        directory = load_config(run.config_path).checkpoint.directory
    return bool(own_checkpoints(run, directory))


def at_the_end(command_id: str, command: Command, status: RunStatus) -> Answer:
    """What a run that has ended meanwhile answers: who wanted it to stop has got it."""
    if isinstance(command, StopCommand):
        itself = " by itself" if status is RunStatus.FINISHED else ""
        return Answer(command_id, command, "done", f"The run has ended{itself}: {status.value}")
    return Answer(command_id, command, "refused", f"The run ended before: {status.value}")


def _silence(status: RunStatus, wait_s: float) -> str:
    if status is RunStatus.STARTING:
        return "The worker is still starting; it takes the command when it trains"
    return f"No answer within {wait_s:g} s; it is taken at the end of a batch"


def _size(run: RunDir) -> int:
    try:
        return run.log_path.stat().st_size
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise HeimdallError(f"{run.log_path} cannot be read", why=str(error)) from error
