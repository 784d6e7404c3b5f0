"""Run the real sampler in the run directory of the first argument until a line comes in."""

import sys
import time
from pathlib import Path

from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogWriter
from training_core.worker.hardware import HardwareSampler

if __name__ == "__main__":
    run = RunDir(Path(sys.argv[1]))
    with RunLogWriter(run.log_path) as log:
        with HardwareSampler(run, log, interval_s=0.05):
            sys.stdin.readline()
            began_s = time.monotonic()
        print(time.monotonic() - began_s, flush=True)
    loaded = {"torch", "pytorch_lightning", "numpy"} & sys.modules.keys()
    print(sorted(loaded), flush=True)
