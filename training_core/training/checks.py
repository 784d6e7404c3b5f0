"""One thing that was tried before a run, and how an exception becomes its result."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from training_core.contract.errors import ConfigError, HeimdallError, StoppedError

Status = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True)
class Check:
    """What a preflight says of one thing.

    `skipped` is what could not be tried because something else failed, or is not used.
    """

    status: Status = "ok"
    figures: dict[str, Any] = field(default_factory=dict)
    """What was measured or found, plain values with their units in their names."""
    why: str = ""
    """What is wrong and why; for `skipped`, why it was not tried."""
    action: str = ""
    """What to do."""
    detail: str = ""
    """The traceback of what nobody foresaw."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "status": self.status,
            "figures": self.figures,
            "why": self.why,
            "action": self.action,
            "detail": self.detail,
        }


def attempt(check: Callable[[], Check]) -> Check:
    """Do a check; what it raises is its result, so that the others go on.

    Raises:
        StoppedError: A person stopped the job.
    """
    try:
        return check()
    except StoppedError:
        raise
    except ConfigError as error:
        return Check("failed", why="; ".join(map(str, error.problems)), action=error.action)
    except HeimdallError as error:
        why = f"{error.what}: {error.why}" if error.why else error.what
        return Check("failed", why=why, action=error.action)
    except Exception as error:
        # A model of the user's own may raise anything.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return Check(
            "failed",
            why=f"{type(error).__name__}: {error} ({frame.filename}, line {frame.lineno})",
            action="Correct the code there; --json prints the whole traceback",
            detail=traceback.format_exc(),
        )


def worst(checks: list[Check]) -> Status:
    """The status of all together: failed, warning or ok."""
    found = {check.status for check in checks}
    return "failed" if "failed" in found else "warning" if "warning" in found else "ok"
