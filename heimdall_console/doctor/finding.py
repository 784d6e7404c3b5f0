"""One thing that was looked at, and what is to be said of it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True)
class Finding:
    """One row of an examination."""

    name: str
    """What was looked at."""
    status: Status
    """`skipped` is what does not apply here, or could not be asked because of something else."""
    text: str
    """What was found."""
    advice: str = ""
    """What to do about it."""
    figures: dict[str, Any] = field(default_factory=dict)
    """What was measured, plain values with their units in their names."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Group:
    """Rows that belong together."""

    name: str
    """What they are about."""
    findings: tuple[Finding, ...]
    """In the order in which they are shown."""


def worst(groups: Iterable[Group]) -> Status:
    """The status of all together: failed, warning or ok."""
    found = {finding.status for group in groups for finding in group.findings}
    return "failed" if "failed" in found else "warning" if "warning" in found else "ok"
