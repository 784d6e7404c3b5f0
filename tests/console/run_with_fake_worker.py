"""The real command line, whose workers are fake: `python -m … PLAN ARGUMENTS`.

PLAN is what `fake_worker` reads, as JSON.
"""

import signal
import sys

from heimdall_console import training
from heimdall_console.__main__ import main
from heimdall_console.launcher import Worker, start_worker
from training_core.contract.run_dir import RunDir


def run(plan: str, arguments: list[str]) -> int:
    def start(directory: RunDir) -> Worker:
        (directory.path / "plan.json").write_text(plan)
        return start_worker(directory, "tests.console.fake_worker")

    training.start_worker = start  # type: ignore[attr-defined, assignment]
    # Tests may run where Ctrl+C is ignored; here it counts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["heimdall-console", *arguments]
    return main()


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2:]))
