"""What `run` does: a new run, a resumed one, or only the export of a checkpoint."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from heimdall_console.checkpoint_reference import (
    configuration_of,
    resolve_checkpoint,
    run_of_checkpoint,
)
from heimdall_console.following.loop import follow_to_end
from heimdall_console.following.viewing import choose_display, show_end
from heimdall_console.formatting import plain
from heimdall_console.launcher import absolute_paths, launch_run, start_worker
from heimdall_console.output import print_json
from heimdall_console.run_flags import blame_flags, differing_keys, overrides
from heimdall_console.run_progress import RunProgress
from heimdall_console.terminal import Terminal
from training_core.contract.config import Config
from training_core.contract.config_file import (
    ConfigSource,
    apply_overrides,
    load_config,
    read_source,
    validate,
)
from training_core.contract.errors import ConfigError, HeimdallError, UsageError
from training_core.contract.files import write_atomic
from training_core.contract.home import home_path
from training_core.contract.lock import is_locked
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogReader


@dataclass(frozen=True)
class Request:
    """A command line of `run`."""

    config_file: Path | None
    set_values: Sequence[str]
    flags: Mapping[str, object]
    """Flag → value; None where it was not given."""
    checkpoint: str | None
    name: str
    as_json: bool

    @property
    def is_configured(self) -> bool:
        """Whether anything about the training itself was said."""
        given = any(value is not None for value in self.flags.values())
        return self.config_file is not None or bool(self.set_values) or given

    def resolve(self) -> Config:
        """The configuration that file, `--set` and flags make together.

        Raises:
            ConfigError: Everything that is wrong, at once.
        """
        source = read_source(self.config_file) if self.config_file else ConfigSource({})
        try:
            return validate(apply_overrides(source, [*self.set_values, *overrides(self.flags)]))
        except ConfigError as error:
            raise blame_flags(error, self.flags) from error


def train(request: Request) -> int:
    """Start a new run and follow it; returns the exit code."""
    if request.checkpoint is not None:
        raise UsageError(
            "--checkpoint alone does nothing",
            why="A new run does not know whether to go on with it, export it or start from it",
            unharmed="Nothing was started",
            action="Add --resume-training or --export-only, or use --init-from instead",
        )
    home = home_path()
    if request.flags.get("init_from"):
        weights = resolve_checkpoint(str(request.flags["init_from"]), home)
        flags = {**request.flags, "init_from": str(weights)}
        request = Request(
            request.config_file, request.set_values, flags, None, request.name, request.as_json
        )
    if request.name and (plain(request.name) != request.name or not request.name.strip()):
        raise UsageError("--name holds characters that cannot be shown", action="Choose another")
    config = request.resolve()
    run = launch_run(config, request.config_file, home, name=request.name)
    return _start_and_follow(run, request.as_json)


def resume(request: Request) -> int:
    """Go on with the run that a checkpoint belongs to; returns the exit code."""
    home = home_path()
    checkpoint = resolve_checkpoint(request.checkpoint or "@last", home, last=True)
    run = run_of_checkpoint(checkpoint, home)
    if request.is_configured:
        _refuse_other_configuration(request, run, home)
    if is_locked(run.lock_path):
        raise UsageError(
            f"The run {run.id} was not resumed",
            why="Its worker is alive",
            unharmed="That worker goes on",
            action="Wait for its end, or stop it first",
        )
    content = orjson.dumps({"checkpoint": str(checkpoint)})
    try:
        write_atomic(run.resume_path, content)
    except OSError as error:
        raise HeimdallError(
            f"{run.path} could not be written",
            why=error.strerror or str(error),
            unharmed="The run is as it was",
            action="Make the home writable or free some space",
        ) from error
    return _start_and_follow(run, request.as_json)


def export_checkpoint(request: Request) -> int:
    """Export a checkpoint and register the result; returns the exit code."""
    from heimdall_console import exporting

    home = home_path()
    checkpoint = resolve_checkpoint(request.checkpoint or "@last", home)
    config = request.resolve() if request.is_configured else configuration_of(checkpoint, home)
    result = exporting.export(home, checkpoint, opset=config.export.opset)
    if config.export.register_model:
        name, alias = config.export.model_name, config.export.alias
        folder = Path(result["export"])
        result["registered"] = exporting.register(home, folder, name, alias, config)
    if request.as_json:
        print_json(result)
    else:
        lines = exporting.export_lines(result, Terminal.of(sys.stdout))
        sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _start_and_follow(run: RunDir, as_json: bool) -> int:
    config = load_config(run.config_path)
    progress = RunProgress(monitor=config.checkpoint.monitor, mode=config.checkpoint.mode)
    # A resumed run has a past: it is known, but not shown again.
    earlier = RunLogReader(run.log_path)
    while records := earlier.read_new():
        progress.take(records)
    progress.status, progress.started, progress.exit_code = "starting", None, None
    worker = start_worker(run)
    display = choose_display(run, config, as_json=as_json)
    code = follow_to_end(worker, display, progress, offset=earlier.offset)
    show_end(run, config, progress, code, as_json=as_json, wait=True)
    return code


def _refuse_other_configuration(request: Request, run: RunDir, home: Path) -> None:
    if request.config_file is None and not request.set_values:
        # Flags alone are read as changes of the run's own configuration.
        request = Request(run.config_path, [], request.flags, None, "", False)
    own = load_config(run.config_path)
    asked = absolute_paths(request.resolve(), request.config_file, home)
    differing = differing_keys(own, asked)
    if differing:
        raise UsageError(
            f"{run.id} cannot go on with another configuration",
            why=f"These keys differ: {', '.join(differing)}",
            unharmed="The run is as it was",
            action="Leave them out to resume it, or start a new run with --init-from",
        )
