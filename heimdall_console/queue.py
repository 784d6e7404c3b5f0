"""The queue of one machine: one small file a run in `queue/` of the home, nothing in memory.

The run directory holds the state; the file holds the order and what the run asks for. Whoever
changes files holds the lock of the folder, the scheduler too.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training_core.contract.config_file import load_config
from training_core.contract.ending import write_end
from training_core.contract.errors import ExitCode, HeimdallError, UsageError
from training_core.contract.files import fsync_folder, read_regular, write_atomic
from training_core.contract.home import ensure_folder, queue_folder, runs_folder, working_folder
from training_core.contract.lock import WorkerLock, is_locked
from training_core.contract.processes import start_detached
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogWriter
from training_core.contract.run_status import RunStatus, recorded_state
from training_core.contract.turns import alone

SCHEDULER: Final = "heimdall_console.scheduler"
"""The module that starts what waits: `python -m heimdall_console.scheduler HOME`."""


class QueueEntry(BaseModel):
    """What the queue knows of a run, from the moment that it waits until it has ended."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    run_id: str
    """The run."""
    order: Annotated[str, Field(pattern=r"^-?\d{1,80}(/[1-9]\d{0,79})?$")]
    """Its place, a fraction: there is always room between two."""
    accelerator: Literal["auto", "cpu", "gpu"]
    """Where it wants to train."""
    devices: int
    """How many devices it asks for."""
    after: str = ""
    """Run whose end it waits for."""
    working_folder: str
    """Where it was queued: its worker looks there for modules of one's own."""
    added: float
    """Seconds since 1970, UTC."""
    begun: float | None = None
    """When the scheduler gave it its turn; None while it waits."""
    gpus: tuple[int, ...] = ()
    """Indices of the GPUs that it was given."""

    @property
    def place(self) -> Fraction:
        """The order as a number."""
        return Fraction(self.order)

    @property
    def is_waiting(self) -> bool:
        """Whether its turn has not come."""
        return self.begun is None


def read_queue(home: Path) -> list[QueueEntry]:
    """Every run of the queue in its order; files that hold none are left out."""
    found = []
    for path in queue_folder(home).glob("[!.]*.json"):
        with contextlib.suppress(OSError, ValidationError, ValueError, ZeroDivisionError):
            entry = QueueEntry.model_validate_json(read_regular(path))
            if entry.run_id == path.stem and entry.place is not None:
                found.append(entry)
    return sorted(found, key=lambda entry: (entry.place, entry.run_id))


def waiting(home: Path) -> list[QueueEntry]:
    """The runs whose turn has not come, in their order."""
    return [entry for entry in read_queue(home) if entry.is_waiting]


def write_entry(home: Path, entry: QueueEntry) -> None:
    """Write the file of a run; only for who holds the lock of the queue."""
    write_atomic(_entry_path(home, entry.run_id), entry.model_dump_json(indent=2).encode())


def remove_entry(home: Path, run_id: str) -> None:
    """Take a run out of the queue; only for who holds the lock of the queue."""
    _entry_path(home, run_id).unlink(missing_ok=True)
    fsync_folder(queue_folder(home))


@contextlib.contextmanager
def queue_lock(home: Path) -> Iterator[None]:
    """Hold the queue: nobody else changes it meanwhile.

    Raises:
        HeimdallError: The home is not writable.
    """
    path = ensure_folder(queue_folder(home)) / "queue.lock"
    try:
        with alone(path):
            yield
    except OSError as error:
        raise HeimdallError(
            "The queue could not be changed",
            why=error.strerror or str(error),
            unharmed="Runs that train go on",
            action=f"Make {path.parent} writable or free some space",
        ) from error


def enqueue(home: Path, run: RunDir, *, after: str = "") -> int:
    """Let a run that is ready wait for its turn, as the last one.

    Args:
        home: Where the run lives.
        run: New, or with a `resume.json`.
        after: Id of a run that must have ended before.

    Returns:
        Its place among those that wait, counted from 1.

    Raises:
        UsageError: It has begun, waits already, or belongs to another home.
        HeimdallError: The home is not writable.
    """
    if run.path.parent != runs_folder(home):
        raise _refusal(run, f"It does not live in {runs_folder(home)}")
    trainer = load_config(run.config_path).trainer
    with queue_lock(home):
        entries = read_queue(home)
        if any(entry.run_id == run.id and entry.is_waiting for entry in entries):
            raise _refusal(run, "It waits in the queue already")
        _refuse_circle(entries, run, after)
        _write_queued(run)
        last = max((entry.place for entry in entries), default=Fraction(0))
        entry = QueueEntry(
            run_id=run.id,
            order=str(last + 1),
            accelerator=trainer.accelerator,
            devices=trainer.devices,
            after=after,
            working_folder=str(working_folder()),
            added=time.time(),
        )
        write_entry(home, entry)
        place = sum(entry.is_waiting for entry in read_queue(home))
    ensure_scheduler(home)
    return place


