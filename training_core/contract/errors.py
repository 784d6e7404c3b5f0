"""Every error that a user may be shown.

HeimdallError                  exit 1
├── UsageError                 exit 2   a command line that cannot be obeyed
│   └── ConfigError            exit 2   everything wrong with one configuration
├── DatasetError               exit 1   a dataset that cannot be read, imported or trained on
├── CheckpointError            exit 1   a checkpoint that is missing, damaged or of another model
│   └── UnsafeCheckpointError  exit 1   a checkpoint that holds code
├── ExportError                exit 1   an ONNX file that could not be made or does not agree
├── StorageError               exit 1   the object store refused or did not answer
├── TrackingError              exit 1   the tracking server refused or did not answer
├── DeviceError                exit 1   a device that is asked for and absent
│   └── OutOfMemoryError       exit 1   the device's memory is too small
├── DivergedError              exit 3   the loss became NaN or infinite
└── StoppedError               exit 4   a person asked to stop

Anything else that is raised is a bug and keeps its traceback.
"""

from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """What the command line and the worker return to the shell."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    DIVERGED = 3
    STOPPED = 4
    INTERRUPTED = 130


class HeimdallError(Exception):
    """An error for a person: what failed, why, what is unharmed and what to do."""

    exit_code = ExitCode.FAILED

    def __init__(self, what: str, *, why: str = "", unharmed: str = "", action: str = "") -> None:
        self.what = what
        self.why = why
        self.unharmed = unharmed
        self.action = action
        super().__init__(what)

    def __str__(self) -> str:
        """One sentence for each part that is known."""
        parts = (self.what, self.why, self.unharmed, self.action)
        return " ".join(_sentence(part) for part in parts if part)

    def as_fields(self) -> dict[str, str | int]:
        """The parts as they stand in a record of the run log."""
        return {
            "error": type(self).__name__,
            "what": self.what,
            "why": self.why,
            "unharmed": self.unharmed,
            "action": self.action,
            "exit_code": int(self.exit_code),
        }


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else text + "."


class UsageError(HeimdallError):
    """A command line that cannot be obeyed."""

    exit_code = ExitCode.USAGE


@dataclass(frozen=True)
class ConfigProblem:
    """One thing wrong in a configuration.

    `key` is dotted (`optimizer.learning_rate`), `line` counts from 1 and is None
    where the value did not come from a file.
    """

    key: str
    message: str
    file: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.key, self.message) if part)


class ConfigError(UsageError):
    """Everything that is wrong with one configuration, all at once."""

    def __init__(self, problems: list[ConfigProblem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        super().__init__(
            f"The configuration has {count} problem{'s' if count != 1 else ''}",
            unharmed="Nothing was started",
            action="Correct what is listed; `heimdall-console config schema` describes every key",
        )

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(f"  {problem}" for problem in self.problems)])


class DatasetError(HeimdallError):
    """A dataset that cannot be read, imported or trained on."""


class CheckpointError(HeimdallError):
    """A checkpoint that is missing, damaged or of another model."""


class UnsafeCheckpointError(CheckpointError):
    """A checkpoint that would run code when loaded."""


class ExportError(HeimdallError):
    """An ONNX file that could not be made or does not agree with its network."""


class StorageError(HeimdallError):
    """The object store refused or did not answer."""


class TrackingError(HeimdallError):
    """The tracking server refused or did not answer."""


class DeviceError(HeimdallError):
    """A device that is asked for and absent."""


class OutOfMemoryError(DeviceError):
    """The device's memory is too small for the run."""


class DivergedError(HeimdallError):
    """The loss became NaN or infinite."""

    exit_code = ExitCode.DIVERGED


class StoppedError(HeimdallError):
    """A person asked the run to stop."""

    exit_code = ExitCode.STOPPED
