"""What a viewer may ask of a run that is being trained, as files that appear in `commands/`."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from training_core.contract.errors import HeimdallError
from training_core.contract.files import open_regular, write_atomic
from training_core.contract.home import ensure_folder
from training_core.contract.run_dir import RunDir, new_id

_LONGEST_BYTES: Final = 16 * 1024


class _Command(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def arguments(self) -> dict[str, Any]:
        """What was asked beside the name."""
        return self.model_dump(exclude={"name"})


class PauseCommand(_Command):
    """Train no further until `resume`; memory is kept and the device is idle."""

    name: Literal["pause"] = "pause"


class ResumeCommand(_Command):
    """Go on after `pause`."""

    name: Literal["resume"] = "resume"


class StopCommand(_Command):
    """End the run with a checkpoint."""

    name: Literal["stop"] = "stop"
    when: Literal["now", "epoch"] = "now"
    """At the next place that can be resumed from, or after this epoch and its validation.

    Once the training is over, `now` leaves out the rest of the results; `epoch` is refused.
    """


class CheckpointCommand(_Command):
    """Save a checkpoint now."""

    name: Literal["checkpoint"] = "checkpoint"


class ValidateCommand(_Command):
    """Validate now; the result counts neither for early stopping nor for the schedule."""

    name: Literal["validate"] = "validate"


class SetLearningRateCommand(_Command):
    """Change the learning rate; the rest of the schedule is scaled with it."""

    name: Literal["set_learning_rate"] = "set_learning_rate"
    value: Annotated[float, Field(gt=0.0, le=10.0)]
    """The new learning rate of the first parameter group."""


class ExtendEpochsCommand(_Command):
    """Change how many epochs the run has."""

    name: Literal["extend_epochs"] = "extend_epochs"
    epochs: Annotated[int, Field(ge=1, le=1_000_000_000)]
    """The new number of epochs in all."""
    schedule: Literal["stretch", "hold"] = "stretch"
    """Stretch what is left of the schedule over the new length, or hold its end."""


Command = (
    PauseCommand
    | ResumeCommand
    | StopCommand
    | CheckpointCommand
    | ValidateCommand
    | SetLearningRateCommand
    | ExtendEpochsCommand
)

_COMMAND: Final[TypeAdapter[Command]] = TypeAdapter(Annotated[Command, Field(discriminator="name")])


@dataclass(frozen=True)
class Asked:
    """One file of `commands/`: a command, or why it is none."""

    id: str
    """Name of the file without its suffix; the records that answer it carry it."""
    path: Path
    command: Command | None
    """None where the file holds no command."""
    problem: str = ""
    """Why it holds none."""

    def discard(self) -> bool:
        """Remove the file; False where that is impossible."""
        with contextlib.suppress(OSError):
            self.path.unlink()
        return not os.path.lexists(self.path)


def send_command(run: RunDir, command: Command) -> str:
    """Ask a run for something; the id that its answering records carry is returned.

    Raises:
        HeimdallError: The run's directory is not writable or the disk is full.
    """
    ensure_folder(run.commands)
    command_id = new_id(time.time())
    try:
        write_atomic(run.commands / f"{command_id}.json", command.model_dump_json().encode())
    except OSError as error:
        raise HeimdallError(
            f"The run {run.id} could not be asked to {command.name.replace('_', ' ')}",
            why=error.strerror or str(error),
            unharmed="The run goes on as before",
            action="Free some space or make the home writable; SIGTERM stops it without a file",
        ) from error
    return command_id


def waiting_commands(run: RunDir) -> Iterator[Asked]:
    """Every file of `commands/` in the order of their names, which is that of time.

    Temporary files of a writer begin with a dot and are not looked at. Anything may lie
    there: what is no small regular file with a command is given with its problem.
    """
    try:
        names = sorted(name for name in os.listdir(run.commands) if not name.startswith("."))
    except OSError:
        return
    for name in names:
        yield _read(run.commands / name)


def _read(path: Path) -> Asked:
    # Any bytes may be a file's name, but not a record's text.
    command_id = os.fsencode(path.stem).decode("utf-8", "backslashreplace")[:100]

    def refused(problem: str) -> Asked:
        return Asked(command_id, path, None, problem)

    try:
        descriptor = open_regular(path, os.O_NOFOLLOW)
        try:
            content = os.read(descriptor, _LONGEST_BYTES + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        return refused(error.strerror or str(error))
    if len(content) > _LONGEST_BYTES:
        return refused("It is too long for a command")
    try:
        return Asked(command_id, path, _COMMAND.validate_json(content))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        return refused(f"{place}: {first['msg']}" if place else first["msg"])
