"""The small models of the training benchmark: so fast that every overhead shows."""

import itertools

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

Pair = tuple[Tensor, ...]
BATCH = 32


class SmallNet(pl.LightningModule):
    """64 → hidden layers → 4, with one output besides the loss and without `self.log`.

    Args:
        widths: Of the hidden layers.
    """

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        sizes = [64, *widths]
        hidden = [
            layer
            for size, width in itertools.pairwise(sizes)
            for layer in (nn.Linear(size, width), nn.ReLU())
        ]
        self.layers = nn.Sequential(*hidden, nn.Linear(sizes[-1], 4))

    def forward(self, values: Tensor) -> Tensor:
        """(batch, 4) of (batch, 64)."""
        answer: Tensor = self.layers(values)
        return answer

    def training_step(self, batch: Pair, batch_idx: int) -> dict[str, Tensor]:
        """Squared error, and the absolute one beside it."""
        difference = self(batch[0]) - batch[1]
        return {"loss": difference.square().mean(), "train/error": difference.abs().mean()}

    def validation_step(self, batch: Pair, batch_idx: int) -> None:
        """The monitored metric."""
        self.log("val/loss", (self(batch[0]) - batch[1]).square().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW."""
        return torch.optim.AdamW(self.parameters(), 1e-3)


class SmallData(pl.LightningDataModule):
    """Random numbers.

    Args:
        steps: Training batches.
    """

    def __init__(self, steps: int = 2000) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(0)
        rows = steps * BATCH
        self.train_set = TensorDataset(
            torch.randn(rows, 64, generator=random), torch.randn(rows, 4, generator=random)
        )
        self.val_set = TensorDataset(*(values[:BATCH] for values in self.train_set.tensors))

    def train_dataloader(self) -> DataLoader[Pair]:
        """In order."""
        return DataLoader(self.train_set, BATCH)

    def val_dataloader(self) -> DataLoader[Pair]:
        """One batch."""
        return DataLoader(self.val_set, BATCH)
