"""Leads through the console on a temporary home with a recorded training that is replayed."""

import os
import time
from pathlib import Path
from typing import Final

from heimdall_console.launcher import start_worker
from heimdall_console.opening import open_console
from heimdall_console.owed_publishing import start_owed_publishers
from heimdall_console.tour.guide import Guide
from heimdall_console.tour.home_making import dataset_arguments, make_home
from heimdall_console.tour.recording import read_recording
from heimdall_console.tour.temporary_home import temporary_home
from training_core.contract.jobs import create_job
from training_core.contract.lock import is_locked
from training_core.contract.processes import start_detached
from training_core.contract.run_dir import RunDir

REPLAY: Final = "heimdall_console.tour.replay"
"""The module that replays: `python -m heimdall_console.tour.replay RUN_DIR SPEED STARTER`."""
_BIRTH_S: Final = 10.0
_PUBLISHERS: Final = 3
"""Of all runs that have ended: the finished one registers the model that the tour shows."""


def take_tour(
    speed: float, *, readonly: bool = False, ascii_only: bool = False, theme: str = ""
) -> int:
    """Show the console on the recorded trainings; the return value is the exit code.

    Args:
        speed: Of the replay; 1 is that of the training itself.
        readonly: Whether nothing may be started, changed or removed.
        ascii_only: Whether only ASCII is drawn.
        theme: Name of a theme; the remembered one when empty.

    Raises:
        UsageError: This is no terminal.
    """
    with temporary_home() as home:
        # Whatever is started from the console works in this home, too.
        os.environ["HEIMDALL_HOME"] = str(home)
        live = prepare(home, speed)
        return open_console(
            home=home,
            run_ids=(live.id,),
            readonly=readonly,
            ascii_only=ascii_only,
            theme=theme,
            guide=Guide(),
        )


def prepare(home: Path, speed: float) -> RunDir:
    """Fill a home, start the replay and what is made anew: the dataset, the registered model.

    Args:
        home: A folder that exists.
        speed: Of the replay; 1 is that of the training itself.

    Returns:
        The run that is replayed.
    """
    writer, live = make_home(home, read_recording(), time.time())
    start_replay(live, speed)
    start_worker(create_job(home, "synth", dataset_arguments(writer)))
    start_owed_publishers(home, most=_PUBLISHERS)
    return live


def start_replay(run: RunDir, speed: float) -> None:
    """Start the replay of a run, and wait until it lives: until then the run looks crashed."""
    replay = start_detached(
        REPLAY, run.path, run.output_path, arguments=[str(speed), str(os.getpid())]
    )
    deadline = time.monotonic() + _BIRTH_S
    while not is_locked(run.lock_path) and replay.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
