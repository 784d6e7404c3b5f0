"""Training with every step logged and publishing on, against a bare Lightning trainer.

The same small model and data in alternating runs of one process. Bare is
`pl.Trainer(logger=False)` without checkpoints; ours is the whole pipeline of a run: metrics of
every step, seeding, checkpoints, commands looked for, hardware sampled and alerts watched for,
and the publisher as a process beside it. What is timed is the loop over the training batches,
seen by the same callback in both.

    python benchmarks/training_overhead.py --pairs 15 --steps 2000
"""

import argparse
import logging
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from statistics import median
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

CONFIG = """
[data]
class = "benchmarks.small_model:SmallData"
arguments = {{ steps = {steps} }}
[model]
class = "benchmarks.small_model:SmallNet"
[optimizer]
gradient_clip = 0.0  # as the bare trainer: the same arithmetic
[trainer]
epochs = 1
accelerator = "cpu"
[export]
enabled = false
"""


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

    def bare() -> float:
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
        trainer.fit(SmallNet(), datamodule=SmallData(options.steps))
        return watch.steps_per_s

    def ours(home: Path) -> float:
        path = home / "config.toml"
        path.write_text(CONFIG.format(steps=options.steps))
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
        bare(), ours(home)  # warm-up: imports, and the tracking database is made
        pairs = []
        for number in range(options.pairs):
            # The order within a pair alternates, so that a drift of the machine cancels.
            if number % 2:
                second, first = ours(home), bare()
            else:
                first, second = bare(), ours(home)
            pairs.append((first, second))
            print(
                f"bare {first:7.1f}   ours {second:7.1f} steps/s   ratio {second / first:.3f}",
                flush=True,
            )
    print(f"median bare   {median(a for a, _ in pairs):7.1f} steps/s")
    print(f"median ours   {median(b for _, b in pairs):7.1f} steps/s")
    print(
        f"median ratio  {median(b / a for a, b in pairs):.3f}   (of {len(pairs)} pairs; to reach: 0.98)"
    )


if __name__ == "__main__":
    main()
