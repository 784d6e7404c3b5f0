"""The order of examples, a function of the seed and the place in the run only.

Lightning restores counters but neither random states nor the position inside an epoch. So
nothing here has a state of its own: the place is read from the trainer's count of batches,
and every batch starts from a seed made of the run's seed and that count.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch.utils.data import Sampler

_SEED_BITS = 63


class PlacedBatchSampler(Sampler[list[int]]):
    """Batches of shuffled examples that can begin at any batch of a run.

    Args:
        examples: Size of the training split.
        batch_size: Examples a batch; the last batch of an epoch may be smaller.
        seed: Seed of the run.
        batches_done: Says how many training batches the run has completed.
    """

    def __init__(
        self, examples: int, batch_size: int, seed: int, batches_done: Callable[[], int]
    ) -> None:
        self._examples = examples
        self._batch_size = batch_size
        self._seed = seed
        self._batches_done = batches_done

    def __len__(self) -> int:
        """Batches of a whole epoch, also when the next iteration begins inside one."""
        return -(-self._examples // self._batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        """The rest of the epoch that the run stands in."""
        epoch, first = divmod(self._batches_done(), len(self))
        order = np.random.default_rng([self._seed, epoch]).permutation(self._examples)
        for batch in range(first, len(self)):
            yield order[batch * self._batch_size : (batch + 1) * self._batch_size].tolist()


def seed_batch(seed: int, batch: int) -> None:
    """Make the random numbers of one batch depend on nothing that came before it.

    Args:
        seed: Seed of the run.
        batch: Training batches completed before this one, over all epochs.
    """
    # Odd multipliers spread neighboring batches over the whole range.
    mixed = (seed * 0x9E3779B97F4A7C15 + batch * 0xBF58476D1CE4E5B9) % 2**_SEED_BITS
    # Not torch.manual_seed: for every kind of device that is absent it keeps a call with its
    # stack, which costs a millisecond a batch and memory that is never freed.
    torch.default_generator.manual_seed(mixed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed(mixed)
