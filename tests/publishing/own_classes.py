"""A LightningModule and a LightningDataModule of a user's own."""

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset


class OwnModule(pl.LightningModule):
    output_names = ("logits",)

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 3))

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.layers(features)
        return logits


class OwnData(pl.LightningDataModule):
    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows

    def val_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        features = torch.linspace(-1.0, 1.0, self.rows * 6).reshape(self.rows, 6)
        return DataLoader(TensorDataset(features, torch.zeros(self.rows)), batch_size=16)
