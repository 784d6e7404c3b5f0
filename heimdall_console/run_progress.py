"""What is known of a training so far, folded from the records of its log."""

import math
from collections import deque
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from heimdall_console.epochs import epoch_number
from training_core.contract.errors import HeimdallError
from training_core.contract.records import decode_number
from training_core.contract.run_log import PIECE_BYTES, RunLogReader
from training_core.contract.run_status import is_end, is_making_results

if TYPE_CHECKING:
    from training_core.contract.config import Config

_RATE_WINDOW_S = 15.0


@dataclass
class RunProgress:
    """State of a run; `take` and `take_new` fold in new records."""

    monitor: str = "val/loss"
    """Metric that chooses the best checkpoint."""
    mode: str = "min"
    """Whether a small or a large value of it is good."""
    status: str = ""
    reason: str = ""
    exit_code: int | None = None
    error: dict[str, Any] | None = None
    started: float | None = None
    ended: float | None = None
    step: int = 0
    total_steps: int | None = None
    epoch: int = 0
    """Counted from 0."""
    epochs: int | None = None
    latest: dict[str, float] = field(default_factory=dict)
    """Last value of every metric."""
    history: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    """Validation metric → its finite values with their epochs."""
    checkpoints: int = 0
    best_checkpoint: dict[str, Any] | None = None
    last_checkpoint: dict[str, Any] | None = None
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    task: tuple[str, int, int | None] | None = None
    """What is being done beside the training: name, done, total."""
    is_making_results: bool = False
    """Whether the training is over and the run is evaluated and exported."""
    findings: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Task that is over → what came of it, where that was told."""
    hardware: dict[str, Any] | None = None
    """The last `hardware` record."""
    alerts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Name → the last `alert` record of what has not cleared."""
    command: dict[str, Any] | None = None
    """The last answer to a command."""
    _bests: list[tuple[int, int, dict[str, float]]] = field(default_factory=list)
    _marks: deque[tuple[float, int]] = field(default_factory=deque)
    _said_remaining_s: float | None = None
    _has_stepped: bool = False
    """Since the training began or went on; until then it starts up, which is not its rate."""

    @classmethod
    def of(cls, config: "Config") -> Self:
        """What is known before the first record of a run with this configuration."""
        return cls(monitor=config.checkpoint.monitor, mode=config.checkpoint.mode)

    @property
    def best(self) -> dict[str, float]:
        """All metrics of the validation with the best monitored value."""
        return self._bests[-1][2] if self._bests else {}

    @property
    def best_epoch(self) -> int | None:
        """Its epoch."""
        return self._bests[-1][1] if self._bests else None

    @property
    def steps_per_s(self) -> float | None:
        """Optimizer steps a second over the last seconds."""
        if len(self._marks) < 2:
            return None
        (start, first), (end, last) = self._marks[0], self._marks[-1]
        return (last - first) / (end - start) if end > start and last > first else None

    @property
    def remaining_s(self) -> float | None:
        """Seconds of training left: as the worker says, else at this rate."""
        if self._said_remaining_s is not None:
            return self._said_remaining_s
        rate = self.steps_per_s
        if rate is None or self.total_steps is None:
            return None
        return max(0, self.total_steps - self.step) / rate

    @property
    def share_done(self) -> float | None:
        """Share of the planned steps that are done."""
        if self.total_steps:
            return min(1.0, self.step / self.total_steps)
        return None

    @property
    def epoch_number(self) -> int:
        """The epoch that it is at, or ended in, counted from 1."""
        is_over = self.exit_code is not None or self.is_making_results
        return epoch_number(self.epoch, self.epochs, self.share_done, has_ended=is_over)

    @property
    def test(self) -> dict[str, float]:
        """Test metrics by their name without the split."""
        prefix = "test/"
        return {k.removeprefix(prefix): v for k, v in self.latest.items() if k.startswith(prefix)}

    def snapshot(self) -> Self:
        """A copy that later records do not change."""
        copied = copy(self)
        copied.latest, copied.alerts = dict(self.latest), dict(self.alerts)
        copied.history = {name: list(past) for name, past in self.history.items()}
        copied.artifacts, copied.findings = list(self.artifacts), dict(self.findings)
        copied._bests, copied._marks = list(self._bests), self._marks.copy()
        return copied

    def failure(self) -> HeimdallError:
        """The error that the worker wrote into its last record."""
        parts = {
            key: str(value)
            for key, value in (self.error or {}).items()
            if key in ("what", "why", "unharmed", "action")
        }
        what = parts.pop("what", "") or self.reason or "The worker failed"
        error = HeimdallError(what, **parts)
        if self.exit_code is not None:
            error.exit_code = self.exit_code  # type: ignore[assignment]  # any code may be logged
        return error

    def take(self, records: Iterable[dict[str, Any]]) -> None:
        """Fold in records, in their order."""
        for record in records:
            handler = getattr(self, f"_take_{record['kind']}", None)
            if handler is not None:
                handler(record)

    def take_new(self, reader: RunLogReader) -> None:
        """Fold in what is new in a log, up to its end."""
        while records := reader.read_new(PIECE_BYTES):
            self.take(records)

    def _take_state(self, record: dict[str, Any]) -> None:
        self.status = str(record.get("status", ""))
        self.reason = str(record.get("reason", "") or "")
        self.error = record.get("error") if isinstance(record.get("error"), dict) else None
        self.is_making_results = is_making_results(record)
        code = record.get("exit_code")
        self.exit_code = code if isinstance(code, int) else None
        # A run that was cancelled in the queue has an end and no beginning.
        if self.started is None and self.status != "queued" and not is_end(record):
            self.started = _time(record)
        self.ended = _time(record)
        # What was measured before a pause says nothing of the time after it.
        self._forget_rate()
        if self.status == "starting":
            self.alerts.clear()

    def _take_resumed(self, record: dict[str, Any]) -> None:
        self.step = whole(record, "step", self.step)
        self.epoch = whole(record, "epoch", self.epoch)
        self.started = _time(record)
        self._forget_rate()
        # What lay behind the checkpoint did not happen.
        while self._bests and self._bests[-1][0] > self.step:
            self._bests.pop()

    def _forget_rate(self) -> None:
        self._marks.clear()
        self._said_remaining_s, self._has_stepped = None, False

    def _take_metrics(self, record: dict[str, Any]) -> None:
        given = record.get("values")
        pairs = given.items() if isinstance(given, dict) else ()
        values = {
            str(name): number
            for name, value in pairs
            if (number := decode_number(value)) is not None
        }
        self.latest.update(values)
        if any(name.startswith("test/") for name in values):
            return  # They carry the step of the checkpoint that was judged.
        self.step = max(self.step, whole(record, "step", 0))
        self.epoch = whole(record, "epoch", self.epoch)
        for name, value in values.items():
            if name.startswith(("val/", "val_")) and math.isfinite(value):
                self._remember(name, value)
        # A validation on request ranks no checkpoint.
        ranks = self.monitor in values and not record.get("on_request")
        if ranks and self._is_better(values[self.monitor]):
            self._bests.append((self.step, self.epoch, values))

    def _remember(self, name: str, value: float) -> None:
        past = self.history.setdefault(name, [])
        # A resumed run repeats what lay behind its checkpoint.
        while past and past[-1][0] >= self.epoch:
            past.pop()
        past.append((self.epoch, value))

    def _is_better(self, value: float) -> bool:
        if math.isnan(value):
            return False
        old = self.best.get(self.monitor)
        return old is None or (value < old if self.mode == "min" else value > old)

    def _take_task(self, record: dict[str, Any]) -> None:
        done, total = whole(record, "done", 0), record.get("total")
        total = total if isinstance(total, int) else None
        if record.get("name") != "train":
            name, found = str(record.get("name", "")), record.get("found")
            finished = total is not None and done >= total
            self.task = None if finished else (name, done, total)
            if isinstance(found, dict):
                self.findings[name] = found
            return
        self.step, self.total_steps = max(self.step, done), total
        self.epoch = whole(record, "epoch", self.epoch)
        self.epochs = whole(record, "epochs", 0) or self.epochs
        self._said_remaining_s = seconds_left(record)
        now = _time(record)
        if not self._has_stepped and self._marks and done > self._marks[0][1]:
            self._has_stepped = True
            self._marks.clear()
        self._marks.append((now, done))
        while now - self._marks[0][0] > _RATE_WINDOW_S and len(self._marks) > 2:
            self._marks.popleft()

    def _take_checkpoint(self, record: dict[str, Any]) -> None:
        removed = record.get("removed")
        self.checkpoints += 1 - (len(removed) if isinstance(removed, list) else 0)
        self.last_checkpoint = record
        if record.get("best"):
            self.best_checkpoint = record

    def _take_hardware(self, record: dict[str, Any]) -> None:
        self.hardware = record

    def _take_alert(self, record: dict[str, Any]) -> None:
        name = str(record.get("name", ""))
        self.alerts.pop(name, None)
        if not record.get("cleared"):
            self.alerts[name] = record

    def _take_command(self, record: dict[str, Any]) -> None:
        self.command = record

    def _take_artifact(self, record: dict[str, Any]) -> None:
        self.artifacts.append(record)


def seconds_left(record: dict[str, Any]) -> float | None:
    """What a `task` record says of the time that a training still takes; None where it does not."""
    value = decode_number(record.get("remaining_s"))
    return value if value is not None and 0.0 <= value < math.inf else None


def whole(record: dict[str, Any], key: str, otherwise: int) -> int:
    """A whole number of a record that is not negative and fits into 64 bits."""
    value = record.get(key)
    return value if type(value) is int and 0 <= value < 2**63 else otherwise


def _time(record: dict[str, Any]) -> float:
    value = record.get("t")
    return float(value) if isinstance(value, int | float) else 0.0
