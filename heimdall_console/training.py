"""What `run` does: a new run, a resumed one, or only the export of a checkpoint."""

import shlex
import sys
from pathlib import Path
from typing import Any, Literal

from heimdall_console.checkpoint_reference import configuration_of, resolve_checkpoint
from heimdall_console.formatting import plain
from heimdall_console.launcher import WORKER, start_run
from heimdall_console.output import print_json
from heimdall_console.settings import load_settings
from heimdall_console.starting.request import Request
from heimdall_console.starting.resuming import prepare_resume
from heimdall_console.starting.run_making import make_run
from training_core.contract.config_file import load_config
from training_core.contract.errors import UsageError
from training_core.contract.home import home_path
from training_core.contract.run_dir import RunDir, RunInfo, find_run

Way = Literal["follow", "detach", "prepare", "queue"]
"""What happens with a run that is ready: watch it, leave it alone, start it by hand, or wait."""


def train(request: Request, way: Way = "follow", *, repeat: str = "", after: str = "") -> int:
    """Make a new run and let it begin; returns the exit code.

    Args:
        request: What to train.
        way: What happens with the run.
        repeat: Run whose configuration it begins from; changes are recorded and shown.
        after: Of a run that waits in the queue: the run whose end it waits for.
    """
    if request.checkpoint is not None:
        raise UsageError(
            "--checkpoint alone does nothing",
            why="A new run does not know whether to go on with it, export it or start from it",
            unharmed="Nothing was started",
            action="Use --resume CHECKPOINT, --init-from CHECKPOINT, or add --export-only",
        )
    home, after = _ready_home(after)
    parent = find_run(home, repeat) if repeat else None
    request = request.looked_up(home, parent)
    if request.name and (plain(request.name) != request.name or not request.name.strip()):
        raise UsageError("--name holds characters that cannot be shown", action="Choose another")
    config = request.resolve()
    run = make_run(config, request.config_file, home, name=request.name, parent=parent)
    if parent is not None:
        _show_changes(parent.read_info(), run.read_info())
    return _begin(run, way, home, as_json=request.as_json, after=after)


def resume(request: Request, reference: str, way: Way = "follow", *, after: str = "") -> int:
    """Go on with the run that a checkpoint belongs to; returns the exit code.

    Args:
        request: May ask for another number of epochs.
        reference: A checkpoint, a run's id, or `@last`.
        way: What happens with the run.
        after: Of a run that waits in the queue: the run whose end it waits for.
    """
    home, after = _ready_home(after)
    run = prepare_resume(request, reference, home)
    return _begin(run, way, home, as_json=request.as_json, after=after)


def export_checkpoint(request: Request) -> int:
    """Export a checkpoint and register the result; returns the exit code."""
    from heimdall_console import exporting
    from heimdall_console.terminal import Terminal

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


def _ready_home(after: str) -> tuple[Path, str]:
    """The home and the id of a run; what is wrong is found before another run is made."""
    load_settings()
    home = home_path()
    return home, find_run(home, after).id if after else ""


def _begin(run: RunDir, way: Way, home: Path, *, as_json: bool, after: str) -> int:
    if way == "follow":
        return _start_and_follow(run, as_json)
    if way == "detach":
        worker = start_run(run)
        _say(run, as_json, pid=worker.pid)
        if not as_json:
            _hint(
                f"It trains on its own. Watch it: heimdall-console attach {run.id}",
                f"Stop it with a checkpoint: heimdall-console runs stop {run.id}",
            )
    elif way == "prepare":
        command = [sys.executable, "-m", WORKER, str(run.path)]
        _say(run, as_json, command=command)
        if not as_json:
            _hint(
                f"Not started. Start it with: {shlex.join(command)}",
                f"or let it take its turn: heimdall-console queue add {run.id}",
            )
    else:
        from heimdall_console.queue import enqueue

        place = enqueue(home, run, after=after)
        _say(run, as_json, place=place)
        if not as_json:
            _hint(
                f"It waits in the queue, place {place}. See: heimdall-console queue list",
                f"Follow it: heimdall-console attach {run.id}",
            )
    return 0


def _say(run: RunDir, as_json: bool, **more: Any) -> None:
    if as_json:
        print_json({"id": run.id, "path": str(run.path), **more}, indent=False)
    else:
        # Before anything else: scripts and people wait for this line.
        sys.stdout.write(run.id + "\n")
        sys.stdout.flush()


def _hint(*lines: str) -> None:
    sys.stderr.write("".join(f"{line}\n" for line in lines))


def _show_changes(there: RunInfo, here: RunInfo) -> None:
    lines = [f"Repeats {there.id} ({plain(there.name)})"]
    lines += [
        f"  {plain(key)}: {plain(str(before))} → {plain(str(after))}"
        for key, (before, after) in here.changes.items()
    ]
    if not here.changes:
        lines.append("  with the same configuration")
    if there.dataset_fingerprint != here.dataset_fingerprint and "data.dataset" not in here.changes:
        lines.append("  The dataset has changed since then")
    _hint(*lines)


def _start_and_follow(run: RunDir, as_json: bool) -> int:
    from heimdall_console.following.loop import follow_to_end
    from heimdall_console.following.viewing import choose_display, show_end
    from heimdall_console.run_progress import RunProgress
    from training_core.contract.run_log import RunLogReader

    config = load_config(run.config_path)
    progress = RunProgress.of(config)
    # A resumed run has a past: it is known, but not shown again.
    earlier = RunLogReader(run.log_path)
    progress.take_new(earlier)
    progress.status, progress.started, progress.exit_code = "starting", None, None
    worker = start_run(run)
    display = choose_display(run, config, as_json=as_json)
    code = follow_to_end(worker, display, progress, offset=earlier.offset)
    show_end(run, config, progress, code, as_json=as_json, wait=True)
    return code
