"""Run directories with logs, and publishers as real processes, for the publishing tests."""

import secrets
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from training_core.contract.home import home_path
from training_core.contract.lock import WorkerLock
from training_core.contract.run_dir import RunDir, RunInfo, create_run
from training_core.contract.run_log import RunLogWriter
from training_core.publishing.publisher import Publisher
from training_core.publishing.publisher_state import PublisherState, read_state

START_S = 1_790_000_000.0


def embedded(home: Path) -> str:
    """Address of the database of a home."""
    return f"sqlite:///{home / 'mlflow.db'}"


def make_run(
    home: Path,
    run_id: str = "",
    parent: str = "20260923-120000-000000",
    changes: dict[str, list[Any]] | None = None,
    **sections: str,
) -> RunDir:
    """A run without a worker; `sections` are TOML texts by section name.

    Its id is its own where none is given: tests share a server, and a publisher knows its run
    there by the id.
    """
    run_id = run_id or f"20260924-120000-{secrets.token_hex(3)}"
    toml = "".join(f"[{name}]\n{text}\n" for name, text in sections.items())
    info = RunInfo(
        id=run_id,
        name=f"rf-localization-{run_id}",
        experiment="heimdall-localization",
        created=START_S,
        host="a-host",
        user="somebody",
        command=["heimdall-console", "run"],
        git_commit="0123456789abcdef",
        git_dirty=True,
        versions={"torch": "2.13.0", "pytorch-lightning": "2.6.6"},
        config_hash="c" * 64,
        dataset_fingerprint="d" * 64,
        parent=parent,
        changes=changes or {},
    )
    return create_run(home, info, toml)


def log_steps(
    log: RunLogWriter, first: int, count: int, names: tuple[str, ...] = ("train/loss",)
) -> None:
    """One metrics record a step, ten a second."""
    for step in range(first, first + count):
        values = {name: float(step) + 0.1 * place for place, name in enumerate(names)}
        log.append("metrics", time_s=START_S + step / 10, step=step, epoch=0, values=values)


def finished_run(
    home: Path,
    steps: int = 20,
    status: str = "finished",
    run_id: str = "",
    **sections: str,
) -> RunDir:
    run = make_run(home, run_id, "20260923-120000-000000", None, **sections)
    with RunLogWriter(run.log_path) as log:
        log.append("state", time_s=START_S, status="running")
        log_steps(log, 0, steps)
        log.append("state", time_s=START_S + steps, status=status)
    return run


class LiveWorker:
    """A process's hold on a run: its lock and its log."""

    def __init__(self, run: RunDir) -> None:
        self.lock = WorkerLock(run.lock_path)
        self.log = RunLogWriter(run.log_path)

    def leave(self) -> None:
        self.log.close()
        self.lock.release()


_WORKER = """
import sys, time
from pathlib import Path
from training_core.contract.lock import WorkerLock
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogWriter
run = RunDir(Path(sys.argv[1]))
lock, log = WorkerLock(run.lock_path), RunLogWriter(run.log_path)
log.append("state", status="running")
step = 0
while True:
    log.append("metrics", step=step, epoch=0, values={"train/loss": 1.0 / (step + 1)})
    step += 1
    time.sleep(0.02)
"""


def start_training(run: RunDir) -> "subprocess.Popen[bytes]":
    """A process in a session of its own that holds the run's lock and logs until it is killed."""
    return subprocess.Popen([sys.executable, "-c", _WORKER, str(run.path)], start_new_session=True)


def start_publisher(run: RunDir) -> "subprocess.Popen[bytes]":
    with (run.path / "publisher.log").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "training_core.publishing.publisher", str(run.path)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def publish(run: RunDir) -> PublisherState:
    """Publish a run that has ended, in this process: MLflow is imported once for all tests."""
    assert Publisher(run, home_path()).follow() == 0, read_state(run.publisher_path).waits_for
    state = read_state(run.publisher_path)
    assert state.state == "done"
    return state


def history(uri: str, mlflow_run_id: str, name: str) -> list[tuple[int, float, int]]:
    """(step, value, milliseconds) of a metric, as the server has it."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    found = client.get_metric_history(mlflow_run_id, name)
    return sorted((m.step, m.value, m.timestamp) for m in found)


def assert_every_step_once(
    uri: str, mlflow_run_id: str, steps: int, name: str = "train/loss", shift: float = 0.0
) -> None:
    found = history(uri, mlflow_run_id, name)
    counted = Counter(step for step, _, _ in found)
    assert counted == Counter(range(steps))
    expected = [(s, float(s) + shift, round((START_S + s / 10) * 1000)) for s in range(steps)]
    assert found == expected


def artifacts_of(uri: str, mlflow_run_id: str, folder: str = "") -> list[str]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    return sorted(f.path for f in client.list_artifacts(mlflow_run_id, folder or None))


def run_of(uri: str, mlflow_run_id: str) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=uri).get_run(mlflow_run_id)
