"""How much disk a run will need, against what is free where it will write."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from training_core.contract.config import Config
from training_core.contract.home import model_store_folder, runs_folder
from training_core.contract.records import encode_record

_BESIDE_STEPS_BYTES_PER_S: Final = 1200
"""Progress four times a second and the hardware once a second, as records of the log."""
_TIGHT_SHARE: Final = 0.8


@dataclass(frozen=True)
class Need:
    """What will lie in one folder."""

    what: str
    folder: Path
    size_bytes: int


class _Counter:
    """A file that only counts what is written to it."""

    def __init__(self) -> None:
        self.size_bytes = 0

    def write(self, content: bytes) -> int:
        self.size_bytes += len(content)
        return len(content)

    def flush(self) -> None:
        """Nothing waits."""


def saved_bytes(content: object) -> int:
    """The size of what torch would save, without saving it."""
    counter = _Counter()
    torch.save(content, counter)  # type: ignore[arg-type]  # torch asks for no more than write
    return counter.size_bytes


def log_bytes(steps: float, duration_s: float, outputs: list[str]) -> int:
    """The size of a run's log.

    Args:
        steps: Optimizer steps.
        duration_s: How long the run takes.
        outputs: Names of the numbers that a step returns.
    """
    values = dict.fromkeys([*(f"train/{name}" for name in outputs), "learning_rate"], 1 / 3)
    fields = {"step": 100_000, "epoch": 100, "values": values}
    record = len(encode_record("metrics", 1_700_000_000.123456, fields))
    return round(steps * record + duration_s * _BESIDE_STEPS_BYTES_PER_S)


def needs(
    config: Config, home: Path, *, checkpoint_bytes: int, weights_bytes: int, log_bytes: int
) -> list[Need]:
    """What the configured run will leave, the most that lies there at one time.

    Args:
        config: Of the run.
        home: Where runs live.
        checkpoint_bytes: Size of one checkpoint.
        weights_bytes: Size of the weights alone, about that of an exported model.
        log_bytes: Size of the log.
    """
    # A new one is written before the one that it replaces is removed.
    kept = config.checkpoint.keep_best + 2
    directory = config.checkpoint.directory
    found = [
        Need("checkpoints", Path(directory or runs_folder(home)), kept * checkpoint_bytes),
        Need("log", runs_folder(home), log_bytes),
    ]
    if config.export.enabled:
        found.append(Need("export", runs_folder(home), weights_bytes))
    tracking, export = config.tracking, config.export
    if tracking.enabled and not tracking.uri and tracking.log_checkpoints:
        found.append(Need("artifacts of MLflow", home / "artifacts", 2 * checkpoint_bytes))
    is_stored = tracking.enabled and export.enabled and export.register_model
    if is_stored and not config.storage.endpoint:
        found.append(Need("model store", model_store_folder(home), weights_bytes))
    return found


def disks(found: list[Need]) -> list[dict[str, Any]]:
    """One entry a file system: a folder there, what is needed and what is free, bytes."""
    by_device: dict[int, dict[str, Any]] = {}
    for need in found:
        folder = _existing(need.folder)
        entry = by_device.setdefault(
            os.stat(folder).st_dev,
            {
                "folder": str(need.folder),
                "needed_bytes": 0,
                "free_bytes": shutil.disk_usage(folder).free,
                "parts": {},
            },
        )
        entry["needed_bytes"] += need.size_bytes
        entry["parts"][need.what] = need.size_bytes
    return list(by_device.values())


def is_full(disk: dict[str, Any]) -> bool:
    """Whether more is needed than is free."""
    return bool(disk["needed_bytes"] > disk["free_bytes"])


def is_tight(disk: dict[str, Any]) -> bool:
    """Whether next to nothing would be left."""
    return bool(disk["needed_bytes"] > _TIGHT_SHARE * disk["free_bytes"])


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
