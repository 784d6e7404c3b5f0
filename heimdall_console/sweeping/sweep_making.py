"""Making the directory of a sweep, or opening the one that is to go on."""

import contextlib
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heimdall_console.starting.request import Request
from heimdall_console.starting.run_making import absolute_paths, changes
from heimdall_console.sweeping.space import Dimension, with_values
from heimdall_console.sweeping.space_check import check_space, read_space
from heimdall_console.sweeping.study import TrialStudy, decoded, open_study, without_password
from training_core.contract.config import Config
from training_core.contract.config_file import (
    ConfigSource,
    load_config,
    parse_source,
    read_text,
    validate,
)
from training_core.contract.config_template import config_values, render_onto
from training_core.contract.errors import HeimdallError, UsageError
from training_core.contract.files import write_atomic
from training_core.contract.home import ensure_folder, refuse_full_disk, working_folder
from training_core.contract.lock import WorkerLock
from training_core.contract.run_dir import new_id
from training_core.contract.sweep_dir import SweepDir, SweepInfo, sweep_dir

_WARMUP_SHARE = 10


@dataclass(frozen=True)
class SweepRequest:
    """A command line of `sweep`."""

    training: Request
    """What every trial changes; not configured where a sweep goes on."""
    space_file: Path | None
    """What is tried; None where a sweep goes on."""
    name: str
    """Of the sweep; made of the run's prefix and the time when empty."""
    storage: str
    """Database of the study; the sweep's own when empty."""
    startup: int
    """Trials before values are chosen and trials are pruned."""
    workers: int
    """Runs at once."""


@dataclass(frozen=True)
class Sweep:
    """A sweep whose trials can be given out; nobody else gives them out meanwhile."""

    home: Path
    directory: SweepDir
    info: SweepInfo
    config: Config
    """What every trial changes, resolved."""
    text: str
    """The same as TOML, with its comments."""
    dimensions: tuple[Dimension, ...]
    study: TrialStudy
    is_new: bool
    _lock: WorkerLock

    def close(self) -> None:
        """Let somebody else go on with it."""
        self.study.close()
        self._lock.release()

    def trial_config(self, params: dict[str, Any]) -> Config:
        """The configuration of a trial: it exports nothing, and so registers nothing.

        Raises:
            ConfigError: These values are impossible together.
        """
        values = with_values(config_values(self.config), params)
        return validate(ConfigSource(with_values(values, {"export.enabled": False})))

    def write_best(self) -> None:
        """Write the configuration of the best trial, where there is one.

        Raises:
            HeimdallError: The disk is full or not writable.
        """
        best = self.study.best()
        if best is None:
            return
        params = decoded(best.params, self.dimensions)
        config = validate(ConfigSource(with_values(config_values(self.config), params)))
        head = f"# Trial {best.number} of the sweep {self.info.name}, the best so far: "
        head += f"{self.config.checkpoint.monitor} = {best.value:g}, run {best.run_id}\n"
        with writing(self.directory.best_path, self.info.name):
            text = head + render_onto(config, self.text)
            write_atomic(self.directory.best_path, text.encode(), mode=0o644)


@contextlib.contextmanager
def writing(path: Path, name: str) -> Iterator[None]:
    """Write a file of a sweep.

    Args:
        path: The file, for the message.
        name: Of the sweep.

    Raises:
        HeimdallError: The disk is full or not writable.
    """
    try:
        yield
    except OSError as error:
        raise HeimdallError(
            f"{path} could not be written",
            why=error.strerror or str(error),
            unharmed="The runs go on, and the study knows what came of the others",
            action=f"Free some space, then: heimdall-console sweep --name {name}",
        ) from error


def open_sweep(home: Path, request: SweepRequest) -> Sweep:
    """Make a sweep, or go on with the one of that name.

    Raises:
        ConfigError: Everything that is wrong with the configuration or the space.
        UsageError: What is needed was not named, the sweep was begun with something else, or
            somebody gives out its trials already.
        HeimdallError: The home is not writable, or the study's database refuses.
    """
    if request.name:
        directory = sweep_dir(home, request.name)
        if directory.info_path.exists():
            return _reopened(home, directory, request)
    if not request.training.config_file or request.space_file is None:
        missing = [
            flag
            for flag, given in (
                ("--config", request.training.config_file),
                ("--space", request.space_file),
            )
            if not given
        ]
        raise UsageError(
            f"{' and '.join(missing)} is needed"
            if len(missing) == 1
            else "Nothing says what to try",
            why=f"There is no sweep {request.name} to go on with" if request.name else "",
            unharmed="Nothing was started",
            action="Name both: heimdall-console sweep --config run.toml --space space.toml",
        )
    return _made(home, request, request.training.config_file, request.space_file)


