"""Following a run that somebody else started, without ever touching it."""

import sys

from heimdall_console.following.lines import JsonDisplay, LineDisplay
from heimdall_console.following.loop import (
    Display,
    Interruption,
    end_code,
    follow_until_detached,
    handling,
)
from heimdall_console.following.reading import crash_error
from heimdall_console.following.viewing import choose_display, show_end
from heimdall_console.run_progress import RunProgress
from training_core.contract.config import Config
from training_core.contract.config_file import load_config
from training_core.contract.errors import ExitCode, HeimdallError
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import PIECE_BYTES, RunLogReader
from training_core.contract.run_status import RunStatus, derive_status, status_with_lock

_HINT = "Ctrl+C detaches, the run goes on"


def attach(run: RunDir, *, as_json: bool) -> int:
    """Show a run from its start to its end, or until Ctrl+C; returns the exit code.

    Lines and JSON begin with the first record; a display that redraws itself shows the present.
    The code is the run's own where its end was shown, and 0 where it goes on.

    Raises:
        HeimdallError: The run's worker is gone and wrote no end.
    """
    config = _configuration(run)
    progress = RunProgress.of(config)
    interruption, seen = Interruption(), False
    reader = RunLogReader(run.log_path)
    display = choose_display(run, config, as_json=as_json, hint=_HINT)
    try:
        with handling(interruption):
            status = status_with_lock(
                run, lambda: _catch_up(reader, display, progress, interruption)
            )
            seen = not status.has_ended
            if status is RunStatus.QUEUED:
                progress.status = status.value
            if interruption.act() or (
                seen
                and not follow_until_detached(
                    run, display, progress, interruption, offset=reader.offset
                )
            ):
                _say_detached(run, as_json)
                return int(ExitCode.DONE)
    except HeimdallError:
        # The one thing that following raises.
        status = RunStatus.CRASHED
    else:
        status = derive_status(progress.status or None, locked=False)
    finally:
        display.close()
    return _end(run, config, progress, status, as_json=as_json, seen=seen)


def _catch_up(
    reader: RunLogReader, display: Display, progress: RunProgress, interruption: Interruption
) -> str | None:
    """Take in what is there now; the last status in it is returned."""
    shows_past = isinstance(display, LineDisplay | JsonDisplay)
    while not interruption.count and (records := reader.read_new(PIECE_BYTES)):
        progress.take(records)
        if shows_past:
            display.show(records, progress)
    return progress.status or None


def _end(
    run: RunDir,
    config: Config,
    progress: RunProgress,
    status: RunStatus,
    *,
    as_json: bool,
    seen: bool,
) -> int:
    progress.status = status.value
    crashed = status is RunStatus.CRASHED
    code = int(ExitCode.FAILED) if crashed else end_code(progress)
    show_end(run, config, progress, code, as_json=as_json, wait=seen)
    if crashed:
        raise crash_error(run)
    return code


def _say_detached(run: RunDir, as_json: bool) -> None:
    stream = sys.stderr if as_json else sys.stdout
    stream.write(
        f"Detached from {run.id}; it goes on.\n"
        f"  come back   heimdall-console attach {run.id}\n"
        f"  stop it     heimdall-console runs stop {run.id}\n"
    )


def _configuration(run: RunDir) -> Config:
    """The run's configuration; the defaults where a newer program wrote it."""
    run.read_info()
    try:
        return load_config(run.config_path)
    except HeimdallError:
        return Config()
