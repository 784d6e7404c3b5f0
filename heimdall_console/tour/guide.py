"""What the tour says at each of its steps."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Step:
    """One hint, shown on its screen."""

    mode: str
    """Screen that it is about."""
    text: str
    """What to look at, and what to press next."""
    short: str
    """The same for narrow terminals."""


STEPS: Final[tuple[Step, ...]] = (
    Step(
        "live",
        "A recorded training, replayed. p pauses, c saves a checkpoint, s stops. Next: 1, all runs",
        "A recorded training: p pauses, s stops. Next: 1",
    ),
    Step(
        "runs",
        "/ filters while you type, space marks two runs, c compares them. Next: 4, checkpoints",
        "/ filters, space marks, c compares. Next: 4",
    ),
    Step(
        "checkpoints",
        "e exports to ONNX and proves it, v evaluates, d frees room. Next: 6, evaluation",
        "e exports, v evaluates, d frees room. Next: 6",
    ),
    Step(
        "evaluate",
        "Errors beside simple methods, on places that were not trained on. Next: 2, a run of yours",
        "Errors beside simple methods. Next: 2",
    ),
    Step(
        "configure",
        "o begins from a run; change a value, p tries it, ctrl+r trains it for real. q ends the tour",
        "o from a run, p tries it, ctrl+r trains it. q: end",
    ),
)
"""The steps, in their order."""


def step_of(mode: str, place: int) -> int:
    """The place of the step that is about a screen; the one before where none is.

    Args:
        mode: The screen.
        place: The step that was shown.
    """
    modes = [step.mode for step in STEPS]
    return modes.index(mode) if mode in modes else place


class Guide:
    """Where the person is on the tour."""

    def __init__(self) -> None:
        self.place = 0
        self.is_wanted = True

    @property
    def step(self) -> Step:
        """The step that is shown."""
        return STEPS[self.place]

    def open(self, mode: str) -> None:
        """A screen is seen: what is said is about it, whatever came before."""
        self.place = step_of(mode, self.place)