def move(home: Path, run_id: str, where: str | int, other: str = "") -> int:
    """Change the place of a run that waits.

    Args:
        home: Where the runs live.
        run_id: The run.
        where: `first`, `last`, `before`, or a place counted from 1; behind the end is last.
        other: Of `before`: the run that it goes in front of.

    Returns:
        Its new place, counted from 1.

    Raises:
        UsageError: One of the two does not wait.
    """
    with queue_lock(home):
        entries = waiting(home)
        entry = _waiting_entry(entries, run_id)
        rest = [e for e in entries if e.run_id != run_id]
        if where == "before":
            index = rest.index(_waiting_entry(rest, other))
        elif isinstance(where, int):
            index = min(max(where, 1) - 1, len(rest))
        else:
            index = 0 if where == "first" else len(rest)
        order = _between(rest, index)
        write_entry(home, entry.model_copy(update={"order": str(order)}))
    ensure_scheduler(home)
    return index + 1


def cancel(home: Path, run: RunDir) -> None:
    """Take a run out of the queue before its turn; it ends as killed.

    Raises:
        UsageError: It does not wait.
        HeimdallError: The home is not writable.
    """
    with queue_lock(home):
        _waiting_entry(waiting(home), run.id)
        # Whoever wants it later begins from its checkpoints, not from this request.
        run.resume_path.unlink(missing_ok=True)
        write_end(run, RunStatus.KILLED, "cancelled in the queue", ExitCode.INTERRUPTED)
        remove_entry(home, run.id)


def scheduler_lock_path(home: Path) -> Path:
    """Held by the scheduler of a home while it lives."""
    return queue_folder(home) / "scheduler.lock"


def ensure_scheduler(home: Path) -> None:
    """Start the scheduler of a home where something waits and none lives.

    Raises:
        HeimdallError: It could not be started.
    """
    if not waiting(home) or is_locked(scheduler_lock_path(home)):
        return
    try:
        start_detached(SCHEDULER, home, queue_folder(home) / "scheduler.log")
    except OSError as error:
        raise HeimdallError(
            "The scheduler of the queue could not be started",
            why=error.strerror or str(error),
            unharmed="What waits stays in the queue",
            action="Free some memory, then run `heimdall-console queue list`: it starts one",
        ) from error


def _entry_path(home: Path, run_id: str) -> Path:
    return queue_folder(home) / f"{run_id}.json"


def _waiting_entry(entries: Sequence[QueueEntry], run_id: str) -> QueueEntry:
    for entry in entries:
        if entry.run_id == run_id:
            return entry
    raise UsageError(
        f"{run_id} does not wait in the queue",
        why="It was never queued, has had its turn, or was cancelled",
        unharmed="Nothing was changed",
        action="See `heimdall-console queue list`; a run that trains is ended with `runs stop`, one "
        "that was made and never started is removed with `runs rm`",
    )


def _between(entries: Sequence[QueueEntry], index: int) -> Fraction:
    """A place in front of the entry at an index."""
    if not entries:
        return Fraction(1)
    if index == 0:
        return entries[0].place - 1
    if index == len(entries):
        return entries[-1].place + 1
    return (entries[index - 1].place + entries[index].place) / 2


def _refuse_circle(entries: Sequence[QueueEntry], run: RunDir, after: str) -> None:
    waits_for = {entry.run_id: entry.after for entry in entries if entry.is_waiting}
    seen = after
    while seen:
        if seen == run.id:
            raise _refusal(run, f"It would wait for {after}, which waits for it")
        seen = waits_for.get(seen, "")


def _write_queued(run: RunDir) -> None:
    """Write the state for a worker that is not born, under the lock that it will take."""
    try:
        lock = WorkerLock(run.lock_path)
    except UsageError as error:
        raise _refusal(run, "Its worker is alive") from error
    try:
        state = recorded_state(run)
        if state not in (None, RunStatus.QUEUED) and not run.resume_path.exists():
            raise _refusal(run, "It has been started before")
        if state != RunStatus.QUEUED:
            with RunLogWriter(run.log_path) as log:
                log.append("state", status=RunStatus.QUEUED.value, reason="waits for its turn")
    finally:
        lock.release()


def _refusal(run: RunDir, why: str) -> UsageError:
    return UsageError(
        f"{run.id} was not queued",
        why=why,
        unharmed="The queue and the run are as they were",
        action="Queue a new run with `run --queue`, or an ended one with `run --resume … --queue`",
    )
