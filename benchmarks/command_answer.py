"""How soon a real worker answers what a viewer asks.

A worker trains a small network on generated sessions. Commands are sent at random moments, each
after the answer to the one before; measured is the time from sending to the last answer in the
log. Batches take a few milliseconds, so that is also the time after a batch end.

    python benchmarks/command_answer.py --commands 60
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

CONFIG = """
[trainer]
epochs = 1000000
accelerator = "cpu"
[schedule]
name = "constant"
[early_stopping]
enabled = false
[tracking]
enabled = false
"""
BUDGET_S = 0.5


def main() -> None:
    """Print the median, the 95 % quantile and the longest answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=60)
    options = parser.parse_args()

    from training_core.contract import commands
    from training_core.contract.config_file import apply_overrides, read_source, validate
    from training_core.contract.config_template import render_resolved
    from training_core.contract.jobs import SynthArguments
    from training_core.contract.run_dir import RunDir, RunInfo, create_run, new_id
    from training_core.contract.run_log import RunLogReader
    from training_core.data.synth import synth

    def start(home: Path) -> tuple[RunDir, "subprocess.Popen[bytes]"]:
        dataset = home / "campus"
        synth(SynthArguments(target=dataset, preset="campus", sessions=400, seed=1))
        path = home / "config.toml"
        path.write_text(CONFIG)
        config = validate(apply_overrides(read_source(path), [f"data.dataset={dataset}"]))
        now = time.time()
        info = RunInfo(id=new_id(now), name="bench", experiment="bench", created=now)
        run = create_run(home, info, render_resolved(config, path))
        worker = subprocess.Popen(
            [sys.executable, "-m", "training_core.worker", str(run.path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            cwd=REPOSITORY,
        )
        return run, worker

    def wait_for(reader: RunLogReader, holds: Any) -> None:
        deadline = time.monotonic() + 60
        while not any(holds(record) for record in reader.read_new()):
            if time.monotonic() > deadline:
                raise SystemExit("the worker did not answer within a minute")
            time.sleep(0.002)

    moments, taken = random.Random(0), []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HEIMDALL_HOME"] = folder
        run, worker = start(Path(folder))
        try:
            reader = RunLogReader(run.log_path)
            wait_for(reader, lambda record: record["kind"] == "metrics")
            asked: list[commands.Command] = [
                commands.PauseCommand(),
                commands.ResumeCommand(),
                commands.CheckpointCommand(),
                commands.SetLearningRateCommand(value=1e-3),
                commands.ExtendEpochsCommand(epochs=2_000_000),
            ]
            for number in range(options.commands):
                time.sleep(moments.uniform(0.0, 0.4))
                began = time.perf_counter()
                command_id = commands.send_command(run, asked[number % len(asked)])
                wait_for(
                    reader,
                    lambda record, wanted=command_id: (
                        record.get("id") == wanted and record["outcome"] != "accepted"
                    ),
                )
                taken.append(time.perf_counter() - began)
        finally:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
    print(
        f"{len(taken)} commands: median {1000 * median(taken):.0f} ms, "
        f"95 % {1000 * quantiles(taken, n=20)[-1]:.0f} ms, longest {1000 * max(taken):.0f} ms "
        f"(to reach: {1000 * BUDGET_S:.0f} ms)"
    )


if __name__ == "__main__":
    main()
