"""`resume.json`: which checkpoint the next worker of a run goes on from."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training_core.contract.errors import HeimdallError
from training_core.contract.files import read_regular, write_atomic
from training_core.contract.run_dir import RunDir


class ResumeRequest(BaseModel):
    """Asked by whoever starts a worker; gone once it trains."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    checkpoint: str
    """Its file, with the whole path; empty for a run that died before its first one, which
    begins anew under its old name."""
    epochs: Annotated[int, Field(ge=1)] | None = None
    """Another number of epochs in all; None leaves it as it is."""
    schedule: Literal["stretch", "hold"] = "stretch"
    """With other epochs: stretch what is left of the schedule, or hold its end."""


def write_resume_request(run: RunDir, request: ResumeRequest) -> None:
    """Ask the next worker of a run to go on from a checkpoint.

    Raises:
        HeimdallError: The run's directory is not writable or the disk is full.
    """
    try:
        write_atomic(run.resume_path, request.model_dump_json().encode())
    except OSError as error:
        raise HeimdallError(
            f"{run.path} could not be written",
            why=error.strerror or str(error),
            unharmed="The run is as it was",
            action="Make the home writable or free some space",
        ) from error


def read_resume_request(run: RunDir) -> ResumeRequest | None:
    """What the next worker of a run was asked; None where it begins anew.

    Raises:
        HeimdallError: The file is damaged.
    """
    try:
        return ResumeRequest.model_validate_json(read_regular(run.resume_path))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise HeimdallError(
            f"{run.resume_path} is damaged",
            why=str(error).splitlines()[0],
            unharmed="The run and its checkpoints are as they were",
            action=f"Ask again with `heimdall-console run --resume {run.id}`",
        ) from error
