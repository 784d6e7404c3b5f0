"""Making the directory of a new run from its configuration."""

import hashlib
import socket
import sys
import time
from pathlib import Path
from typing import Any

import orjson

from heimdall_console.starting.provenance import GitState, installed_versions, user_name
from training_core.contract.config import Config
from training_core.contract.config_file import load_config
from training_core.contract.config_template import (
    config_values,
    flat_values,
    render_onto,
    render_resolved,
)
from training_core.contract.datasets import read_summary, resolve_dataset
from training_core.contract.errors import UsageError
from training_core.contract.home import working_folder
from training_core.contract.run_dir import RunDir, RunInfo, create_run, new_id


def make_run(
    config: Config,
    source: Path | None,
    home: Path,
    *,
    name: str = "",
    parent: RunDir | None = None,
    layout: str | None = None,
    sweep: str = "",
    run_id: str = "",
) -> RunDir:
    """Make the directory of a new run; `launcher.start_run` then trains it.

    Args:
        config: What to train; relative paths in it are resolved here.
        source: File the configuration came from, whose comments are kept.
        home: Where runs live.
        name: For people; the configured prefix and the time when empty.
        parent: Run that this one repeats with changes, which are recorded.
        layout: Text whose comments are kept instead of the file's.
        sweep: Name of the sweep that it is a trial of.
        run_id: An id that was chosen before, by `new_id`; a new one when empty.

    Raises:
        UsageError: No dataset is named.
        DatasetError: The dataset does not exist.
        HeimdallError: The home is not writable.
    """
    git = GitState(source.absolute().parent if source and not parent else working_folder())
    config = absolute_paths(config, source, home)
    now = time.time()
    dataset = Path(config.data.dataset) if config.data.dataset else None
    summary = read_summary(dataset) if dataset else None
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    content = render_resolved(config, source) if layout is None else render_onto(config, layout)
    versions = installed_versions()
    commit, dirty = git.read()
    info = RunInfo(
        id=run_id or new_id(now),
        name=name or f"{config.run.name_prefix}-{stamp}",
        experiment=config.run.experiment,
        created=now,
        host=socket.gethostname(),
        user=user_name(),
        command=sys.argv,
        git_commit=commit,
        git_dirty=dirty,
        versions=versions,
        config_hash=config_hash(config),
        dataset_fingerprint=summary.fingerprint if summary else "",
        parent=parent.id if parent else "",
        changes=changes(load_config(parent.config_path), config) if parent else {},
        sweep=sweep,
    )
    return create_run(home, info, content)


def changes(there: Config, here: Config) -> dict[str, list[Any]]:
    """Dotted key → its value in one configuration and in another, where the two differ."""
    before, after = flat_values(there), flat_values(here)
    return {key: [before[key], after[key]] for key in before if before[key] != after[key]}


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
                action="Name one in data.dataset; on the command line, --data-dir DATASET does so",
            )
        found = find_dataset(data.dataset, source, home)
        data = data.model_copy(update={"dataset": str(found)})
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


def find_dataset(name: str, source: Path | None, home: Path) -> Path:
    """The directory of a dataset.

    Args:
        name: A path, or a name under the home.
        source: File that a relative path may be relative to.
        home: Where datasets lie by name.

    Raises:
        DatasetError: There is none; the message names the nearest that exist.
    """
    beside = source.absolute().parent / name if source else None
    by_config = beside is not None and (beside / "dataset.toml").is_file()
    given = beside if by_config and not Path(name).exists() else name
    return resolve_dataset(str(given), home)


def config_hash(config: Config) -> str:
    """SHA-256 of a configuration's values, whatever the layout of its file."""
    content = orjson.dumps(config_values(config), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(content).hexdigest()


def _absolute(path: str, source: Path | None) -> str:
    given = Path(path).expanduser()
    beside = source.absolute().parent / given if source else given
    return str((beside if beside.exists() and not given.exists() else given).absolute())
