"""Training with every step logged and publishing on, against a bare Lightning trainer.

The same small model and data in alternating runs of one process. Bare is
`pl.Trainer(logger=False)` without checkpoints; ours is the whole pipeline of a run: metrics of
every step, seeding, checkpoints, commands looked for, hardware sampled and alerts watched for,
and the publisher as a process beside it, which has connected before the training begins. What is
timed is the loop over the training batches, seen by the same callback in both.

A small network (some 400 steps/s) is what the budget is for; a tiny one (some 1,000 steps/s, nearly
all of it Lightning's own) is shown as the worst case.

    python benchmarks/training_overhead.py --pairs 15 --steps 2000
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

if TYPE_CHECKING:
    from training_core.contract.run_dir import RunDir

CONFIG = """
[data]
class = "benchmarks.small_model:SmallData"
arguments = {{ steps = {steps} }}
[model]
class = "benchmarks.small_model:SmallNet"
arguments = {{ widths = {widths} }}
[optimizer]
gradient_clip = 0.0  # as the bare trainer: the same arithmetic
[trainer]
epochs = 1
accelerator = "cpu"
[export]
enabled = false
"""


NETWORKS = {"small": [512, 512], "tiny": [256]}
BUDGET = 0.98
_CONNECT_S = 60.0


def main() -> None:
    """Print the steps a second of both and the median ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--steps", type=int, default=2000)
    options = parser.parse_args()

    import pytorch_lightning as pl
    import torch
    from pytorch_lightning import Callback

    from benchmarks.small_model import SmallData, SmallNet
    from training_core.contract.config_file import load_config
    from training_core.contract.config_template import render_resolved
    from training_core.contract.run_dir import RunInfo, create_run, new_id
    from training_core.contract.run_log import RunLogReader, RunLogWriter
    from training_core.training.control import StopControl
    from training_core.training.pipeline import TrainingPipeline
    from training_core.worker.hardware import HardwareSampler

    class Stopwatch(Callback):
        """Seconds between the first and the last training batch."""

        def __init__(self) -> None:
            self.began = self.ended = 0.0

        def on_train_epoch_start(self, *_: Any) -> None:
            self.began = time.perf_counter()

        def on_train_batch_end(self, *_: Any) -> None:
            self.ended = time.perf_counter()

        @property
        def steps_per_s(self) -> float:
            return float(options.steps) / (self.ended - self.began)

    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)

    def bare(widths: list[int]) -> float:
        watch = Stopwatch()
        trainer = pl.Trainer(
            accelerator="cpu",
            max_epochs=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            limit_val_batches=0,
            callbacks=[watch],
        )
        trainer.fit(SmallNet(widths), datamodule=SmallData(options.steps))
        return watch.steps_per_s

    def ours(widths: list[int], home: Path) -> float:
        path = home / "config.toml"
        path.write_text(CONFIG.format(steps=options.steps, widths=widths))
        config = load_config(path)
        info = RunInfo(
            id=new_id(time.time()), name="bench", experiment="bench", created=time.time()
        )
        run = create_run(home, info, render_resolved(config, path))
        watch = Stopwatch()
        publisher = subprocess.Popen(
            [sys.executable, "-m", "training_core.publishing.publisher", str(run.path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=REPOSITORY,
        )
        with RunLogWriter(run.log_path) as log:
            log.append("state", status="starting")
            pipeline = TrainingPipeline(run, log, StopControl())
            pipeline.load_data()
            pipeline.create_lightning_module()
            pipeline.create_trainer()
            pipeline.trainer.callbacks.append(watch)  # type: ignore[attr-defined]  # set by Trainer
            wait_for_connection(run)
            with HardwareSampler(run, log, pipeline.activity):
                pipeline.train()
            log.append("state", status="finished", exit_code=0)
        recorded = sum(
            "train/loss" in record["values"]
            for record in RunLogReader(run.log_path).read_new()
            if record["kind"] == "metrics"
        )
        assert recorded == options.steps, f"{recorded} of {options.steps} steps are in the log"
        publisher.wait()
        return watch.steps_per_s

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ["HEIMDALL_HOME"] = folder
        for name, widths in NETWORKS.items():
            bare(widths), ours(widths, home)  # warm-up: imports, and the tracking database is made
            pairs = []
            for number in range(options.pairs):
                # The order within a pair alternates, so that a drift of the machine cancels.
                if number % 2:
                    second, first = ours(widths, home), bare(widths)
                else:
                    first, second = bare(widths), ours(widths, home)
                pairs.append((first, second))
                print(
                    f"{name}: bare {first:7.1f}   ours {second:7.1f} steps/s   "
                    f"ratio {second / first:.3f}",
                    flush=True,
                )
            goal = f"to reach: {BUDGET}" if name == "small" else "shown, not required"
            print(
                f"{name}: median bare {median(a for a, _ in pairs):.1f} and ours "
                f"{median(b for _, b in pairs):.1f} steps/s, median ratio "
                f"{median(b / a for a, b in pairs):.3f} of {len(pairs)} pairs ({goal})"
            )


def wait_for_connection(run: "RunDir") -> None:
    """Wait until the publisher has made its run: its imports are no part of a training's hours."""
    deadline = time.monotonic() + _CONNECT_S
    while time.monotonic() < deadline:
        try:
            if json.loads(run.publisher_path.read_bytes())["mlflow_run_id"]:
                return
        except (OSError, ValueError, KeyError):
            pass
        time.sleep(0.1)
    raise SystemExit("the publisher did not connect within a minute")


if __name__ == "__main__":
    main()
