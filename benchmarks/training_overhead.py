"""Training with every step logged and publishing on, against the bare Lightning loop.

One training with the whole pipeline of a run: metrics of every step, seeding, commands looked for,
hardware sampled, alerts watched for, and a publisher process beside it. Every few hundred steps all
of it is switched off or on again: the hooks are taken out of the loop and the publisher is stopped,
so that what is left is the loop of `pl.Trainer(logger=False)` on the same module. Blocks of half
a second alternate in the order on, off, off, on: a machine whose speed drifts by a tenth from
minute to minute would hide two percent between whole runs. The sampler's thread cannot be stopped;
the processor time that it says it took is counted against us.

A small network (some 400 steps/s) is what the budget is for; a tiny one (some 1,000 steps/s, nearly
all of it Lightning's own) is shown as the worst case.

    python benchmarks/training_overhead.py --pairs 100
"""

import argparse
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from statistics import median, quantiles
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

import pytorch_lightning as pl  # noqa: E402  # the checkout comes first on the path
import torch  # noqa: E402

from training_core.contract.config_file import load_config  # noqa: E402
from training_core.contract.config_template import render_resolved  # noqa: E402
from training_core.contract.run_dir import RunDir, RunInfo, create_run, new_id  # noqa: E402
from training_core.contract.run_log import RunLogReader, RunLogWriter  # noqa: E402
from training_core.training.beat import Beat  # noqa: E402
from training_core.training.control import StopControl  # noqa: E402
from training_core.training.hooks import RunHooks  # noqa: E402
from training_core.training.pipeline import TrainingPipeline  # noqa: E402
from training_core.training.recording import MetricsRecorder  # noqa: E402
from training_core.worker.hardware import HardwareSampler  # noqa: E402

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


NETWORKS = {"small": ([512, 512], 200), "tiny": ([256], 500)}
"""Name → hidden widths, and steps in a block."""
BUDGET = 0.98
_CONNECT_S = 60.0
_WARM_UP_BLOCKS = 4


def main() -> None:
    """Print the steps a second with and without, and the median ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--pairs", type=int, default=100, help="pairs of blocks of the small network"
    )
    parser.add_argument("--only", choices=list(NETWORKS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HEIMDALL_HOME"] = folder
        for name, (widths, block) in NETWORKS.items():
            if options.only in (None, name):
                pairs = options.pairs if name == "small" else max(15, options.pairs // 4)
                measure(name, widths, block, pairs, Path(folder))


def measure(name: str, widths: list[int], block: int, pairs: int, home: Path) -> None:
    """Train once and print the ratio of alternating blocks."""
    steps = block * (2 * pairs + _WARM_UP_BLOCKS) + 1
    run = new_run(home, widths, steps)
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
        callbacks: list[pl.Callback] = pipeline.trainer.callbacks  # type: ignore[attr-defined]  # set by Trainer
        hooks = next(found for found in callbacks if isinstance(found, RunHooks))
        switch = Switch(hooks, publisher.pid, block)
        callbacks.append(switch)
        wait_for_connection(run)
        began = time.perf_counter()
        with HardwareSampler(run, log, pipeline.activity) as sampler:
            pipeline.train()
        sampling = sampler.cpu_s / (time.perf_counter() - began)
        os.kill(publisher.pid, signal.SIGCONT)
        log.append("state", status="finished", exit_code=0)
    publisher.wait()
    blocks = switch.blocks[_WARM_UP_BLOCKS:]
    recorded = sum(
        "train/loss" in record["values"]
        for record in RunLogReader(run.log_path).read_new(1 << 30)
        if record["kind"] == "metrics"
    )
    expected = block * sum(is_on for is_on, _ in switch.blocks)
    assert abs(recorded - expected) <= block, f"{recorded} of {expected} steps are in the log"
    couples = [dict(blocks[place : place + 2]) for place in range(0, 2 * pairs, 2)]
    ratios = [couple[True] / couple[False] for couple in couples]
    low, _, high = quantiles(ratios, n=4)
    goal = f"to reach: {BUDGET}" if name == "small" else "shown, not required"
    print(
        f"{name}: median {median(c[False] for c in couples):.1f} bare and "
        f"{median(c[True] for c in couples):.1f} ours steps/s; median ratio {median(ratios):.3f} of "
        f"{len(ratios)} pairs (half of them {low:.3f} to {high:.3f}); sampling {100 * sampling:.2f} % "
        f"of a core; together {median(ratios) * (1 - sampling):.3f} ({goal})",
        flush=True,
    )


class Switch(pl.Callback):
    """Takes our hooks out of the loop and puts them back, and times the blocks between.

    Args:
        hooks: Ours.
        publisher: Its process.
        block: Steps in a block.
    """

    def __init__(self, hooks: RunHooks, publisher: int, block: int) -> None:
        self.blocks: list[tuple[bool, float]] = []
        """Whether a block was ours, and its steps a second."""
        self._hooks = hooks
        self._publisher = publisher
        self._block = block
        self._parts = hooks._at_batch_start, hooks._at_batch_end, hooks._beat
        self._recorder = next(p for p in hooks._parts if isinstance(p, MetricsRecorder))
        self._is_on = True
        self._steps = 0
        self._began = 0.0

    def on_train_start(self, *_: Any) -> None:
        """The first block begins."""
        self._began = time.perf_counter()

    def on_train_batch_end(self, *_: Any) -> None:
        """Switch where a block is full."""
        self._steps += 1
        if self._steps < self._block:
            return
        if self._is_on:
            # What it put off belongs to this block.
            self._recorder.flush()
        self.blocks.append((self._is_on, self._steps / (time.perf_counter() - self._began)))
        self._turn(is_on=len(self.blocks) % 4 in (0, 3))
        self._steps, self._began = 0, time.perf_counter()

    def _turn(self, *, is_on: bool) -> None:
        if is_on == self._is_on:
            return
        self._is_on = is_on
        os.kill(self._publisher, signal.SIGCONT if is_on else signal.SIGSTOP)
        hooks = self._hooks
        if is_on:
            hooks._at_batch_start, hooks._at_batch_end, hooks._beat = self._parts
        else:
            hooks._at_batch_start, hooks._at_batch_end = [], []
            hooks._beat = NoBeat()


class NoBeat(Beat):
    """A beat that never looks."""

    def __init__(self) -> None:
        pass

    def after_batch(self) -> None:
        """Nothing."""


def new_run(home: Path, widths: list[int], steps: int) -> RunDir:
    """The directory of a run of so many steps."""
    path = home / "config.toml"
    path.write_text(CONFIG.format(steps=steps, widths=widths))
    now = time.time()
    info = RunInfo(id=new_id(now), name="bench", experiment="bench", created=now)
    return create_run(home, info, render_resolved(load_config(path), path))


def wait_for_connection(run: RunDir) -> None:
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
