"""One independent random stream for each quantity that is drawn, all from one seed."""

from zlib import crc32

import numpy as np


class RandomStreams:
    """Gives each name its own generator, so that one draw more here changes nothing there.

    Args:
        seed: of the whole dataset, 0 or more.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __getitem__(self, name: str) -> np.random.Generator:
        """A fresh generator for this name, always at its beginning."""
        return np.random.default_rng(
            np.random.SeedSequence(self._seed, spawn_key=(crc32(name.encode()),))
        )
