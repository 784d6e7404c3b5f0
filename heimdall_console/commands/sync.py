"""`sync`: publish what runs still owe, or say what that is."""

import sys
from typing import TYPE_CHECKING

import typer

from heimdall_console.commands.shared_options import run_names
from heimdall_console.lazy_command import SpellingCommand

if TYPE_CHECKING:
    from heimdall_console.owed_publishing import OwingRun

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_EXAMPLES = """\
Examples:

\b
  heimdall-console sync                 # what is owed
  heimdall-console sync @last
  heimdall-console sync --all

A run that was made with tracking.enabled = false is published only where it is named. Ended at
any moment, the command loses and doubles nothing: publishers go on in the background. Exit
codes: 0 published (or only asked), 1 something is still owed, 2 usage, 130 interrupted.
"""


@app.command(cls=SpellingCommand, epilog=_EXAMPLES)
def sync(
    runs: list[str] | None = typer.Argument(
        None,
        metavar="RUN",
        help="Runs: ids, unique starts of ids, or @last. Without any: say what is owed.",
        autocompletion=run_names,
    ),
    all_runs: bool = typer.Option(False, "--all", help="Publish every run that owes something."),
    wait_minutes: float = typer.Option(5.0, min=0.0, help="How long to wait for each run."),
    json: bool = typer.Option(False, "--json", help="Print JSON: a list, one object a run."),
) -> None:
    """Publish what runs still owe to MLflow and the object store; nothing twice, nothing lost."""
    from heimdall_console.owed_publishing import owing_runs
    from heimdall_console.syncing import named_runs
    from training_core.contract.home import home_path

    home = home_path()
    if runs and all_runs:
        raise typer.BadParameter("Name runs or give --all, not both")
    if not runs and not all_runs:
        _say_what_is_owed(owing_runs(home), json)
        return
    owing = named_runs(home, runs) if runs else owing_runs(home)
    try:
        is_all_published = _publish(owing, 60.0 * wait_minutes, json)
    except KeyboardInterrupt:
        sys.stderr.write("No longer waiting; publishers that were started go on.\n")
        raise typer.Exit(130) from None
    if not is_all_published:
        raise typer.Exit(1)


def _publish(owing: "list[OwingRun]", deadline_s: float, json: bool) -> bool:
    from heimdall_console.output import print_json
    from heimdall_console.publishing_state import PublishingState, waiting_line
    from heimdall_console.syncing import Waiting, publish, publish_all
    from heimdall_console.terminal import Terminal

    several = len(owing) > 1
    results = []

    def label(place: int) -> str:
        return f"{place + 1}/{len(owing)}  " if several else ""

    with waiting_line(sys.stderr, Terminal.of(sys.stderr)) as show:

        def waiting(place: int) -> Waiting:
            prefix = f"{label(place)}{owing[place].run.id} "

            def told(state: PublishingState) -> None:
                show(state, prefix)

            return told

        done = (
            publish_all(owing, deadline_s, waiting)
            if several
            else (publish(entry.run, deadline_s, waiting(0)) for entry in owing)
        )
        for place, result in enumerate(done):
            results.append(result)
            if not json:
                show(None)
                sys.stdout.write(f"{label(place)}{result.run.id} {result.text()}\n")
                sys.stdout.flush()
    left = sum(not result.is_fine for result in results)
    if json:
        print_json([result.as_dict() for result in results])
    elif not results:
        sys.stdout.write("Nothing is owed: everything is published.\n")
    elif left:
        sys.stdout.write("Run the same command again later; it goes on where it stopped.\n")
    return not left


def _say_what_is_owed(owing: "list[OwingRun]", json: bool) -> None:
    from heimdall_console.formatting import counted
    from heimdall_console.output import print_json

    if json:
        print_json(
            [
                {
                    "run_id": entry.run.id,
                    "status": entry.status.value,
                    "is_training": entry.is_training,
                    **entry.publishing.as_dict(),
                }
                for entry in owing
            ]
        )
        return
    for entry in owing:
        sys.stdout.write(f"{entry.run.id} {entry.status.value}: {entry.publishing.text()}\n")
    waiting = [entry for entry in owing if not entry.is_training]
    if waiting:
        sys.stdout.write(
            f"{counted(len(waiting), 'run')} to publish: `heimdall-console sync --all` does it.\n"
        )
    elif not owing:
        sys.stdout.write("Nothing is owed: everything is published.\n")
