"""Modules of a user's own, for the tests of the worker."""

import time

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

Pair = tuple[Tensor, ...]


class Numbers(pl.LightningDataModule):
    """Random numbers."""

    def __init__(self, rows: int = 64) -> None:
        super().__init__()
        values = torch.randn(rows, 4, generator=torch.Generator().manual_seed(0))
        self.everything = TensorDataset(values, values.sum(dim=1, keepdim=True))

    def train_dataloader(self) -> DataLoader[Pair]:
        return DataLoader(self.everything, 8)

    def val_dataloader(self) -> DataLoader[Pair]:
        return DataLoader(self.everything, 8)


class Line(pl.LightningModule):
    """A line that may be slow, or break at a step."""

    def __init__(self, seconds: float = 0.0, nan_at: int = -1, bug_at: int = -1) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1)
        self.seconds, self.nan_at, self.bug_at = seconds, nan_at, bug_at

    def forward(self, values: Tensor) -> Tensor:
        answer: Tensor = self.layer(values)
        return answer

    def training_step(self, batch: Pair, batch_idx: int) -> Tensor:
        time.sleep(self.seconds)
        if self.global_step == self.bug_at:
            raise ZeroDivisionError("a bug of the user's own")
        loss: Tensor = (self(batch[0]) - batch[1]).square().mean()
        return loss * float("nan") if self.global_step == self.nan_at else loss

    def validation_step(self, batch: Pair, batch_idx: int) -> None:
        self.log("val/loss", (self(batch[0]) - batch[1]).square().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 1e-2)
