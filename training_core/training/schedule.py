"""The learning rate as a share of its highest value, over the steps of a run."""

import math

from training_core.contract.sections import ScheduleSection


class ShareOfSteps:
    """A function of completed steps whose rest can be stretched.

    Every attribute is a plain value: LambdaLR keeps them in its checkpoints and gives them
    back to a resumed run.

    Args:
        schedule: Shape and warm-up.
        total_steps: Optimizer steps of the whole run as planned.
    """

    def __init__(self, schedule: ScheduleSection, total_steps: int) -> None:
        self.is_constant = schedule.name == "constant"
        self.final_share = schedule.final_share
        self.warmup = round(schedule.warmup_share * total_steps)
        self.total = total_steps
        # Where the plan was last stretched: step, place in the plan, places a step since.
        self.anchor_step = 0
        self.anchor_place = 0.0
        self.pace = 1.0

    def __call__(self, step: int) -> float:
        """The share after `step` steps."""
        place = self._place(step)
        if place < self.warmup:
            return (place + 1) / (self.warmup + 1)
        if self.is_constant:
            return 1.0
        progress = min(1.0, (place - self.warmup) / max(1, self.total - self.warmup))
        cosine = 0.5 * (1.0 + math.cos(math.pi * progress))
        return self.final_share + (1.0 - self.final_share) * cosine

    def has_ended(self, step: int) -> bool:
        """Whether nothing of the plan is left after `step` steps."""
        return self._place(step) >= self.total

    def stretch(self, step: int, end_step: int) -> None:
        """Spread what is left of the plan over the steps from `step` to `end_step`."""
        self.anchor_place = min(self._place(step), float(self.total))
        self.anchor_step = step
        self.pace = (self.total - self.anchor_place) / max(1, end_step - step)

    def _place(self, step: int) -> float:
        return self.anchor_place + (step - self.anchor_step) * self.pace
