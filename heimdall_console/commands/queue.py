"""`queue`: runs that wait for their turn on this machine."""

import sys

import typer

from heimdall_console.commands.shared_options import JSON, RUN, run_names
from heimdall_console.lazy_command import SpellingCommand

app = typer.Typer(
    help="Let runs wait for their turn on this machine.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


_PLACES = ("first", "last", "before")


@app.command(cls=SpellingCommand, epilog="Example: heimdall-console queue add @last")
def add(
    run: str = RUN,
    after: str | None = typer.Option(
        None,
        metavar="RUN",
        help="Not before this run has ended, however it ends.",
        autocompletion=run_names,
    ),
    json: bool = JSON,
) -> None:
    """Let a prepared run wait for its turn, as the last one."""
    from heimdall_console.output import print_json
    from heimdall_console.queue import enqueue
    from training_core.contract.home import home_path
    from training_core.contract.run_dir import find_run

    home = home_path()
    found = find_run(home, run)
    place = enqueue(home, found, after=find_run(home, after).id if after else "")
    if json:
        print_json({"id": found.id, "path": str(found.path), "place": place})
    else:
        typer.echo(f"{found.id} waits at place {place}.")


@app.command("list", cls=SpellingCommand, epilog="Example: heimdall-console queue list --json")
def list_all(json: bool = JSON) -> None:
    """List what trains, then what waits and for what."""
    from heimdall_console.layout import Column, table_lines
    from heimdall_console.output import print_json
    from heimdall_console.queue import ensure_scheduler
    from heimdall_console.queue_rows import queue_rows
    from heimdall_console.terminal import Terminal
    from training_core.contract.home import home_path

    home = home_path()
    ensure_scheduler(home)
    rows = queue_rows(home)
    if json:
        print_json([row.as_dict() for row in rows])
        return
    if not rows:
        typer.echo("Nothing waits. Queue a run: heimdall-console run --data-dir DATASET --queue")
        return
    columns = [
        Column("place"),
        Column("id", style="bold"),
        Column("name", shrinks=True),
        Column("asks for"),
        Column("waits for", shrinks=True),
    ]
    cells = [row.cells() for row in rows]
    sys.stdout.write("\n".join(table_lines(columns, cells, Terminal.of(sys.stdout))) + "\n")


@app.command(
    cls=SpellingCommand,
    epilog="""\
Examples:

\b
  heimdall-console queue move 20261124-0915 first
  heimdall-console queue move @last 2
  heimdall-console queue move @last before 20261124-0915
""",
)
def move(
    run: str = RUN,
    place: str = typer.Argument(
        metavar="first|last|before|NUMBER",
        help="Where to; a number is a place of the list.",
        autocompletion=lambda: list(_PLACES),
    ),
    other: str | None = typer.Argument(
        None, metavar="[OTHER]", help="Of before: the run to stand in front of."
    ),
    json: bool = JSON,
) -> None:
    """Change the place of a run that waits."""
    from heimdall_console import queue
    from heimdall_console.output import print_json
    from training_core.contract.home import home_path
    from training_core.contract.run_dir import find_run

    number = int(place) if place.isdecimal() else None
    if place not in _PLACES and not number:
        raise typer.BadParameter(
            f"{place!r} is no place: write first, last, before RUN, or a number from 1"
        )
    if (place == "before") != (other is not None):
        raise typer.BadParameter("before, and only before, is followed by another run")
    home = home_path()
    found = find_run(home, run)
    before = find_run(home, other).id if other else ""
    reached = queue.move(home, found.id, number or place, before)
    if json:
        print_json({"id": found.id, "place": reached})
    else:
        typer.echo(f"{found.id} waits at place {reached}.")


@app.command(cls=SpellingCommand, epilog="Example: heimdall-console queue cancel @last")
def cancel(run: str = RUN, json: bool = JSON) -> None:
    """Take a run out of the queue before its turn; its directory stays."""
    from heimdall_console import queue
    from heimdall_console.output import print_json
    from training_core.contract.home import home_path
    from training_core.contract.run_dir import find_run

    home = home_path()
    found = find_run(home, run)
    queue.cancel(home, found)
    queue.ensure_scheduler(home)
    if json:
        print_json({"id": found.id, "status": "killed"})
    else:
        typer.echo(f"{found.id} is cancelled.")
