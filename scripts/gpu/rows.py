"""One line of the table of GPU checks, and how a check becomes one."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Status = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True)
class Setting:
    """Where the checks run."""

    device: Literal["cuda", "cpu"]
    folder: Path
    """For homes, datasets and runs; removed at the end."""

    @property
    def is_gpu(self) -> bool:
        """Whether it is the real thing; on a CPU the same checks run small."""
        return self.device == "cuda"


@dataclass(frozen=True)
class Row:
    """What a check found."""

    name: str
    status: Status
    text: str
    seconds: float = 0.0


class CheckFailedError(Exception):
    """What a check asks for is not so; the message has the figures."""


class NotApplicableError(Exception):
    """The check means nothing here; the message says why."""


Check = Callable[[Setting], str]


def expect(condition: bool, text: str) -> None:
    """Fail the check, with figures, where something is not so."""
    if not condition:
        raise CheckFailedError(text)


def run_checks(checks: Mapping[str, Check], setting: Setting, limit_s: float) -> Iterator[Row]:
    """Do every check; one that fails or cannot be done does not keep the others from it.

    Args:
        checks: Name → check.
        setting: Where.
        limit_s: No check is begun after this time.
    """
    began = time.monotonic()
    for name, check in checks.items():
        start = time.monotonic()
        if start - began > limit_s:
            yield Row(name, "skipped", "the time is over")
            continue
        status: Status = "ok"
        try:
            text = check(setting)
        except ImportError as error:
            status, text = "skipped", f"this Python lacks a package: {error}"
        except NotApplicableError as error:
            status, text = "skipped", str(error)
        except CheckFailedError as error:
            status, text = "failed", str(error)
        except Exception as error:
            status, text = "failed", f"{type(error).__name__}: {error}"
        yield Row(name, status, text, time.monotonic() - start)


def row_lines(row: Row, name_width: int) -> list[str]:
    """A row, with further lines of its text below the first."""
    first, *more = row.text.splitlines() or [""]
    head = f"{row.status:<7}  {row.name:<{name_width}}  {row.seconds:5.0f} s  "
    return [head + first, *(" " * len(head) + line for line in more)]


def exit_code(rows: Iterable[Row]) -> int:
    """1 where a check failed, else 0: what was skipped says so in the table."""
    return int(any(row.status == "failed" for row in rows))
