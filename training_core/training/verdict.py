"""Whether a batch was learned by heart, from the course of the loss and of the error."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any, Final

_LEARNED_SHARE: Final = 0.1
"""What may be left of the first value."""
_FLAT_SHARE: Final = 0.02
_FALLING_SHARE: Final = 0.02
_END_SHARE: Final = 0.1


@dataclass(frozen=True)
class Verdict:
    """What is concluded, and what to look at where the batch was not learned."""

    learned: bool
    verdict: str
    """One sentence, without its period."""
    look_at: tuple[str, ...]
    first: float
    """The judged value at the first step: the error in meters, or the loss."""
    last: float
    """Its mean over the last tenth of the steps."""
    judged: str
    """position_error_m or loss."""

    def as_json(self) -> dict[str, Any]:
        """Plain values; what is not finite is null."""
        values = {**asdict(self), "look_at": list(self.look_at)}
        for name in ("first", "last"):
            values[name] = values[name] if math.isfinite(values[name]) else None
        return values


def judge(
    losses: Sequence[float],
    errors_m: Sequence[float],
    floor_m: float | None,
    without_gradient: Sequence[str],
) -> Verdict:
    """Judge by the position error where there is one: a likelihood has no natural zero.

    Args:
        losses: Of every step; not empty.
        errors_m: Mean position error of the batch at every step, or empty.
        floor_m: Smallest standard deviation that the network may state: an error below it
            is as good as none.
        without_gradient: Parameters that the backward pass did not reach.
    """
    values = errors_m if errors_m else losses
    judged = "position_error_m" if errors_m else "loss"
    first, last = values[0], _end(values)
    hints = _gradient_hint(without_gradient)
    if not math.isfinite(losses[-1]):
        said = f"The loss became {losses[-1]} at step {len(losses)}"
        hints += ("optimizer.learning_rate is too high, or an input is not finite",)
        return Verdict(False, said, hints, first, math.nan, judged)
    left = _left(first, last)
    if left <= _LEARNED_SHARE or (errors_m and floor_m is not None and last <= floor_m):
        return Verdict(True, "The model learned the batch", (), first, last, judged)
    said, more = _why_not(values, first, last, left)
    return Verdict(False, said, hints + more, first, last, judged)


def _left(first: float, last: float) -> float:
    """What share of the first value is left; a loss may begin at zero or below it."""
    return last / first if first > 0.0 else 1.0 - (first - last) / max(abs(first), 1e-9)


def _why_not(
    values: Sequence[float], first: float, last: float, left: float
) -> tuple[str, tuple[str, ...]]:
    fall = first - last
    if left > 1.0 + _FLAT_SHARE:
        return "It rose instead of falling", (
            "optimizer.learning_rate is too high: try a tenth",
            "the sign of the loss, and whether gradients are reset between steps",
        )
    if left > 1.0 - _FLAT_SHARE:
        return "It stayed where it was", (
            "optimizer.learning_rate is too low: try ten times as much",
            "frozen parameters, and outputs that are detached before the loss",
            "inputs that are all alike: data.channels, data.detection_margin_db, normalization",
        )
    before = fmean(values[-2 * len(values) // 5 : -len(values) // 5])
    if before - last > _FALLING_SHARE * fall:
        return "It was still falling at the last step", (
            "more steps: --steps with three times as many",
            "a higher optimizer.learning_rate",
        )
    return "It fell and then stayed", (
        "examples that nothing tells apart: sessions that no receiver heard, wrong labels",
        "a model that is too small: width and depth",
        "a lower optimizer.learning_rate where the curve jumps up and down",
    )


def _gradient_hint(names: Sequence[str]) -> tuple[str, ...]:
    if not names:
        return ()
    listed = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return (f"{len(names)} parameters get no gradient: {listed}",)


def _end(values: Sequence[float]) -> float:
    return fmean(values[-max(1, round(_END_SHARE * len(values))) :])
