"""The real command line, whose workers are fake: `python -m … PLAN ARGUMENTS`.

PLAN is what `fake_worker` reads, as JSON.
"""

import os
import signal
import sys

from heimdall_console import launcher, queue
from heimdall_console.__main__ import main


def run(plan: str, arguments: list[str]) -> int:
    launcher.WORKER = "tests.console.fake_worker"  # type: ignore[misc]
    queue.SCHEDULER = "tests.console.scheduler_with_fake_worker"  # type: ignore[misc]
    os.environ["FAKE_WORKER_PLAN"] = plan
    # Tests may run where Ctrl+C is ignored; here it counts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["heimdall-console", *arguments]
    return main()


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2:]))
