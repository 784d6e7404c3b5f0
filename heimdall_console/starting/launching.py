"""Letting runs begin, wait and go on from here, as `run --detach`, `--queue` and `--resume` do."""

from dataclasses import dataclass
from pathlib import Path

from heimdall_console.checkpoint_reference import resolve_checkpoint
from heimdall_console.launcher import start_run
from heimdall_console.settings import load_settings
from heimdall_console.starting.request import Request
from heimdall_console.starting.resuming import prepare_resume
from heimdall_console.starting.run_making import absolute_paths, make_run
from training_core.contract.config import Config
from training_core.contract.config_file import parse_source, validate
from training_core.contract.config_template import render_onto
from training_core.contract.errors import ConfigError, ConfigProblem, HeimdallError
from training_core.contract.run_dir import RunDir, find_run


@dataclass(frozen=True)
class Plan:
    """A run that is to be made."""

    text: str
    """Its configuration; the comments are kept."""
    parent: str = ""
    """Id of the run that it repeats; empty for none."""
    file: Path | None = None
    """File that the text came from; relative paths are looked for beside it, too."""
    name: str = ""
    """For people; the configured prefix and the time when empty."""

    def layout(self, home: Path) -> tuple[RunDir | None, Path | None]:
        """The run that is repeated, and the file that relative paths may be relative to."""
        parent = find_run(home, self.parent) if self.parent else None
        return parent, parent.config_path if parent else self.file


def launch(home: Path, plan: Plan) -> RunDir:
    """Make the run and start its worker, which goes on without us.

    Raises:
        ConfigError: What is wrong, with its keys.
        HeimdallError: The home is not writable, or the process could not be started.
    """
    run = _made(home, plan)
    start_run(run)
    return run


def enqueue(home: Path, plan: Plan, *, after: str = "") -> RunDir:
    """Make the run and let it wait for its turn.

    Args:
        home: Where runs live.
        plan: What to train.
        after: Id of the run whose end it waits for; empty for none.

    Raises:
        ConfigError: What is wrong, with its keys.
        HeimdallError: The home is not writable, or the run that it waits for does not exist.
    """
    from heimdall_console import queue

    waits_for = find_run(home, after).id if after else ""
    run = _made(home, plan)
    queue.enqueue(home, run, after=waits_for)
    return run


def resume(home: Path, reference: str, epochs: int | None = None) -> RunDir:
    """Let a run that has ended go on, as `run --resume` does.

    Args:
        home: Where runs live.
        reference: A checkpoint, or a run's id.
        epochs: In all; as many as were planned when None.

    Raises:
        CheckpointError: There is no such checkpoint.
        UsageError: The run is alive, or has completed so many epochs.
        HeimdallError: The run's directory is not writable, or no process could be started.
    """
    request = Request(None, [], {"epochs": epochs}, None, "", False)
    run = prepare_resume(request, reference, home)
    start_run(run)
    return run


def resolved_text(home: Path, plan: Plan) -> str:
    """The configuration as `run` would resolve it, for jobs that try it.

    Raises:
        ConfigError: What is wrong, with its keys.
    """
    _, source = plan.layout(home)
    return render_onto(absolute_paths(_checked(home, plan, source), source, home), plan.text)


def _made(home: Path, plan: Plan) -> RunDir:
    load_settings()
    parent, source = plan.layout(home)
    config = _checked(home, plan, source)
    return make_run(config, source, home, name=plan.name, parent=parent, layout=plan.text)


def _checked(home: Path, plan: Plan, source: Path | None) -> Config:
    """The configuration; what would fail later than here is blamed on its key now."""
    config = validate(parse_source(plan.text, str(plan.file or "")))
    try:
        absolute_paths(config, source, home)
    except HeimdallError as error:
        raise _blamed("data.dataset", error) from error
    if config.checkpoint.init_from:
        try:
            resolve_checkpoint(absolute_paths(config, source, home).checkpoint.init_from, home)
        except HeimdallError as error:
            raise _blamed("checkpoint.init_from", error) from error
    return config


def advice(error: HeimdallError) -> str:
    """What failed and what to do, as it stands at a field."""
    parts = [text[:1].lower() + text[1:] for text in (error.what, error.action) if text]
    return "; ".join(parts)


def _blamed(key: str, error: HeimdallError) -> ConfigError:
    blamed = ConfigError([ConfigProblem(key, advice(error))])
    blamed.what, blamed.why = error.what, error.why
    blamed.action = error.action or blamed.action
    return blamed
