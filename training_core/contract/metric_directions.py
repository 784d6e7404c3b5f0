"""Which way the metrics that we name ourselves are better; of any other one a person says it."""

import re
from typing import Final, Literal

Direction = Literal["min", "max"]

_BETTER: Final[dict[Direction, tuple[str, ...]]] = {
    "min": ("loss", "median_m", "mean_m", "p90_m"),
    "max": ("within_30m", "within_50m", "within_100m"),
}
KNOWN_DIRECTIONS: Final[dict[str, Direction]] = {
    "train/loss": "min",
    **{
        f"{part}/{name}": way
        for part in ("val", "test")
        for way, names in _BETTER.items()
        for name in names
    },
}
"""Of losses, and of what every network of ours is judged by."""
_WORDS: Final = re.compile(r"[/_.\s-]+")


def known_direction(name: str) -> Direction | None:
    """How a metric is better: a loss is the smaller the better, whoever logs it."""
    is_loss = _WORDS.split(name.lower())[-1] == "loss"
    return KNOWN_DIRECTIONS.get(name, "min" if is_loss else None)
