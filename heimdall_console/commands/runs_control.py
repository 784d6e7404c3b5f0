"""`runs pause|resume|stop|checkpoint|validate|set|kill`: what a person asks of a living run."""

import sys
from typing import TYPE_CHECKING, Any

import typer

from heimdall_console.commands.shared_options import JSON, LIVING_RUN, YES
from heimdall_console.lazy_command import SpellingCommand

if TYPE_CHECKING:
    from training_core.contract.commands import Command
    from training_core.contract.run_dir import RunDir

_WAIT = typer.Option(5.0, min=0.0, help="Seconds to wait for the answer; 0 does not wait.")


def register(app: typer.Typer) -> None:
    """Add the commands to `runs`."""
    for function, example in (
        (pause, "heimdall-console runs pause @last"),
        (resume, "heimdall-console runs resume @last"),
        (stop, "heimdall-console runs stop @last --after-epoch"),
        (checkpoint, "heimdall-console runs checkpoint @last --wait 60"),
        (validate, "heimdall-console runs validate @last --wait 60"),
        (set_values, "heimdall-console runs set @last learning_rate=3e-4 epochs=+20 --hold"),
        (kill, "heimdall-console runs kill @last --yes"),
    ):
        name = "set" if function is set_values else function.__name__
        app.command(name, cls=SpellingCommand, epilog=f"Example: {example}")(function)


def pause(run: str = LIVING_RUN, wait: float = _WAIT, json: bool = JSON) -> None:
    """Hold a training; memory is kept, the device is idle."""
    from training_core.contract.commands import PauseCommand

    _send(run, [PauseCommand()], wait, json)


def resume(run: str = LIVING_RUN, wait: float = _WAIT, json: bool = JSON) -> None:
    """Go on after `runs pause`."""
    from training_core.contract.commands import ResumeCommand

    _send(run, [ResumeCommand()], wait, json)


def stop(
    run: str = LIVING_RUN,
    after_epoch: bool = typer.Option(
        False, "--after-epoch", help="Train this epoch to its end and validate before."
    ),
    now: bool = typer.Option(
        False, "--now", help="At the next place that can be resumed from; the default."
    ),
    wait: float = _WAIT,
    json: bool = JSON,
) -> None:
    """End a run with a checkpoint. One that waits for its turn leaves the queue."""
    from training_core.contract.commands import StopCommand
    from training_core.contract.errors import UsageError
    from training_core.contract.run_status import RunStatus, run_status

    if after_epoch and now:
        raise UsageError(
            "--after-epoch and --now contradict each other",
            unharmed="The run goes on",
            action="Leave one out",
        )
    directory = _find(run)
    if run_status(directory) is RunStatus.QUEUED:
        _cancel(directory, json)
        return
    _send(run, [StopCommand(when="epoch" if after_epoch else "now")], wait, json)


def checkpoint(run: str = LIVING_RUN, wait: float = _WAIT, json: bool = JSON) -> None:
    """Save a checkpoint now."""
    from training_core.contract.commands import CheckpointCommand

    _send(run, [CheckpointCommand()], wait, json)


def validate(run: str = LIVING_RUN, wait: float = _WAIT, json: bool = JSON) -> None:
    """Validate now. It counts neither for early stopping nor for the schedule."""
    from training_core.contract.commands import ValidateCommand

    _send(run, [ValidateCommand()], wait, json)


def set_values(
    run: str = LIVING_RUN,
    values: list[str] = typer.Argument(
        ...,
        metavar="KEY=VALUE...",
        help="learning_rate=VALUE, epochs=VALUE or epochs=+MORE.",
        autocompletion=lambda: ["learning_rate=", "epochs="],
    ),
    hold: bool = typer.Option(
        False, "--hold", help="Epochs: hold the end of the schedule for the additional ones."
    ),
    stretch: bool = typer.Option(
        False, "--stretch", help="Epochs: stretch what is left of the schedule; the default."
    ),
    wait: float = _WAIT,
    json: bool = JSON,
) -> None:
    """Change the learning rate or the number of epochs."""
    from heimdall_console.run_commands import parse_settings
    from training_core.contract.errors import UsageError

    if hold and stretch:
        raise UsageError("--hold and --stretch contradict each other", action="Leave one out")
    settings = parse_settings(_find(run), values, "hold" if hold else "stretch")
    _send(run, settings, wait, json, as_list=True)


def kill(run: str = LIVING_RUN, yes: bool = YES, json: bool = JSON) -> None:
    """End a run at once, with all its processes.

    What was trained since the last checkpoint is lost; a question comes first.
    """
    from heimdall_console.asking import confirm
    from heimdall_console.output import print_json
    from heimdall_console.run_commands import refuse_without_worker
    from training_core.contract.ending import kill_worker
    from training_core.contract.errors import ExitCode
    from training_core.contract.run_status import run_status

    directory = _find(run)
    refuse_without_worker(directory, run_status(directory), "be killed")
    question = f"Kill {directory.id}? What it trained since its last checkpoint is lost."
    if not confirm(question, yes=yes):
        raise typer.Exit(int(ExitCode.FAILED))
    killed = kill_worker(directory, "killed on request")
    if json:
        print_json({"run_id": directory.id, "killed": killed})
    else:
        sys.stdout.write(f"{directory.id}  {'killed' if killed else 'had ended by itself'}\n")


def _cancel(run: "RunDir", as_json: bool) -> None:
    from heimdall_console.output import print_json
    from heimdall_console.queue import cancel
    from training_core.contract.home import home_path

    cancel(home_path(), run)
    if as_json:
        print_json({"run_id": run.id, "name": "stop", "outcome": "done", "reason": "cancelled"})
    else:
        sys.stdout.write(f"{run.id}  taken out of the queue\n")


def _find(reference: str) -> "RunDir":
    from training_core.contract.home import home_path
    from training_core.contract.run_dir import find_run

    return find_run(home_path(), reference)


def _send(
    reference: str,
    commands: "list[Command]",
    wait_s: float,
    as_json: bool,
    *,
    as_list: bool = False,
) -> None:
    """Ask in turn; the exit code is 1 where something was refused or not answered."""
    from heimdall_console.following.events import command_text
    from heimdall_console.output import print_json
    from heimdall_console.run_commands import ask
    from training_core.contract.errors import ExitCode

    run = _find(reference)
    answers: list[dict[str, Any]] = []
    is_good = True
    for command in commands:
        answer = ask(run, command, wait_s)
        is_good &= answer.is_good
        answers.append({"run_id": run.id, **answer.as_fields()})
        if not as_json:
            sys.stdout.write(f"{run.id}  {command_text(answer.as_fields())}\n")
            sys.stdout.flush()
    if as_json:
        print_json(answers if as_list else answers[0])
    if not is_good:
        raise typer.Exit(int(ExitCode.FAILED))