def _made(home: Path, request: SweepRequest, config_file: Path, space_file: Path) -> Sweep:
    config = absolute_paths(request.training.resolve(), config_file, home)
    space_text, dimensions = read_space(space_file, config)
    now = time.time()
    name = request.name or _name_of(config, now)
    directory = sweep_dir(home, name)
    refuse_full_disk(ensure_folder(directory.path))
    lock = _locked(directory)
    text = render_onto(config, read_text(config_file))
    info = SweepInfo(
        id=new_id(now),
        name=name,
        experiment=config.run.experiment,
        created=now,
        storage=without_password(request.storage),
        config_file=str(config_file.absolute()),
        working_folder=str(working_folder()),
    )
    study = _study(directory, info, config, request)
    study.join(info.id, dimensions)
    info = info.model_copy(update={"id": study.sweep_id})
    try:
        write_atomic(directory.config_path, text.encode())
        write_atomic(directory.space_path, space_text.encode())
        # Last of all: without it the directory is no sweep yet.
        write_atomic(directory.info_path, info.model_dump_json(indent=2).encode())
    except OSError as error:
        raise HeimdallError(
            f"The sweep {name} could not be made",
            why=error.strerror or str(error),
            unharmed="Nothing was started",
            action=f"Make {directory.path} writable or free some space",
        ) from error
    return Sweep(home, directory, info, config, text, dimensions, study, True, lock)


def _reopened(home: Path, directory: SweepDir, request: SweepRequest) -> Sweep:
    info = directory.read_info()
    config = load_config(directory.config_path)
    text = read_text(directory.config_path)
    space = parse_source(read_text(directory.space_path), str(directory.space_path))
    dimensions = check_space(space, config)
    if request.training.is_configured:
        _refuse_other_config(info, config, request, home)
    if request.space_file is not None:
        asked = read_space(request.space_file, config)[1]
        if {d.key: d.text() for d in asked} != {d.key: d.text() for d in dimensions}:
            raise _begun_otherwise(info, "Its space differs from the one named now")
    _refuse_other_storage(info, request)
    lock = _locked(directory)
    study = _study(directory, info, config, request)
    study.join(info.id, dimensions)
    return Sweep(home, directory, info, config, text, dimensions, study, False, lock)


def _study(
    directory: SweepDir, info: SweepInfo, config: Config, request: SweepRequest
) -> TrialStudy:
    """The study, and what is ours in it."""
    own = f"sqlite:///{directory.study_path}"
    study = open_study(
        request.storage or own,
        info.name,
        config.checkpoint.mode,
        f"{socket.gethostname()}:{directory.path}",
        startup=request.startup,
        warmup_epochs=config.trainer.epochs // _WARMUP_SHARE,
        workers=request.workers,
        seed=None if request.storage else config.run.seed,
    )
    if not request.storage:
        study.claim()
    return study


def _locked(directory: SweepDir) -> WorkerLock:
    try:
        return WorkerLock(directory.lock_path)
    except UsageError as error:
        raise UsageError(
            f"The sweep {directory.name} is at work already",
            why="Another process gives out its trials",
            unharmed="That one goes on",
            action="Wait for its end, or stop it with Ctrl+C where it was started",
        ) from error


def _refuse_other_config(
    info: SweepInfo, config: Config, request: SweepRequest, home: Path
) -> None:
    if request.training.config_file is None:
        raise _begun_otherwise(info, "Flags cannot change its configuration")
    asked = absolute_paths(request.training.resolve(), request.training.config_file, home)
    if differing := changes(config, asked):
        raise _begun_otherwise(info, f"These keys differ: {', '.join(differing)}")


def _refuse_other_storage(info: SweepInfo, request: SweepRequest) -> None:
    if without_password(request.storage) != info.storage:
        where = info.storage or "the sweep's own directory"
        flag = f"Give --storage as at its begin: {info.storage}" if info.storage else ""
        raise _begun_otherwise(info, f"Its study lives in {where}", flag or "Leave --storage out")


def _begun_otherwise(info: SweepInfo, why: str, action: str = "") -> UsageError:
    return UsageError(
        f"The sweep {info.name} was begun with something else",
        why=why,
        unharmed="Nothing was started, and the sweep is as it was",
        action=action
        or f"Go on with `heimdall-console sweep --name {info.name}`, or choose another --name",
    )


def _name_of(config: Config, now: float) -> str:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    prefix = re.sub(r"[^A-Za-z0-9._-]+", "-", config.run.name_prefix).strip("-._")[:60]
    return f"{prefix or 'sweep'}-{stamp}"
