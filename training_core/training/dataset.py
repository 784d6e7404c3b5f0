"""The dataset of a run: read, looked at and split."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training_core.contract.config import Config
from training_core.contract.errors import DatasetError
from training_core.contract.run_log import RunLogWriter
from training_core.data.check import check_tables, refuse_unusable
from training_core.data.splits import Split, make_split
from training_core.data.store import SessionStore, open_store


@dataclass(frozen=True)
class LoadedDataset:
    """A dataset and the split that a run uses."""

    store: SessionStore
    split: Split

    def split_origin(self, config: Config) -> dict[str, Any]:
        """What repeats the split, as plain values for a checkpoint."""
        return {
            "name": config.data.split,
            "validation_split": config.data.validation_split,
            "test_split": config.data.test_split,
            "seed": config.run.seed,
        }


def load_dataset(config: Config, log: RunLogWriter) -> LoadedDataset:
    """Read, check and split the configured dataset; what is odd becomes a message.

    Raises:
        DatasetError: It is missing, broken, or its split has no training or validation rows.
    """
    if not config.data.dataset:
        raise DatasetError(
            "No dataset is named",
            why="data.dataset is empty",
            unharmed="Nothing was trained",
            action="Set data.dataset, or make one with `heimdall-console data synth`",
        )
    store = open_store(Path(config.data.dataset))
    _report_findings(store, log)
    split = make_split(
        store,
        config.data.split,
        validation_split=config.data.validation_split,
        test_split=config.data.test_split,
        seed=config.run.seed,
    )
    for part, rows in (("training", split.train), ("validation", split.val)):
        if len(rows) == 0:
            raise DatasetError(
                f"The split {split.name} has no {part} sessions",
                why=f"{len(split.train)} train, {len(split.val)} validate, {len(split.test)} test",
                unharmed="The dataset is unchanged",
                action="Change data.split, data.validation_split or data.test_split",
            )
    text = (
        f"{len(split.train):,} sessions train, {len(split.val):,} validate, "
        f"{len(split.test):,} test (split {split.name})"
    )
    log.append("message", level="info", text=text)
    if split.leaking:
        log.append("message", level="warning", text=f"The split leaks: {split.note}")
    return LoadedDataset(store, split)


def _report_findings(store: SessionStore, log: RunLogWriter) -> None:
    """Refuse what cannot be trained on; what is odd becomes a message."""
    refuse_unusable(store)
    for finding in check_tables(store):
        if finding.severity == "warning":
            examples = f" ({', '.join(finding.examples)})" if finding.examples else ""
            log.append(
                "message", level="warning", text=f"{finding.what}: {finding.count:,}{examples}"
            )
