"""Making runs and starting workers by name."""

import contextlib
import getpass
import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import orjson

from training_core.contract.config import Config
from training_core.contract.config_template import config_values, render_resolved
from training_core.contract.datasets import read_summary, resolve_dataset
from training_core.contract.ending import write_end
from training_core.contract.errors import ExitCode, HeimdallError, UsageError
from training_core.contract.lock import is_locked
from training_core.contract.processes import start_detached
from training_core.contract.run_dir import RunDir, RunInfo, create_run, new_id
from training_core.contract.run_status import RunStatus

_PACKAGES = (
    "heimdall-console",
    "torch",
    "pytorch-lightning",
    "mlflow",
    "onnx",
    "onnxruntime",
    "numpy",
)


def launch_run(
    config: Config, source: Path | None, home: Path, *, name: str = "", parent: str = ""
) -> RunDir:
    """Make the directory of a new run; `start_worker` then trains it.

    Args:
        config: What to train; relative paths in it are resolved here.
        source: File the configuration came from, whose comments are kept.
        home: Where runs live.
        name: For people; the configured prefix and the time when empty.
        parent: Run that this one repeats or starts from.

    Raises:
        UsageError: No dataset is named.
        DatasetError: The dataset does not exist.
        HeimdallError: The home is not writable.
    """
    config = absolute_paths(config, source, home)
    now = time.time()
    commit, dirty = _git_state(source.absolute().parent if source else Path.cwd())
    dataset = Path(config.data.dataset) if config.data.dataset else None
    summary = read_summary(dataset) if dataset else None
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    info = RunInfo(
        id=new_id(now),
        name=name or f"{config.run.name_prefix}-{stamp}",
        experiment=config.run.experiment,
        created=now,
        host=socket.gethostname(),
        user=_user(),
        command=sys.argv,
        git_commit=commit,
        git_dirty=dirty,
        versions=installed_versions(),
        config_hash=config_hash(config),
        dataset_fingerprint=summary.fingerprint if summary else "",
        parent=parent,
    )
    return create_run(home, info, render_resolved(config, source))


def absolute_paths(config: Config, source: Path | None, home: Path) -> Config:
    """The configuration with every path made absolute.

    A relative path is looked for from the current directory, then from the folder of the
    configuration; a dataset also by its name under the home.
    """
    data, model, checkpoint = config.data, config.model, config.checkpoint
    if not data.class_path:
        if not data.dataset:
            raise UsageError(
                "No dataset is named",
                unharmed="Nothing was started",
                action="Add --data-dir DATASET, or set data.dataset in the configuration",
            )
        beside = source.absolute().parent / data.dataset if source else None
        by_config = beside is not None and (beside / "dataset.toml").is_file()
        given = beside if by_config and not Path(data.dataset).exists() else data.dataset
        data = data.model_copy(update={"dataset": str(resolve_dataset(str(given), home))})
    network = model.localization_net
    if network.weights:
        weights = {"weights": _absolute(network.weights, source)}
        network = network.model_copy(update=weights)
        model = model.model_copy(update={"localization_net": network})
    places = {
        key: _absolute(value, source)
        for key in ("directory", "init_from")
        if (value := getattr(checkpoint, key))
    }
    return config.model_copy(
        update={"data": data, "model": model, "checkpoint": checkpoint.model_copy(update=places)}
    )


def config_hash(config: Config) -> str:
    """SHA-256 of a configuration's values, whatever the layout of its file."""
    content = orjson.dumps(config_values(config), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(content).hexdigest()


def installed_versions() -> dict[str, str]:
    """Versions of the packages that matter, without importing them."""
    found = {"python": ".".join(str(part) for part in sys.version_info[:3])}
    for package in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


class Worker:
    """A worker process that was started here; it outlives this process."""

    def __init__(self, directory: RunDir, module: str) -> None:
        """Start it: its own session, no input, its output appended to a file.

        Raises:
            HeimdallError: The process could not be started.
        """
        self.directory = directory
        try:
            self._process = start_detached(module, directory.path, directory.output_path)
        except OSError as error:
            raise HeimdallError(
                "The worker could not be started",
                why=error.strerror or str(error),
                unharmed=f"{directory.path} is made and can be used later",
                action="Free some memory or disk space and try again",
            ) from error

    @property
    def is_alive(self) -> bool:
        """Whether the process runs or some other process works on the directory."""
        return self._process.poll() is None or is_locked(self.directory.lock_path)

    def request_stop(self) -> None:
        """Ask to stop: the first time with a checkpoint, the second time now."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """End the whole process group and write the end that it can no longer write."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self.wait(5.0)
        reason = "killed on request, it did not stop by itself"
        write_end(self.directory, RunStatus.KILLED, reason, ExitCode.INTERRUPTED)

    def wait(self, timeout_s: float) -> None:
        """Let the process leave; not longer than the time given."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)


def start_worker(directory: RunDir, module: str = "training_core.worker") -> Worker:
    """Start a worker on the directory of a run or job: `python -m MODULE DIRECTORY`."""
    return Worker(directory, module)


def _absolute(path: str, source: Path | None) -> str:
    given = Path(path).expanduser()
    beside = source.absolute().parent / given if source else given
    return str((beside if beside.exists() and not given.exists() else given).absolute())


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _git_state(folder: Path) -> tuple[str, bool]:
    """Commit and whether tracked files differ from it; empty outside a repository."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=3.0, check=True)
        return done.stdout.strip()

    try:
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "-uno"))
    except (OSError, subprocess.SubprocessError):
        return "", False
