"""Random numbers of a batch that depend on its place in the run only."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning import Callback

from training_core.training.sampling import seed_batch


class BatchSeeder(Callback):
    """Seeds torch before every training batch, so that a resumed run repeats it exactly.

    Args:
        seed: Seed of the run.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rank = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The rank is known and stays: looking it up takes a microsecond."""
        self._rank = trainer.global_rank

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Lightning has counted this batch as ready already."""
        done = trainer.fit_loop.epoch_loop.batch_progress.total.ready - 1
        seed_batch(self._seed, done, self._rank)
