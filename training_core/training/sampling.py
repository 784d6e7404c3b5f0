"""The order of examples, a function of the seed and the place in the run only.

Lightning restores counters but neither random states nor the position inside an epoch. So
nothing here has a state of its own: the place is read from the trainer's count of batches,
and every batch starts from a seed made of the run's seed and that count.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Sampler

_SEED_BITS = 63


@dataclass(frozen=True)
class Place:
    """Where a process stands in a run."""

    batches_done: int
    """Training batches that the run has completed, over all epochs."""
    rank: int = 0
    """Which of the processes this is."""
    ranks: int = 1
    """How many processes train together."""


class PlacedBatchSampler(Sampler[list[int]]):
    """Batches of shuffled examples that can begin at any batch of a run.

    Several ranks take turns in one order, so that together they see every example once. Where
    the last batch does not give each of them an example, the epoch's first ones are repeated:
    a rank without a batch would leave the others waiting.

    Args:
        examples: Size of the training split.
        batch_size: Examples a batch and rank; the last batch of an epoch may be smaller.
        seed: Seed of the run.
        place: Says where the process stands.
    """

    def __init__(
        self, examples: int, batch_size: int, seed: int, place: Callable[[], Place]
    ) -> None:
        self._examples = examples
        self._batch_size = batch_size
        self._seed = seed
        self._place = place

    def __len__(self) -> int:
        """Batches of a whole epoch, also when the next iteration begins inside one."""
        return -(-self._examples // (self._batch_size * self._place().ranks))

    def __iter__(self) -> Iterator[list[int]]:
        """The rest of the epoch that the run stands in."""
        place = self._place()
        epoch, first = divmod(place.batches_done, len(self))
        order = np.random.default_rng([self._seed, epoch]).permutation(self._examples)
        together = self._batch_size * place.ranks
        for batch in range(first, len(self)):
            rows = order[batch * together : (batch + 1) * together]
            missing = -len(rows) % place.ranks
            rows = np.concatenate([rows, np.resize(order, missing)]) if missing else rows
            yield rows[place.rank :: place.ranks].tolist()


def seed_batch(seed: int, batch: int, rank: int = 0) -> None:
    """Make the random numbers of one batch depend on nothing that came before it.

    Args:
        seed: Seed of the run.
        batch: Training batches completed before this one, over all epochs.
        rank: Which of several processes this is.
    """
    # Odd multipliers spread neighboring batches over the whole range.
    mixed = (
        seed * 0x9E3779B97F4A7C15 + batch * 0xBF58476D1CE4E5B9 + rank * 0xD6E8FEB86659FD93
    ) % 2**_SEED_BITS
    # Not torch.manual_seed: for every kind of device that is absent it keeps a call with its
    # stack, which costs a millisecond a batch and memory that is never freed.
    torch.default_generator.manual_seed(mixed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed(mixed)
