"""The runs of this home, looked at again as long as the console is open."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.message_pump import MessagePump

from heimdall_console.messages import RunsRead
from heimdall_console.sources.background import Source

if TYPE_CHECKING:
    from heimdall_console.run_index import RunIndex, RunSummary

_SHARE_OF_A_CORE = 0.005
_LONGEST_S = 10.0


class RunsSource(Source):
    """Posts the summaries of all runs whenever one has changed.

    Args:
        poster: Who is told.
        home: The home.
    """

    NAME: ClassVar[str] = "runs"

    def __init__(self, poster: MessagePump, home: Path) -> None:
        super().__init__(poster)
        self._home = home
        self._index: RunIndex | None = None
        self._known: tuple[RunSummary, ...] | None = None

    def look(self) -> None:
        """Post what has changed since the last look."""
        is_first = self._index is None
        if self._index is None:
            # Pydantic is not worth waiting for before the first frame.
            from heimdall_console.run_index import RunIndex

            self._index = RunIndex(self._home)
        # Of this thread alone: a machine that trains makes everything take long.
        begun_s = time.thread_time()
        runs = tuple(self._index.refresh())
        spent_s = time.thread_time() - begun_s
        if self._known is None or not _are_same(runs, self._known):
            self._known = runs
            self.post(RunsRead(runs))
        # Thousands of runs are looked at less often, so that idling stays cheap.
        # The first look opens every run, which later ones do not.
        self.interval_s = 1.0 if is_first else min(max(1.0, spent_s / _SHARE_OF_A_CORE), _LONGEST_S)


def _are_same(runs: tuple["RunSummary", ...], known: tuple["RunSummary", ...]) -> bool:
    return len(runs) == len(known) and all(map(lambda a, b: a is b, runs, known))
