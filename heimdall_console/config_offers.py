"""What a person can choose from while configuring: datasets, checkpoints, runs, presets."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from heimdall_console.checkpoint_reference import checkpoint_directory
from heimdall_console.formatting import age, counted, metric, plain, size
from training_core.contract.checkpoints import best_checkpoints, checkpoint_folder, own_checkpoints
from training_core.contract.config_template import PRESETS
from training_core.contract.datasets import list_datasets, read_summary
from training_core.contract.errors import HeimdallError
from training_core.contract.home import datasets_folder
from training_core.contract.run_dir import RunDir

if TYPE_CHECKING:
    from heimdall_console.config_drafts import Draft
    from heimdall_console.run_index import RunSummary

TYPED: Final = "typed"
"""Id of the offer to type something else."""
_MOST_RUNS: Final = 200


@dataclass(frozen=True)
class Offer:
    """One thing to choose."""

    id: str
    label: str
    about: str


def dataset_offers(home: Path) -> list[Offer]:
    """The datasets of a home, and the way to name another one."""
    found = []
    for name in list_datasets(home):
        about = ""
        with contextlib.suppress(HeimdallError):
            summary = read_summary(datasets_folder(home) / name)
            if summary is not None:
                sessions = counted(summary.sessions, "session")
                about = f"{sessions} of {counted(len(summary.receivers), 'receiver')}"
        found.append(Offer(name, name, about))
    return [*found, Offer(TYPED, "another directory…", "type its path")]


def only_dataset(home: Path) -> str:
    """Name of the dataset of a home; empty where there is none, or a choice."""
    names = list_datasets(home)
    return names[0] if len(names) == 1 else ""


def checkpoint_offers(runs: Sequence["RunSummary"], now: float) -> list[Offer]:
    """The best and the last checkpoint of every run that has some."""
    found = [Offer("", "none", "begin with fresh weights")]
    for run in runs[:_MOST_RUNS]:
        directory = RunDir(run.path)
        configured = checkpoint_directory(directory)
        saved = own_checkpoints(directory, configured)
        if not saved:
            continue
        folder = checkpoint_folder(directory, configured)
        best = best_checkpoints(saved)[:1]
        for word, one in (*(("best", one) for one in best), ("last", saved[-1])):
            if word == "last" and best and one is best[0]:
                continue
            value = one.metrics.get(one.monitor)
            figures = [f"epoch {one.epoch + 1}"]
            if value is not None:
                figures.append(f"{plain(one.monitor)} {metric(one.monitor, value)}")
            figures += [size(one.size_bytes), age(now - one.created)]
            found.append(
                Offer(str(folder / one.file), f"{word} of {run.info.name}", ", ".join(figures))
            )
    return [*found, Offer(TYPED, "another file…", "type its path")]


def beginning_offers(
    runs: Sequence["RunSummary"], drafts: Sequence["Draft"], now: float
) -> list[Offer]:
    """Where a configuration can begin: drafts, presets, a file, runs."""
    found = [
        Offer(
            f"draft:{place}",
            f"draft from {draft.document.origin.title}",
            f"{draft.about}, {age(now - draft.changed)}",
        )
        for place, draft in enumerate(drafts)
    ]
    found += [Offer(f"preset:{n}", f"preset {n}", about) for n, (about, _) in PRESETS.items()]
    found.append(Offer("file:", "a file…", "type its path"))
    found += [
        Offer(
            f"run:{run.info.id}",
            f"run {run.info.name}",
            f"{run.status.value}, {run.info.experiment}, {age(now - run.info.created)}",
        )
        for run in runs
    ]
    return found


def waiting_offers(runs: Sequence["RunSummary"]) -> list[Offer]:
    """What a queued run can wait for beside a free device."""
    living = [run for run in runs if not run.status.has_ended]
    return [
        Offer("", "no other run", "start as soon as the device is free"),
        *(
            Offer(run.info.id, f"the end of {run.info.name}", f"{run.status.value}, {run.info.id}")
            for run in living
        ),
    ]


def device_offers(accelerator: str, devices: int) -> list[Offer]:
    """Which devices a queued run can ask for."""
    found = [Offer("", f"as configured: {accelerator} × {devices}", "")]
    found += [
        Offer(f"{kind}:{count}", f"{kind} × {count}", "")
        for kind, count in (("cpu", 1), ("gpu", 1), ("gpu", 2), ("gpu", 4), ("gpu", 8), ("auto", 1))
        if (kind, count) != (accelerator, devices)
    ]
    return found
