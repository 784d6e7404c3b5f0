"""Whether the dataset and the split that a configuration names exist, before anything is tried."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from heimdall_console.starting.launching import Plan, advice
from heimdall_console.starting.run_making import find_dataset
from training_core.contract.datasets import BUILT_IN_SPLITS, read_summary
from training_core.contract.errors import ConfigProblem, DatasetError, HeimdallError
from training_core.contract.home import datasets_folder

if TYPE_CHECKING:
    from heimdall_console.config_document import ConfigDocument

DATASET, SPLIT, OWN_DATA = "data.dataset", "data.split", "data.class"
_KEYS: Final = (DATASET, SPLIT, OWN_DATA)


@dataclass(frozen=True)
class NamedDataset:
    """What a configuration names, and where relative paths may be relative to."""

    dataset: str
    split: str
    plan: Plan

    @property
    def about(self) -> Mapping[str, str]:
        """The values that are judged: while they stay, so does the judgment."""
        return {DATASET: self.dataset, SPLIT: self.split, OWN_DATA: ""}


def named_dataset(document: "ConfigDocument") -> NamedDataset | None:
    """What a document names; None where it names nothing that can be looked for."""
    dataset, split, own = (document.flat[key] for key in _KEYS)
    if own or not isinstance(dataset, str) or not isinstance(split, str) or not dataset.strip():
        return None
    parent = document.origin.name if document.origin.is_run else ""
    return NamedDataset(dataset, split, Plan("", parent, document.origin.source))


def dataset_problems(
    named: NamedDataset, home: Path, being_made: Set[Path] = frozenset()
) -> tuple[ConfigProblem, ...]:
    """What is wrong with them, and what to do; looks at the disk.

    Args:
        named: What the configuration names.
        home: Where datasets lie by name.
        being_made: Directories of datasets that jobs are making.
    """
    try:
        _, source = named.plan.layout(home)
    except HeimdallError:
        source = None  # the run it began from has gone: its configuration has not
    try:
        summary = read_summary(find_dataset(named.dataset, source, home))
    except DatasetError as error:
        if being_made & {Path(named.dataset), datasets_folder(home) / named.dataset}:
            return (ConfigProblem(DATASET, "is still being made; the jobs panel shows how far"),)
        return (ConfigProblem(DATASET, advice(error)),)
    if summary is None:
        return ()
    splits = [split.name for split in summary.splits]
    splits += [name for name in BUILT_IN_SPLITS if name not in splits]
    if named.split in splits:
        return ()
    return (ConfigProblem(SPLIT, f"no such split in this dataset; it has {', '.join(splits)}"),)
