"""The moments at which a training looks up from its batches, the same on every rank.

What depends on a clock, a signal or a file must not be decided by each rank alone: one that
saves or stops while another trains on waits for ever in a collective. The first rank looks
and the others are told, through a group of processes that lives on the CPU: a GPU neither
waits for it nor spins while a run is paused.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import distributed

from training_core.contract.commands import Command
from training_core.training.control import StopControl

_MOST_BATCHES: Final = 1000


@dataclass(frozen=True)
class Look:
    """What one look found; equal on every rank."""

    now_s: float
    """The first rank's monotonic clock."""
    must_stop: bool = False
    """Whether a signal asked any of the ranks to stop."""
    commands: tuple[tuple[str, Command], ...] = ()
    """What viewers sent, with ids."""
    next_after: int = 1
    """Batches until the next look, where there are several ranks."""


class Beat:
    """Says after which batches to look, at most a few times a second.

    Args:
        take_commands: Gives new commands with their ids; called on the first rank only.
        control: The signals that reached this process.
    """

    interval_s = 0.25

    def __init__(
        self, take_commands: Callable[[], list[tuple[str, Command]]], control: StopControl
    ) -> None:
        self._take_commands = take_commands
        self._control = control
        self._group: Any = None
        self._looked_at = time.monotonic()
        self._batches = 0
        self._next_after = 1

    def start(self) -> None:
        """Begin, on all ranks at once and after their process group exists."""
        self._looked_at = time.monotonic()
        if distributed.is_available() and distributed.is_initialized():
            # Lightning makes a group for a single process too, under torchrun.
            several = distributed.get_world_size() > 1
            self._group = distributed.new_group(backend="gloo") if several else None

    def after_batch(self) -> Look | None:
        """Look if it is time to; to be called after every batch, on all ranks."""
        if self._group is None:
            due = time.monotonic() - self._looked_at >= self.interval_s
            return self.look() if due or self._control.stop_requested else None
        self._batches += 1
        return self.look() if self._batches >= self._next_after else None

    def wait(self) -> Look:
        """Sleep for an interval, or until a signal, then look; for a run that is paused."""
        deadline = time.monotonic() + self.interval_s
        while time.monotonic() < deadline and not self._control.stop_requested:
            time.sleep(0.05)
        return self.look()

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """The mean of each value over the ranks; to be called on all of them at once."""
        if self._group is None:
            return values
        total = values.detach().cpu()
        distributed.all_reduce(total, group=self._group)
        return total / distributed.get_world_size()

    def look(self) -> Look:
        """Look now; to be called on all ranks at once."""
        now = time.monotonic()
        is_first = self._group is None or distributed.get_rank() == 0
        look = Look(
            now_s=now,
            must_stop=self._control.stop_requested,
            commands=tuple(self._take_commands()) if is_first else (),
            next_after=self._batches_until_next(now),
        )
        if self._group is not None:
            look = self._agree(look)
        self._looked_at, self._batches, self._next_after = now, 0, look.next_after
        return look

    def _batches_until_next(self, now: float) -> int:
        per_batch = (now - self._looked_at) / max(1, self._batches)
        return max(1, min(_MOST_BATCHES, int(self.interval_s / max(per_batch, 1e-6))))

    def _agree(self, look: Look) -> Look:
        asked = torch.tensor([int(look.must_stop)])
        distributed.all_reduce(asked, op=distributed.ReduceOp.MAX, group=self._group)
        said = [look]
        distributed.broadcast_object_list(said, src=0, group=self._group)
        agreed = said[0]
        return Look(agreed.now_s, bool(asked.item()), agreed.commands, agreed.next_after)
