"""Publishing what runs owe while a person waits for it."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heimdall_console.owed_publishing import OwingRun, tracking_settings
from heimdall_console.publishing_state import (
    PublishingState,
    read_publishing,
    start_publisher,
    wait_for_publishing,
)
from training_core.contract.errors import HeimdallError
from training_core.contract.lock import is_locked
from training_core.contract.run_dir import RunDir, find_run
from training_core.contract.run_status import run_status

# Of several runs, one whose server is down must not keep the others waiting.
_SERVER_PATIENCE_S = 20.0

Waiting = Callable[[PublishingState], None]


@dataclass(frozen=True)
class Synced:
    """What became of one run."""

    run: RunDir
    publishing: PublishingState
    is_training: bool = False
    """Whether it is being trained, and published meanwhile."""
    skipped: str = ""
    """Why nothing was tried."""

    @property
    def is_fine(self) -> bool:
        """Whether nothing is left for a person to do."""
        return self.publishing.is_done or (self.is_training and self.publishing.is_alive)

    def text(self) -> str:
        """What became of it, for a person."""
        if self.skipped:
            return self.skipped
        text = self.publishing.text()
        return f"being trained; {text}" if self.is_training else text

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "run_id": self.run.id,
            "is_training": self.is_training,
            "skipped": self.skipped or None,
            **self.publishing.as_dict(),
        }


def publish(
    run: RunDir, deadline_s: float, waiting: Waiting, server_patience_s: float = float("inf")
) -> Synced:
    """Publish a run to its end; of one that is being trained, see that it is being published.

    The publisher outlives this process: ending it at any moment loses and doubles nothing.

    Args:
        run: The run.
        deadline_s: How long to wait at most.
        waiting: Told the state while waiting.
        server_patience_s: How long to wait for a server that does not answer.

    Raises:
        HeimdallError: The directory is no run, or the publisher could not be started or said at
            once why it cannot work.
    """
    run.read_info()
    began = time.time()
    process = None if is_locked(run.publisher_lock_path) else start_publisher(run)
    is_training = is_locked(run.lock_path)

    def is_over(state: PublishingState) -> bool:
        # What an earlier publisher wrote says nothing of this one.
        is_fresh = state.updated >= began
        if is_training:
            return is_fresh or state.is_alive
        if is_fresh and state.state in ("done", "gave_up"):
            return True
        if state.state == "retrying" and time.time() - began > server_patience_s:
            return True
        is_gone = process is None or process.poll() is not None
        return is_gone and not state.is_alive and not is_locked(run.publisher_lock_path)

    state = wait_for_publishing(run, deadline_s, waiting, is_over)
    if process is not None and process.poll() not in (None, 0) and state.updated < began:
        lines = run.publisher_output_path.read_text(errors="replace").splitlines()[-3:]
        raise HeimdallError(
            f"The publisher of {run.id} ended at once",
            why="\n".join(lines),
            unharmed="The run and what was published are as they were",
            action=f"Read {run.publisher_output_path}",
        )
    return Synced(run, state, is_training)


def publish_all(
    owing: Sequence[OwingRun], deadline_s: float, waiting: Callable[[int], Waiting]
) -> Iterator[Synced]:
    """Publish runs one after another; a server that did not answer is not asked for the others.

    Args:
        owing: The runs.
        deadline_s: How long to wait for each at most.
        waiting: Gives what is told the state of the run at a place while it is waited for.
    """
    silent: dict[str, str] = {}
    for place, entry in enumerate(owing):
        server = str(tracking_settings(entry.run).get("uri", ""))
        if server in silent:
            why = f"not tried: {server or 'the database of the home'} failed for {silent[server]}"
            yield Synced(entry.run, entry.publishing, entry.is_training, why)
            continue
        try:
            done = publish(entry.run, deadline_s, waiting(place), _SERVER_PATIENCE_S)
        except HeimdallError as error:
            done = Synced(entry.run, read_publishing(entry.run), skipped=f"not published: {error}")
        if done.publishing.state in ("retrying", "gave_up") and not done.publishing.final_status:
            silent[server] = entry.run.id
        yield done


def named_runs(home: Path, references: Sequence[str]) -> list[OwingRun]:
    """The runs that a person named, whatever they owe, each once.

    Raises:
        UsageError: A reference names none or several.
    """
    runs = {run.path: run for run in (find_run(home, reference) for reference in references)}
    return [OwingRun(run, run_status(run), read_publishing(run)) for run in runs.values()]
