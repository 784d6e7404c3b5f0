"""`sync`: publish what a run still owes."""

import sys

import typer

from heimdall_console.commands.shared_options import run_names
from heimdall_console.lazy_command import SpellingCommand

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(cls=SpellingCommand, epilog="Example: heimdall-console sync @last")
def sync(
    run: str = typer.Argument(
        help="A run's id, the unique start of one, or @last.", autocompletion=run_names
    ),
    wait_minutes: float = typer.Option(5.0, min=0.0, help="How long to wait for its end."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Publish what a run still owes to MLflow and the object store; nothing twice."""
    from heimdall_console.output import print_json
    from heimdall_console.publishing_state import publish
    from heimdall_console.terminal import Terminal
    from training_core.contract.errors import ExitCode
    from training_core.contract.home import home_path
    from training_core.contract.run_dir import find_run

    directory = find_run(home_path(), run)
    state = publish(directory, 60.0 * wait_minutes, sys.stderr, Terminal.of(sys.stderr))
    if json:
        print_json({"run_id": directory.id, **state.as_dict()})
    elif state.is_done:
        sys.stdout.write(f"{directory.id} is published: {state.text()}\n")
    else:
        sys.stdout.write(f"{directory.id} is {state.text()}\n")
        sys.stdout.write("Run the same command again later; it goes on where it stopped.\n")
    if not state.is_done:
        raise typer.Exit(int(ExitCode.FAILED))
