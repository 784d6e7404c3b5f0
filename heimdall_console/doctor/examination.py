"""The whole examination: everything is looked at at the same time, and nothing holds it up."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from heimdall_console.doctor.finding import Finding, Group
from heimdall_console.doctor.gpus import WAIT_S as GPUS_S
from heimdall_console.doctor.gpus import gpu_findings
from heimdall_console.doctor.home import home_findings
from heimdall_console.doctor.packages import is_any_known_bad, package_findings
from heimdall_console.doctor.services import WAIT_S as SERVICES_S
from heimdall_console.doctor.services import service_findings
from heimdall_console.doctor.terminal import TerminalView, terminal_findings
from heimdall_console.doctor.work import work_findings

Look = Callable[[], list[Finding]]

_FILES_S: Final = 20.0
_GRACE_S: Final = 2.0


def examine(
    home: Path,
    config: Path | None = None,
    terminal: Callable[[], TerminalView] = TerminalView.of_this_process,
) -> Iterator[Group]:
    """Look at everything; groups come in their order, each as soon as it is known.

    Args:
        home: Where runs live.
        config: Configuration that names the services; that of the newest run when None.
        terminal: Looks at the terminal.
    """
    looks: dict[str, tuple[float, Look]] = {
        # The terminal is asked first: while it is, nothing else may be written to it.
        "terminal": (_FILES_S, lambda: terminal_findings(terminal())),
        "versions": (_FILES_S, package_findings),
        "home": (_FILES_S, lambda: home_findings(home)),
        "runs": (_FILES_S, lambda: work_findings(home)),
        "gpu": (GPUS_S, lambda: gpu_findings(home)),
        "servers": (SERVICES_S, lambda: service_findings(home, config)),
    }
    if is_any_known_bad():
        # Nothing of what is installed is imported then.
        refusal = Finding("all", "skipped", "not asked: a package is installed that is known bad")
        for name in ("gpu", "servers"):
            looks[name] = (_FILES_S, lambda: [refusal])
    began = time.monotonic()
    answers = {name: _started(look) for name, (_, look) in looks.items()}
    for name, (wait_s, _) in looks.items():
        left_s = began + wait_s + _GRACE_S - time.monotonic()
        try:
            findings = answers[name].get(timeout=max(0.0, left_s))
        except queue.Empty:
            text = f"no answer within {wait_s:.0f} s"
            findings = [Finding("all", "failed", text, "Look at disks and network mounts")]
        yield Group(name, tuple(findings))


def _started(look: Look) -> "queue.SimpleQueue[list[Finding]]":
    answer: queue.SimpleQueue[list[Finding]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answer.put(look())
        except Exception as error:
            # One that fails must not keep the others from being seen.
            text = f"could not be looked at: {type(error).__name__}: {error}"
            answer.put([Finding("all", "failed", text, "Please report this")])

    # A thread can be left behind in a call that never comes back.
    threading.Thread(target=run, daemon=True).start()
    return answer
