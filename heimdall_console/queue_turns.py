"""Whose turn it is: runs in their order, devices that are free, and what the others wait for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from heimdall_console.gpu_occupancy import Gpu
from heimdall_console.queue import QueueEntry

Kind = Literal["cpu", "gpu"]


@dataclass(frozen=True)
class Turn:
    """What is decided of one run that waits."""

    entry: QueueEntry
    begins: bool
    """Whether it may begin now."""
    gpus: tuple[int, ...] = ()
    """Indices of the GPUs that it is given."""
    waits_for: str = ""
    """Why it may not, for a person."""


@dataclass(frozen=True)
class Machine:
    """What there is, and what is taken by others than those that wait."""

    gpus: Sequence[Gpu] | None
    """Every GPU that may be used; None where the driver hangs."""
    cpu_places: int
    """Runs that may train on the CPU at once."""
    training: Sequence[QueueEntry]
    """Runs of the queue that train or are about to."""
    cpu_others: int
    """Living runs on the CPU that were started past the queue."""

    @property
    def cpu_held(self) -> int:
        """Places on the CPU that are taken."""
        return sum(not entry.gpus for entry in self.training) + self.cpu_others


def device_kind(accelerator: str, gpus: Sequence[Gpu] | None) -> Kind:
    """Where a run will train; without any GPU on the CPU, which refuses what it cannot do."""
    return "cpu" if accelerator == "cpu" or gpus == [] else "gpu"


def decide(
    waiting: Sequence[QueueEntry], machine: Machine, has_ended: Callable[[str], bool]
) -> list[Turn]:
    """Decide of every waiting run in its order.

    Who waits for devices lets nobody pass who needs the same kind: a run on many GPUs would
    never begin otherwise. Who waits for another run's end lets everybody pass.

    Args:
        waiting: Runs in their order.
        machine: What is free.
        has_ended: Whether a run, by id, has ended or is gone.
    """
    given = {index for entry in machine.training for index in entry.gpus}
    known = machine.gpus or []
    free = [gpu.index for gpu in known if not gpu.is_busy and gpu.index not in given]
    on_cpu = machine.cpu_held
    is_held: set[Kind] = set()
    turns = []
    for entry in waiting:
        if entry.after and not has_ended(entry.after):
            turns.append(Turn(entry, begins=False, waits_for=f"the end of {entry.after}"))
            continue
        kind = device_kind(entry.accelerator, machine.gpus)
        # A run that asks for more than there is fails with its own words.
        asked = min(entry.devices, len(known))
        if kind == "gpu" and machine.gpus is None:
            turns.append(Turn(entry, begins=False, waits_for="an answer of the GPU driver"))
        elif kind in is_held:
            turns.append(Turn(entry, begins=False, waits_for="the runs before it"))
        elif kind == "gpu" and len(free) >= asked:
            gpus, free = tuple(free[:asked]), free[asked:]
            turns.append(Turn(entry, begins=True, gpus=gpus))
        elif kind == "cpu" and on_cpu < machine.cpu_places:
            on_cpu += 1
            turns.append(Turn(entry, begins=True))
        else:
            is_held.add(kind)
            turns.append(Turn(entry, begins=False, waits_for=_needs(kind, asked, len(free))))
    return turns


def _needs(kind: Kind, asked: int, free: int) -> str:
    if kind == "cpu":
        return "a run on the CPU to end"
    return f"{asked} GPU{'s' if asked > 1 else ''}, {free} free"
