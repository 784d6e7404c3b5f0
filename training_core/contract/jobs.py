"""What a worker can be asked to do beside training, and where its results lie."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Protocol

import orjson
from pydantic import BaseModel, ConfigDict, Field

from training_core.contract.files import read_regular, write_atomic
from training_core.contract.home import appearing_folder, jobs_folder
from training_core.contract.run_dir import RunDir, new_id

Report = Callable[[str, int, int | None], None]
"""Progress of a job: (name of the task, units done, units in all or None)."""


class FindingReport(Protocol):
    """A `Report` that also takes what was found by what is over."""

    def __call__(
        self, name: str, done: int, total: int | None, found: Mapping[str, Any] | None = None
    ) -> None:
        """Say how far a task is, and at its end what came of it."""


def no_report(
    name: str, done: int, total: int | None, found: Mapping[str, Any] | None = None
) -> None:
    """Progress that nobody watches."""


class JobArguments(BaseModel):
    """Base of every job's arguments; paths are absolute when a job is made."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ImportTableArguments(JobArguments):
    """`data import wide-csv` and `long-csv`."""

    source: Path
    """File or folder to import."""
    mapping: Path
    """Mapping file."""
    target: Path
    """Dataset directory to make."""
    overwrite: bool = False
    """Whether an existing dataset is replaced."""


class ImportNpyArguments(JobArguments):
    """`data import npy`."""

    source: Path
    """Folder with `{split}/{session}_iq.npy`."""
    target: Path
    """Dataset directory to make."""
    name: str = ""
    """Name of the dataset; the folder's when empty."""
    sample_rate_hz: float | None = None
    """For recordings whose metadata do not say."""
    overwrite: bool = False
    """Whether an existing dataset is replaced."""


class DatasetArguments(JobArguments):
    """`data check` and the refreshing of a summary."""

    dataset: Path
    """Dataset directory."""
    split: str = ""
    """Split to look at; empty means all that the dataset names."""


class SynthArguments(JobArguments):
    """`data synth`."""

    target: Path
    """Dataset directory to make."""
    preset: Literal["campus", "vhf-network"] = "campus"
    """What kind of network."""
    sessions: int = 2000
    """How many sessions."""
    seed: int = 0
    """Seed of everything drawn."""
    options: dict[str, float | int | str | bool] = {}
    """Generator options that differ from the preset."""
    overwrite: bool = False
    """Whether an existing dataset is replaced."""


class ExportArguments(JobArguments):
    """`export`."""

    checkpoint: Path
    """Checkpoint to export."""
    target: Path | None = None
    """Export directory; beside the checkpoint's run when None."""
    dataset: Path | None = None
    """Dataset whose validation rows prove the export; the run's own when None."""
    opset: int = 17
    """ONNX operator set."""


class ServerArguments(JobArguments):
    """Where models are registered and stored."""

    tracking_uri: str = ""
    """MLflow; the home's database when empty."""
    storage_endpoint: str = ""
    """Object store; the home's folder when empty."""
    bucket: str = "heimdall-models"
    """Bucket."""
    region: str = "us-east-1"
    """Region of the bucket."""


class RegisterArguments(ServerArguments):
    """Registration of an export directory."""

    export: Path
    """Directory with model.onnx and proof.json."""
    name: str
    """Registered model."""
    alias: str = ""
    """Alias that moves to the new version."""
    checkpoint: Path | None = None
    """Checkpoint to export into that directory first; None takes what is there."""


class SetAliasArguments(ServerArguments):
    """`models alias` and `models rollback`."""

    name: str
    """Registered model."""
    alias: str
    """Alias that moves."""
    version: Annotated[int, Field(ge=0)]
    """Version that it moves to; 0 takes the alias away."""
    expected: int | None = None
    """Version that it is at, 0 where there is no such alias; refused otherwise. None does not ask."""


class DownloadArguments(ServerArguments):
    """`models download`."""

    model: str
    """`name@alias`, `name@v3` or `name@latest`."""
    target: Path
    """Folder to make."""


class ModelReference(ServerArguments):
    """A model by file or by `name@alias`, and a dataset for it."""

    model: str
    """An .onnx or .ckpt file, or `name@alias`."""
    dataset: Path
    """Dataset directory."""


class PredictArguments(ModelReference):
    """`predict`."""

    out: Path
    """CSV file to write."""


class EvaluateArguments(ModelReference):
    """`evaluate`."""

    split: Literal["train", "val", "test"] = "test"
    """Part of the split."""
    split_name: str = ""
    """Split; what the model was trained with, or place, when empty."""
    seed: int | None = None
    """Seed of the split; what the model was trained with when None."""
    quick: bool = False
    """Leave out the methods without a network that take more than a moment."""
    html: Path | None = None
    """Where a copy of the page is written; the job's own directory has one in any case."""


class PreflightArguments(JobArguments):
    """`run --preflight`: trying everything a run would need, and leaving nothing behind."""

    config: str
    """The resolved configuration as TOML; credentials are never part of one."""


class OverfitArguments(PreflightArguments):
    """`run --overfit-batch`: whether the model can learn one batch by heart."""

    steps: Annotated[int, Field(ge=10, le=100_000)] = 300
    """Optimizer steps."""


ARGUMENTS: Final[dict[str, type[JobArguments]]] = {
    "import-wide-csv": ImportTableArguments,
    "import-long-csv": ImportTableArguments,
    "import-npy": ImportNpyArguments,
    "check": DatasetArguments,
    "summarize": DatasetArguments,
    "synth": SynthArguments,
    "export": ExportArguments,
    "register": RegisterArguments,
    "set-alias": SetAliasArguments,
    "download": DownloadArguments,
    "predict": PredictArguments,
    "evaluate": EvaluateArguments,
    "preflight": PreflightArguments,
    "overfit-batch": OverfitArguments,
}
"""Kind of job → its arguments."""


@dataclass(frozen=True)
class JobDir(RunDir):
    """The directory of a job: a log like a run's, and a result."""

    @property
    def job_path(self) -> Path:
        """`job.json`: kind and arguments."""
        return self.path / "job.json"

    @property
    def result_path(self) -> Path:
        """`result.json`, written before the last state."""
        return self.path / "result.json"

    def read_job(self) -> tuple[str, JobArguments]:
        """Kind and arguments."""
        job = orjson.loads(read_regular(self.job_path))
        kind = job["kind"]
        return kind, ARGUMENTS[kind].model_validate(job["arguments"])

    def read_result(self) -> dict[str, Any]:
        """What the job found."""
        result: dict[str, Any] = orjson.loads(read_regular(self.result_path))
        return result


def create_job(home: Path, kind: str, arguments: JobArguments) -> JobDir:
    """Make the directory of a job; it appears whole or not at all.

    Raises:
        HeimdallError: The home is not writable or the disk is full.
    """
    jobs, job_id = jobs_folder(home), new_id(time.time())
    content = {"kind": kind, "arguments": arguments.model_dump(mode="json")}
    with appearing_folder(jobs, job_id) as hidden:
        write_atomic(hidden / "job.json", orjson.dumps(content, option=orjson.OPT_INDENT_2))
    return JobDir(jobs / job_id)
