"""What a person asks of a run, with its questions and the answer told; any screen may use it."""

from pathlib import Path
from typing import TYPE_CHECKING

from heimdall_console.formatting import plain

if TYPE_CHECKING:
    from heimdall_console.run_commands import Answer
    from heimdall_console.screens.base import BaseScreen
    from training_core.contract.commands import Command
    from training_core.contract.run_dir import RunDir

_WAIT_S = 10.0
_LONG_WAIT_S = 120.0
"""For what takes as long as a validation or a large checkpoint does."""


async def stop(screen: "BaseScreen", run_id: str) -> None:
    """Ask how the run is to end, then end it so; one that waits leaves the queue."""
    from heimdall_console.screens.dialogs.stop_run import StopRun

    # The question comes at once: what is typed next is meant for it.
    if _known_status(screen, run_id) == "queued":
        if await screen.ask_yes_no(
            "Take the run out of the queue?",
            f"{_name(screen, run_id)} has not begun. Its directory stays, and it can be queued "
            "again.",
            "Take it out",
        ):
            await _cancel(screen, run_id)
        return
    how = await screen.app.push_screen_wait(
        StopRun(_name(screen, run_id), is_making_results=_is_making_results(screen, run_id))
    )
    if how == "kill":
        await _kill(screen, run_id)
    elif how in ("epoch", "now"):
        from training_core.contract.commands import StopCommand

        await _ask(screen, run_id, StopCommand(when=how), _LONG_WAIT_S)


async def pause_or_resume(screen: "BaseScreen", run_id: str) -> None:
    """Hold the training, or let a held one go on."""
    from training_core.contract.commands import PauseCommand, ResumeCommand

    status = await screen.tried(lambda: _status(screen.console_app.home, run_id))
    if status is not None:
        command = ResumeCommand() if status == "paused" else PauseCommand()
        await _ask(screen, run_id, command)


async def checkpoint_now(screen: "BaseScreen", run_id: str) -> None:
    """Save a checkpoint now."""
    from training_core.contract.commands import CheckpointCommand

    await _ask(screen, run_id, CheckpointCommand(), _LONG_WAIT_S)


async def validate_now(screen: "BaseScreen", run_id: str) -> None:
    """Validate now; it counts neither for early stopping nor for the schedule."""
    from training_core.contract.commands import ValidateCommand

    await _ask(screen, run_id, ValidateCommand(), _LONG_WAIT_S)


async def set_learning_rate(
    screen: "BaseScreen", run_id: str, current: float | None = None
) -> None:
    """Ask for another learning rate and set it.

    Args:
        screen: Who asks.
        run_id: The run.
        current: What it is now, where that is known.
    """
    from training_core.contract.commands import SetLearningRateCommand

    text = await screen.ask_text(
        "Learning rate",
        "The rest of the schedule is scaled with it, and checkpoints keep it."
        + (f"\nNow {current:.4g}." if current is not None else ""),
        f"{current:.4g}" if current is not None else "",
        _rate_problem,
    )
    if text is not None:
        await _ask(screen, run_id, SetLearningRateCommand(value=float(text)))


async def extend_epochs(screen: "BaseScreen", run_id: str, planned: int | None = None) -> None:
    """Ask for another number of epochs, and what becomes of the schedule.

    Args:
        screen: Who asks.
        run_id: The run.
        planned: How many there will be now, where that is known.
    """
    from heimdall_console.screens.dialogs.extend_run import ExtendRun
    from training_core.contract.commands import ExtendEpochsCommand

    if planned is None:
        planned = await screen.tried(lambda: _planned_epochs(screen.console_app.home, run_id))
    if planned is None:
        return
    asked = await screen.app.push_screen_wait(ExtendRun(planned))
    if asked is not None:
        command = ExtendEpochsCommand(
            epochs=asked.epochs, schedule="stretch" if asked.is_stretched else "hold"
        )
        await _ask(screen, run_id, command)


async def resume_ended(screen: "BaseScreen", run_id: str) -> None:
    """Let a run that has ended go on from its last checkpoint, for as many epochs as asked."""
    reached = await screen.tried(lambda: _reached(screen.console_app.home, run_id))
    if reached is None:
        return
    planned, completed, has_checkpoint = reached
    least = completed + 1

    def problem(text: str) -> str:
        if not text.strip().isdecimal():
            return "a whole number of epochs"
        return "" if int(text) >= least else f"{least} or more: {completed} are completed"

    where = (
        "It goes on from its last checkpoint, in the same run."
        if has_checkpoint
        else "It has no checkpoint: it begins anew, in the same run."
    )
    text = await screen.ask_text(
        f"Resume {_name(screen, run_id)}",
        f"{where}\nEpochs in all:",
        str(max(planned, least)),
        problem,
    )
    if text is None:
        return
    epochs = int(text)
    done = await screen.tried(lambda: _resume(screen.console_app.home, run_id, epochs, planned))
    if done:
        screen.tell(f"{_name(screen, run_id)} goes on")


