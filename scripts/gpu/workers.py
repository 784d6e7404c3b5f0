"""Real workers on a generated dataset: started, awaited and read."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from scripts.gpu.rows import CheckFailedError, Setting

if TYPE_CHECKING:
    from training_core.contract.run_dir import RunDir

_REPOSITORY: Final = Path(__file__).resolve().parent.parent.parent
_CONFIG: Final = """
[data]
split = "place"
[trainer]
precision = "32-true"
[tracking]
enabled = false
[export]
enabled = false
[early_stopping]
enabled = false
"""


def make_run(setting: Setting, *overrides: str, sessions: int = 600) -> "RunDir":
    """A run on a campus of so many sessions, which is generated once."""
    from training_core.contract.config_file import apply_overrides, read_source, validate
    from training_core.contract.config_template import render_resolved
    from training_core.contract.jobs import SynthArguments
    from training_core.contract.run_dir import RunInfo, create_run, new_id
    from training_core.data.synth import synth

    dataset = setting.folder / f"campus-{sessions}"
    if not dataset.exists():
        synth(SynthArguments(target=dataset, sessions=sessions, seed=1))
    path = setting.folder / "config.toml"
    path.write_text(_CONFIG)
    accelerator = "gpu" if setting.is_gpu else "cpu"
    given = [f"data.dataset={dataset}", f"trainer.accelerator={accelerator}", *overrides]
    config = validate(apply_overrides(read_source(path), given))
    now = time.time()
    info = RunInfo(id=new_id(now), name="gpu-check", experiment="gpu-checks", created=now)
    return create_run(setting.folder / "home", info, render_resolved(config, path))


@contextmanager
def worker(run: "RunDir") -> Iterator["subprocess.Popen[bytes]"]:
    """A worker on a run, in a session of its own; dead when this is left."""
    with run.output_path.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "training_core.worker", str(run.path)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": _python_path(), "HEIMDALL_HOME": str(run.path.parent)},
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, 9)
        process.wait()


def finish(run: "RunDir", seconds: float) -> int:
    """Let a worker do the whole run; returns its exit code."""
    with worker(run) as process:
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise CheckFailedError(f"the worker took more than {seconds:.0f} s") from None


def records(folder: Path, kind: str) -> list[dict[str, Any]]:
    """Records of one kind in the log of a run so far."""
    from training_core.contract.run_log import RunLogReader

    found = RunLogReader(folder / "log.jsonl").read_new()
    return [record for record in found if record["kind"] == kind]


def steps_done(run: "RunDir") -> int:
    """The last step in the log."""
    return max((int(record["step"]) for record in records(run.path, "metrics")), default=0)


def wait_for_step(
    run: "RunDir", process: "subprocess.Popen[bytes]", step: int, seconds: float
) -> None:
    """Until a step is in the log.

    Raises:
        ImportError: The worker ended because this Python lacks a package.
        CheckFailedError: It ended otherwise, or the time is over.
    """

    def is_there() -> bool:
        if process.poll() is not None:
            raise ended_early(run)
        return steps_done(run) >= step

    wait_for(is_there, seconds, f"step {step}")


def ended_early(run: "RunDir") -> Exception:
    """Why a worker is gone."""
    printed = run.output_path.read_text(errors="replace").strip().splitlines()
    last = printed[-1] if printed else "it printed nothing"
    if last.startswith(("ModuleNotFoundError", "ImportError")):
        return ImportError(last.partition(": ")[2])
    states = records(run.path, "state")
    reason = states[-1].get("reason", "") if states else ""
    return CheckFailedError(f"the worker ended: {reason or last}")


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Until a condition holds.

    Raises:
        CheckFailedError: The time is over.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise CheckFailedError(f"after {seconds:.0f} s still waiting for {what}")
        time.sleep(0.05)


def _python_path() -> str:
    given = os.environ.get("PYTHONPATH")
    return f"{_REPOSITORY}{os.pathsep}{given}" if given else str(_REPOSITORY)
