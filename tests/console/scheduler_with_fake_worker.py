"""The real scheduler, whose workers are fake: `python -m … HOME`."""

import sys
from pathlib import Path

from heimdall_console import launcher
from heimdall_console.scheduler import main

if __name__ == "__main__":
    launcher.WORKER = "tests.console.fake_worker"  # type: ignore[misc]
    sys.exit(main(Path(sys.argv[1])))