async def _ask(
    screen: "BaseScreen", run_id: str, command: "Command", wait_s: float = _WAIT_S
) -> None:
    """Send a command and tell its answer, whenever it comes."""
    from heimdall_console.run_commands import ask, at_the_end
    from training_core.contract.run_status import run_status

    def work() -> "Answer":
        run = _run(screen.console_app.home, run_id)
        status = run_status(run)
        # It may have ended while the person was asked.
        return at_the_end("", command, status) if status.has_ended else ask(run, command, wait_s)

    answer = await screen.tried(work)
    if answer is not None:
        severity = "information" if answer.is_good else "warning"
        screen.tell(_answer_text(answer), severity)


def _answer_text(answer: "Answer") -> str:
    from heimdall_console.following.events import command_text

    text = command_text(answer.as_fields())
    return text[:1].upper() + text[1:]


async def _kill(screen: "BaseScreen", run_id: str) -> None:
    from training_core.contract.ending import kill_worker

    killed = await screen.tried(
        lambda: kill_worker(_run(screen.console_app.home, run_id), "killed on request"),
    )
    if killed is not None:
        screen.tell(f"{_name(screen, run_id)} {'was killed' if killed else 'had ended by itself'}")


async def _cancel(screen: "BaseScreen", run_id: str) -> None:
    from heimdall_console.queue import cancel

    home = screen.console_app.home

    def work() -> bool:
        cancel(home, _run(home, run_id))
        return True

    if await screen.tried(work):
        screen.tell(f"{_name(screen, run_id)} was taken out of the queue")


def _known_status(screen: "BaseScreen", run_id: str) -> str:
    """The status as the list of runs has it; empty before the first look."""
    known = screen.console_app.runs or ()
    return next((run.status.value for run in known if run.info.id == run_id), "")


def _is_making_results(screen: "BaseScreen", run_id: str) -> bool:
    """Whether its training is over, as the list of runs has it."""
    known = screen.console_app.runs or ()
    return any(run.info.id == run_id and run.is_making_results for run in known)


def _name(screen: "BaseScreen", run_id: str) -> str:
    """What a person calls a run; its id where nobody has named it yet."""
    known = screen.console_app.runs or ()
    return next((plain(run.info.name) for run in known if run.info.id == run_id), run_id)


def _run(home: Path, run_id: str) -> "RunDir":
    from training_core.contract.run_dir import find_run

    return find_run(home, run_id)


def _status(home: Path, run_id: str) -> str:
    from training_core.contract.run_status import run_status

    return run_status(_run(home, run_id)).value


def _planned_epochs(home: Path, run_id: str) -> int:
    from heimdall_console.run_commands import planned_epochs, refuse_without_worker
    from training_core.contract.run_status import run_status

    run = _run(home, run_id)
    refuse_without_worker(run, run_status(run), "be extended")
    return planned_epochs(run)


def _reached(home: Path, run_id: str) -> tuple[int, int, bool]:
    """Planned epochs, completed epochs, and whether there is a checkpoint to go on from."""
    from heimdall_console.checkpoint_reference import checkpoint_directory
    from heimdall_console.run_commands import planned_epochs
    from heimdall_console.starting.resuming import completed_epochs, refuse_living
    from training_core.contract.checkpoints import own_checkpoints

    run = _run(home, run_id)
    refuse_living(run)
    saved = own_checkpoints(run, checkpoint_directory(run))
    if not saved:
        return planned_epochs(run), 0, False
    return planned_epochs(run), completed_epochs(saved[-1]), True


def _resume(home: Path, run_id: str, epochs: int, planned: int) -> "RunDir":
    from heimdall_console.starting.launching import resume

    return resume(home, run_id, epochs if epochs != planned else None)


def _rate_problem(text: str) -> str:
    try:
        value = float(text)
    except ValueError:
        return f"{plain(text)} is not a number" if text.strip() else "a number such as 3e-4"
    return "" if 0.0 < value <= 10.0 else "above 0 and at most 10"
