"""A model and data of one's own: scikit-learn's handwritten digits.

heimdall-console run --config examples/digits.toml
"""

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset, random_split

Pair = tuple[Tensor, Tensor]


class DigitsData(pl.LightningDataModule):
    """1,797 pictures of 8 × 8 pixels.

    Args:
        batch_size: Examples a batch.
    """

    def __init__(self, batch_size: int = 64) -> None:
        super().__init__()
        self.batch_size = batch_size
        pictures, labels = load_digits(return_X_y=True)
        everything = TensorDataset(
            torch.tensor(pictures, dtype=torch.float32) / 16.0, torch.tensor(labels)
        )
        shuffled = torch.Generator().manual_seed(0)
        self.train_set, self.val_set = random_split(everything, [0.8, 0.2], shuffled)

    def train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        """Four fifths, shuffled."""
        return DataLoader(self.train_set, self.batch_size, shuffle=True)

    def val_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        """The rest."""
        return DataLoader(self.val_set, self.batch_size)


class DigitsNet(pl.LightningModule):
    """A small dense network.

    Args:
        width: Width of the hidden layer.
        learning_rate: Of Adam.
    """

    def __init__(self, width: int = 64, learning_rate: float = 3e-3) -> None:
        super().__init__()
        self.learning_rate = learning_rate
        self.layers = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits (batch, 10) of pictures (batch, 64)."""
        logits: Tensor = self.layers(pictures)
        return logits

    def training_step(self, batch: Pair, batch_idx: int) -> Tensor:
        """Cross entropy."""
        pictures, labels = batch
        return F.cross_entropy(self(pictures), labels)

    def validation_step(self, batch: Pair, batch_idx: int) -> None:
        """Cross entropy and share of right answers."""
        pictures, labels = batch
        logits = self(pictures)
        self.log("val_loss", F.cross_entropy(logits, labels))
        self.log("val_right", (logits.argmax(dim=1) == labels).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(self.parameters(), self.learning_rate)
