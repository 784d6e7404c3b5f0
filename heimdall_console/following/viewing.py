"""What `run` and `attach` show of a run: the display that fits the place, and the end."""

import sys
import time
from pathlib import Path

from heimdall_console.error_text import error_lines
from heimdall_console.following.lines import JsonDisplay, LineDisplay
from heimdall_console.following.loop import Display
from heimdall_console.following.notification import notify_terminal
from heimdall_console.following.summary import summary_lines, summary_record
from heimdall_console.output import print_json
from heimdall_console.publishing_state import PublishingState, show_waiting
from heimdall_console.run_progress import RunProgress
from heimdall_console.settings import load_settings
from heimdall_console.terminal import Terminal
from training_core.contract.config import Config
from training_core.contract.errors import HeimdallError
from training_core.contract.home import datasets_folder, home_path
from training_core.contract.run_dir import RunDir

_PUBLISH_WAIT_S = 30.0
_SERVER_WAIT_S = 5.0


def choose_display(run: RunDir, config: Config, *, as_json: bool, hint: str = "") -> Display:
    """JSON lines, plain lines, or a display that redraws itself where there is a terminal.

    Args:
        run: What is shown.
        config: Its configuration.
        as_json: Whether a machine reads.
        hint: What Ctrl+C does, where it does not stop the run.
    """
    terminal = Terminal.of(sys.stdout)
    if as_json:
        return JsonDisplay(sys.stdout, sys.stderr)
    if not (terminal.interactive and terminal.unicode):
        return LineDisplay(sys.stdout)
    from heimdall_console.following.live import LiveDisplay

    dataset = Path(config.data.dataset).name or config.data.class_path
    return LiveDisplay(run.read_info().name, dataset, run=run, hint=hint)


def show_end(
    run: RunDir, config: Config, progress: RunProgress, code: int, *, as_json: bool, wait: bool
) -> None:
    """Print what a run reached, and why it failed where it did; ring where somebody waits.

    Args:
        run: The run, which has ended.
        config: Its configuration.
        progress: What its log says.
        code: Exit code of the command.
        as_json: Whether a machine reads.
        wait: Whether to wait for the publisher a while.
    """
    info = run.read_info()
    if wait and _rings():
        notify_terminal(sys.stdout, f"{info.name} {progress.status}")
    publishing = _published(run, config, progress, wait=wait)
    if as_json:
        print_json(summary_record(run, info, progress, publishing, code), indent=False)
    else:
        lines = summary_lines(
            run, info, progress, publishing, Terminal.of(sys.stdout), _dataset_name(config)
        )
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
    if progress.status == "failed":
        for line in error_lines(progress.failure(), Terminal.of(sys.stderr)):
            sys.stderr.write(line + "\n")


def _rings() -> bool:
    try:
        return load_settings().notifications.bell
    except HeimdallError:
        # Broken settings are no reason to hide how a run ended.
        return True


def _dataset_name(config: Config) -> str:
    """How a command line names the dataset: by name where it lies in the home."""
    if not config.data.dataset:
        return ""
    path = Path(config.data.dataset)
    return path.name if path.parent == datasets_folder(home_path()).resolve() else str(path)


def _published(
    run: RunDir, config: Config, progress: RunProgress, *, wait: bool
) -> PublishingState:
    if not config.tracking.enabled or not run.has_publisher:
        return PublishingState()
    wait_s = _PUBLISH_WAIT_S if wait and progress.status in ("finished", "stopped") else 0.0
    began = time.time()

    def is_over(state: PublishingState) -> bool:
        if state.state in ("done", "gave_up"):
            # A resumed run has the end of its earlier publishing there for a moment.
            return state.updated >= (progress.started or 0.0)
        # A server that is down for a while is nothing to wait for.
        return state.state == "retrying" and time.time() - began > _SERVER_WAIT_S

    return show_waiting(run, wait_s, sys.stderr, Terminal.of(sys.stderr), is_over)
