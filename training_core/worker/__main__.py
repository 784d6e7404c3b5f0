"""`python -m training_core.worker DIRECTORY`: do the job that a directory describes."""

import sys
from pathlib import Path

from training_core.worker.process import main

if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
