"""Batches of a dataset held in memory, without Python per row."""

from collections.abc import Callable

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler, SequentialSampler

from training_core.data.splits import Split
from training_core.training.examples import Examples
from training_core.training.lit_module import Batch
from training_core.training.sampling import Place, PlacedBatchSampler

_EVALUATION_BATCH = 512


class _Rows(Dataset[Batch]):
    """Rows of the examples; an item is a whole batch, its index a list of places."""

    def __init__(self, examples: Examples, rows: NDArray[np.int64]) -> None:
        self._examples = examples
        self._rows = torch.from_numpy(rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, places: list[int]) -> Batch:
        rows = self._rows[places]
        inputs, target = self._examples.take(rows)
        return {"inputs": inputs, "target_m": target, "row": rows}


class SessionData(pl.LightningDataModule):
    """Loaders of one split.

    Loader processes would only copy what is in memory already, so there are none.

    Args:
        examples: All sessions.
        split: Which of them train, validate and test.
        batch_size: Training examples a batch.
        seed: Seed of the order.
        place: Says where the process stands in the run.
    """

    def __init__(
        self,
        examples: Examples,
        split: Split,
        batch_size: int,
        seed: int,
        place: Callable[[], Place],
    ) -> None:
        super().__init__()
        self.examples = examples
        self.split = split
        self._sampler = PlacedBatchSampler(len(split.train), batch_size, seed, place)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Shuffled training batches, from the place that the run stands at."""
        return self._loader(self.split.train, self._sampler)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Validation batches in order."""
        return self._loader(self.split.val)

    def proof_inputs(self) -> dict[str, Tensor]:
        """Validation rows by input name, for the proof of an export."""
        rows = torch.from_numpy(self.split.val)
        return {name: values[rows] for name, values in self.examples.inputs.items()}

    def _loader(
        self, rows: NDArray[np.int64], batches: Sampler[list[int]] | None = None
    ) -> DataLoader[Batch]:
        in_order = BatchSampler(SequentialSampler(range(len(rows))), _EVALUATION_BATCH, False)
        return DataLoader(
            _Rows(self.examples, rows),
            sampler=in_order if batches is None else batches,
            batch_size=None,
        )
