"""What stands beside a checkpoint: its sidecar, readable without loading it."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError

from training_core.contract.files import read_regular, write_atomic
from training_core.contract.records import decode_number, encode_number
from training_core.contract.run_dir import RunDir

Number = Annotated[
    float, BeforeValidator(lambda value: decode_number(value)), PlainSerializer(encode_number)
]
"""A number that JSON carries even where it is not finite."""


class CheckpointSidecar(BaseModel):
    """`<name>.ckpt.json`, written after the checkpoint and before its record."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    file: str
    """Name of the checkpoint, in the same folder."""
    step: int
    """Optimizer steps completed."""
    epoch: int
    """Epoch, counted from 0."""
    metrics: dict[str, Number] = {}
    """Metrics at the save."""
    monitor: str = ""
    """Metric that ranks it."""
    mode: str = "min"
    """Whether a small or a large value of that metric is good."""
    size_bytes: int
    """Size of the checkpoint."""
    sha256: str
    """Of the checkpoint."""
    created: float
    """Seconds since 1970, UTC."""
    reason: str = ""
    """validation, time, request, stop or end."""
    is_exported: bool = False
    """Whether a model was made of it: it is kept until a person removes it."""
    run_id: str = ""
    """Run that saved it."""

    @property
    def rank(self) -> float:
        """The monitored value, small is good; infinity where it is missing or NaN."""
        value = self.metrics.get(self.monitor, math.nan)
        if math.isnan(value):
            return math.inf
        return value if self.mode == "min" else -value


def sidecar_path(checkpoint: Path) -> Path:
    """Where the sidecar of a checkpoint lies."""
    return checkpoint.with_name(checkpoint.name + ".json")


def write_sidecar(folder: Path, sidecar: CheckpointSidecar) -> None:
    """Write a sidecar beside its checkpoint."""
    content = orjson.dumps(sidecar.model_dump(), option=orjson.OPT_INDENT_2)
    write_atomic(sidecar_path(folder / sidecar.file), content)


def read_sidecar(checkpoint: Path) -> CheckpointSidecar | None:
    """The sidecar of a checkpoint, None where it is missing or damaged."""
    try:
        found = CheckpointSidecar.model_validate_json(read_regular(sidecar_path(checkpoint)))
    except (OSError, ValidationError):
        return None
    # Whoever copied both under another name did not change what is written inside.
    return found.model_copy(update={"file": checkpoint.name})


def mark_exported(checkpoint: Path) -> None:
    """Let the sidecar of a checkpoint say that a model was made of it.

    Raises:
        OSError: Its folder is not writable or the disk is full.
    """
    sidecar = read_sidecar(checkpoint)
    if sidecar is not None and not sidecar.is_exported:
        write_sidecar(checkpoint.parent, sidecar.model_copy(update={"is_exported": True}))


def checkpoint_folder(run: RunDir, configured: str) -> Path:
    """Where the checkpoints of a run lie.

    Args:
        run: The run.
        configured: `checkpoint.directory`; runs that share it have a folder each.
    """
    # A name with a zero is none to the system, and worth no error where runs are listed.
    has_own = configured and "\0" not in configured
    return Path(configured) / run.id if has_own else run.checkpoints


def own_checkpoints(run: RunDir, configured: str) -> list[CheckpointSidecar]:
    """The checkpoints that a run saved itself, oldest step first."""
    found = list_checkpoints(checkpoint_folder(run, configured))
    return [sidecar for sidecar in found if sidecar.run_id in ("", run.id)]


def list_checkpoints(folder: Path) -> list[CheckpointSidecar]:
    """Every checkpoint of a folder that has its sidecar, oldest step first."""
    try:
        paths = list(folder.glob("*.ckpt"))
    except OSError:
        return []  # a name that is too long for the system
    found = (read_sidecar(path) for path in paths)
    return sorted((s for s in found if s is not None), key=lambda s: (s.step, s.created))


def chosen_checkpoint(
    sidecars: Sequence[CheckpointSidecar], which: Literal["best", "last"] = "best"
) -> CheckpointSidecar | None:
    """The best or the last of some checkpoints, oldest step first; None where there is none.

    Without any monitored value the last one is also the best.
    """
    ranked = best_checkpoints(sidecars) if which == "best" else []
    return ranked[0] if ranked else (sidecars[-1] if sidecars else None)


def best_checkpoints(sidecars: Iterable[CheckpointSidecar]) -> list[CheckpointSidecar]:
    """Those with a monitored value, best first, the earlier one first among equals."""
    ranked = [sidecar for sidecar in sidecars if math.isfinite(sidecar.rank)]
    return sorted(ranked, key=lambda s: (s.rank, s.step))
