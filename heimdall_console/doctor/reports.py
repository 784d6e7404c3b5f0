"""Reports of a process that may hang or crash: read until it is done or late, then left behind."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from training_core.contract.home import working_folder

REPORTER: Final = "training_core.worker.machine_report"
"""The module that looks: `python -m training_core.worker.machine_report WHAT`."""
_LAST_WORDS: Final = 300
_LEAVING_S: Final = 2.0


@dataclass(frozen=True)
class Reports:
    """What a process said."""

    by_name: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Name of what was looked at → what was found."""
    is_late: bool = False
    """Whether it was given up on."""
    waited_s: float = 0.0
    """How long it took or was waited for."""
    last_words: str = ""
    """The end of what it printed beside its reports."""


def read_reports(arguments: list[str], wait_s: float) -> Reports:
    """Start a reporter and read what it says.

    Args:
        arguments: What it is to look at.
        wait_s: How long to wait for all of it.
    """
    began = time.monotonic()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", REPORTER, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=working_folder(),
            start_new_session=True,
        )
    except OSError as error:
        return Reports(last_words=f"It could not be started: {error.strerror}")
    assert process.stdout is not None
    assert process.stderr is not None
    open_ends = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    said, complained = open_ends.values()
    deadline = began + wait_s
    while open_ends and (left := deadline - time.monotonic()) > 0:
        for descriptor in select.select(list(open_ends), [], [], left)[0]:
            chunk = os.read(descriptor, 1 << 16)
            if chunk:
                open_ends[descriptor] += chunk
            else:
                del open_ends[descriptor]
    is_late = bool(open_ends)
    if is_late:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    # One that hangs in the driver cannot even be killed: nobody waits for it for long.
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_LEAVING_S)
    process.stdout.close()
    process.stderr.close()
    waited_s = time.monotonic() - began
    last_words = complained.decode(errors="replace").strip()[-_LAST_WORDS:]
    return Reports(_parsed(bytes(said)), is_late, waited_s, last_words)


def _parsed(said: bytes) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for line in said.splitlines():
        try:
            report = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(report, dict) and isinstance(report.get("report"), str):
            found[report.pop("report")] = report
    return found
