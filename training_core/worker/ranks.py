"""The further processes of a training on several devices."""

import ctypes
import os
import signal
import sys

from training_core.contract.records import Kind
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogWriter

_PR_SET_PDEATHSIG = 1
_RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK")


def rank() -> int:
    """Which process this is: 0 for the one that holds the lock, writes and reads commands.

    Lightning's launcher names the rank on a machine and the machine, torchrun the rank of all.
    """
    found = [_number(name) for name in _RANKS]
    return found[0] if os.environ.get("RANK") else max(found)


def join_ranks(run: RunDir) -> None:
    """Live as a further rank: print into a file of its own, and die with who started it."""
    with run.rank_output_path(rank()).open("ab") as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(file.fileno(), stream.fileno())
    # A rank whose first one is gone waits in a collective for ever, its device taken.
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1:
        os._exit(1)


class RankLog(RunLogWriter):
    """The log of a further rank: nothing of it is a record; messages are printed."""

    def __init__(self) -> None:
        self.failed = None

    def append(self, kind: Kind, *, time_s: float | None = None, **fields: object) -> None:
        """Print what would be a message or an alert."""
        if kind in ("message", "alert"):
            print(fields.get("text", ""), flush=True)

    def close(self) -> None:
        """Nothing is open."""


def _number(name: str) -> int:
    value = os.environ.get(name, "")
    return int(value) if value.isdigit() else 0
