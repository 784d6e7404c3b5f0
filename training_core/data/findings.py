"""What a check found: how bad, what, how often, and a few examples."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "info"]

MAX_EXAMPLES = 5


@dataclass(frozen=True)
class Finding:
    """One kind of thing that was found."""

    severity: Severity
    """error: unfit for training; warning: look at it; info: good to know."""
    what: str
    count: int
    examples: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "examples": list(self.examples)}


def finding(
    severity: Severity, what: str, items: Iterable[object], most: int = MAX_EXAMPLES
) -> list[Finding]:
    """One finding about `items`, of which at most `most` are named; none without items."""
    named = [str(item) for item in items]
    if not named:
        return []
    return [Finding(severity, what, len(named), tuple(named[:most]))]
