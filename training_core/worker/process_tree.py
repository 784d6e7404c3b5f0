"""Memory and processor time of the worker and its children, for next to nothing."""

import os
import time
from dataclasses import dataclass
from typing import Any, Final

import psutil

_SEARCH_SHARE: Final = 0.0005
"""Of a core, spent on the search for children: it reads every process of the machine."""
_SEARCH_EVERY_S: Final = (2.0, 120.0)
_MOST_READ: Final = 8
"""Processes read in one look; of more, some stand as they were in an earlier look."""


@dataclass
class _Member:
    """One process with what was last read of it."""

    process: Any
    rss_bytes: int = 0
    cpu_percent: float = 0.0
    cpu_s: float = 0.0
    read_s: float | None = None


class ProcessTree:
    """The worker with its ranks and loaders; what it started detached is not part of it."""

    def __init__(self) -> None:
        self._root = psutil.Process()
        self._session = os.getsid(0)
        self._members = {self._root.pid: _Member(self._root)}
        self._search_s = 0.0
        self._turn = 0

    @property
    def pids(self) -> frozenset[int]:
        """The processes."""
        return frozenset(self._members)

    def look(self) -> tuple[int, float]:
        """Resident bytes, and percent of one core since each process was last read.

        Memory that processes share counts once for each of them.
        """
        if time.monotonic() >= self._search_s:
            self._search()
        members = list(self._members.values())
        for offset in range(min(_MOST_READ, len(members))):
            self._read(members[(self._turn + offset) % len(members)])
        self._turn = (self._turn + _MOST_READ) % len(members) if len(members) > _MOST_READ else 0
        members = list(self._members.values())
        return sum(m.rss_bytes for m in members), sum(m.cpu_percent for m in members)

    def _search(self) -> None:
        began_s = time.thread_time()
        try:
            children = self._root.children(recursive=True)
        except (psutil.Error, OSError):
            children = []
        found = {child.pid: child for child in children if self._is_ours(child.pid)}
        for pid, child in found.items():
            member = self._members.get(pid)
            if member is None or member.process != child:
                self._members[pid] = _Member(child)
        for pid in self._members.keys() - found.keys() - {self._root.pid}:
            del self._members[pid]
        least_s, most_s = _SEARCH_EVERY_S
        pause_s = (time.thread_time() - began_s) / _SEARCH_SHARE
        self._search_s = time.monotonic() + min(most_s, max(least_s, pause_s))

    def _is_ours(self, pid: int) -> bool:
        # The publisher, for one, has a session of its own.
        try:
            return os.getsid(pid) == self._session
        except OSError:
            return False

    def _read(self, member: _Member) -> None:
        try:
            with member.process.oneshot():
                rss_bytes = member.process.memory_info().rss
                times = member.process.cpu_times()
        except (psutil.Error, OSError):
            self._members.pop(member.process.pid, None)
            return
        now_s, cpu_s = time.monotonic(), times.user + times.system
        if member.read_s is not None and now_s > member.read_s:
            member.cpu_percent = 100.0 * (cpu_s - member.cpu_s) / (now_s - member.read_s)
        member.rss_bytes, member.cpu_s, member.read_s = rss_bytes, cpu_s, now_s
