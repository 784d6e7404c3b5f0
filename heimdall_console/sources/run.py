"""Following one run beside the event loop: its log from the start, its output, its life."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import orjson
from textual.message import Message
from textual.message_pump import MessagePump

from heimdall_console.following.output import OutputReader
from heimdall_console.run_history import HistoryView, RunHistory
from heimdall_console.sources.background import Source
from training_core.contract.errors import HeimdallError
from training_core.contract.files import read_regular
from training_core.contract.run_log import PIECE_BYTES, Record, RunLogReader
from training_core.contract.run_status import RunStatus, derive_status, status_with_lock
from training_core.contract.toml_text import parse_toml

if TYPE_CHECKING:
    from training_core.contract.run_dir import RunDir

_FLOWING_S: Final = 0.3
"""From one view to the next, while data flows."""
_FIRST_VIEW_S: Final = 0.5
_RARER: Final = 2.5
"""Views of a log that is read for the first time come ever less often: drawing costs, too."""
_SWITCH_S: Final = 0.001
_SILENT_S: Final = 0.08
_ENDED_S: Final = 0.5
_LOCK_LOOK_S: Final = 1.0
_MOST_OUTPUT_LINES: Final = 5000


@dataclass(frozen=True, eq=False)
class RunView:
    """A run as it was at one moment."""

    run_id: str
    name: str
    experiment: str
    monitor: str
    """Metric that chooses the best checkpoint."""
    mode: str
    """Whether its small (`min`) or large (`max`) values are good."""
    status: RunStatus
    history: HistoryView
    loaded_share: float
    """Of the log as long as it was at the last look; 1 when all of it is read."""

    @property
    def is_loaded(self) -> bool:
        """Whether nothing is left to read."""
        return self.loaded_share >= 1.0


class RunRead(Message):
    """More is known of a run.

    Args:
        view: All of it.
    """

    def __init__(self, view: RunView) -> None:
        self.view = view
        super().__init__()

    def can_replace(self, message: Message) -> bool:
        """Only the newest view of a run counts."""
        return isinstance(message, RunRead) and message.view.run_id == self.view.run_id


class OutputRead(Message):
    """More is known of what a run's processes printed.

    Args:
        run_id: The run.
        lines: The last ones.
    """

    def __init__(self, run_id: str, lines: tuple[str, ...]) -> None:
        self.run_id = run_id
        self.lines = lines
        super().__init__()

    def can_replace(self, message: Message) -> bool:
        """Only the newest lines of a run count."""
        return isinstance(message, OutputRead) and message.run_id == self.run_id


class RunSource(Source):
    """Posts views of a run: the first ones while it is read, then whenever something is new.

    Args:
        poster: Who is told.
        run: The run.
        smoothing: From 0 to below 1.
    """

    NAME: ClassVar[str] = "run"

    def __init__(self, poster: MessagePump, run: "RunDir", smoothing: float = 0.0) -> None:
        super().__init__(poster)
        self.run = run
        self.smoothing = smoothing
        """Of the curves of the next view; call `wake` after a change."""
        self.wants_output = False
        """Whether to read what its processes print, too; call `wake` after a change."""
        self._about: dict[str, str] | None = None
        self._reader = RunLogReader(run.log_path)
        self._restarts = self._reader.restarts
        self._history = RunHistory()
        self._stamp: tuple[int, int, int] | None = None
        self._has_new = False
        self._status: RunStatus | None = None
        self._locked = False
        self._locked_in: str | None = None
        """What the log said when the lock was looked at."""
        self._next_lock_s = 0.0
        self._next_post_s = 0.0
        self._loading_s = _FIRST_VIEW_S
        self._smoothed_with = smoothing
        self._output: OutputReader | None = None
        self._output_lines: list[str] = []

    def look(self) -> None:
        """Read what is new and post it."""
        if self._about is None:
            if not self.run.info_path.is_file():
                raise HeimdallError(
                    f"There is no run {self.run.id} on this disk",
                    why=f"{self.run.path} holds no run.json",
                    unharmed="Nothing was changed",
                    action="Choose another run on the screen Runs",
                )
            # Python lets a busy thread have five milliseconds at a time: a key would wait for it
            # at every turn of the event loop.
            sys.setswitchinterval(_SWITCH_S)
            self._about = _about(self.run)
            self._begin_anew()
            self._next_post_s = time.monotonic() + _FIRST_VIEW_S
        self._read_log()
        status = self._look_for_life()
        is_changed = status is not self._status or self.smoothing != self._smoothed_with
        self._status, has_new = status, self._has_new
        if has_new or is_changed:
            self._post_view(1.0)
        if self.wants_output:
            self._read_output()
        if has_new:
            self.interval_s = _FLOWING_S
        else:
            self.interval_s = _ENDED_S if status.has_ended else _SILENT_S

    def _begin_anew(self) -> None:
        about = self._about or {}
        self._history = RunHistory(about["monitor"], about["mode"])

    def _read_log(self) -> None:
        """Read up to the end, with views in between where it is long."""
        stamp = _stamp(self.run.log_path)
        if stamp == self._stamp:
            return
        size = (stamp or (0, 0, 0))[1]
        while not self.is_stopped and (records := self._read_piece()):
            self._has_new = True
            self._history.take(records)
            if size > self._reader.offset and time.monotonic() >= self._next_post_s:
                self._status = self._status or RunStatus.STARTING
                self._post_view(min(0.999, self._reader.offset / size))
                self._loading_s *= _RARER
                self._next_post_s = time.monotonic() + self._loading_s
        self._stamp = stamp

    def _read_piece(self) -> list[Record]:
        records = self._reader.read_new(PIECE_BYTES)
        if self._reader.restarts != self._restarts:
            # Also where nothing stands in it yet: a log that was emptied is another one.
            self._restarts = self._reader.restarts
            self._begin_anew()
            self._has_new = True
        return records

    def _look_for_life(self) -> RunStatus:
        """The status, by the log and now and then by the lock."""
        said = self._history.status
        status = derive_status(said, locked=True)
        if said is not None and status.has_ended:
            return status
        # A worker that has just written its first state has taken the lock since the last look.
        if said != self._locked_in or time.monotonic() >= self._next_lock_s:
            self._next_lock_s = time.monotonic() + _LOCK_LOOK_S
            status = status_with_lock(self.run, self._read_state)
            self._locked_in = self._history.status
            self._locked = status not in (RunStatus.CRASHED, RunStatus.QUEUED)
            return status
        return derive_status(said, self._locked)

    def _read_state(self) -> str | None:
        self._stamp = None
        self._read_log()
        return self._history.status

    def _post_view(self, loaded_share: float) -> None:
        self._next_post_s = time.monotonic() + _FLOWING_S
        self._has_new = False
        self._history.smoothing = self._smoothed_with = self.smoothing
        about = self._about or {}
        self.post(
            RunRead(
                RunView(
                    self.run.id,
                    about["name"],
                    about["experiment"],
                    about["monitor"],
                    about["mode"],
                    self._status or RunStatus.STARTING,
                    self._history.view(),
                    loaded_share,
                )
            )
        )

    def _read_output(self) -> None:
        is_first = self._output is None
        if self._output is None:
            self._output = OutputReader(self.run.output_path)
        has_new = False
        while not self.is_stopped and (lines := self._output.read_new()):
            has_new = True
            self._output_lines += lines
            del self._output_lines[:-_MOST_OUTPUT_LINES]
        if has_new or is_first:
            self.post(OutputRead(self.run.id, tuple(self._output_lines)))


def _stamp(path: os.PathLike[str]) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _about(run: "RunDir") -> dict[str, str]:
    """Name, experiment, monitor and mode; pydantic's import is not worth waiting for here."""
    about = {"name": run.id, "experiment": "", "monitor": "val/loss", "mode": "min"}
    info = _parsed(run.info_path, orjson.loads)
    checkpoint = _parsed(run.config_path, lambda text: parse_toml(text.decode())).get("checkpoint")
    for given, keys in ((info, ("name", "experiment")), (checkpoint, ("monitor", "mode"))):
        if isinstance(given, dict):
            about |= {key: given[key] for key in keys if isinstance(given.get(key), str)}
    return about


def _parsed(path: Path, parse: Callable[[bytes], Any]) -> dict[str, Any]:
    try:
        value = parse(read_regular(path))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
