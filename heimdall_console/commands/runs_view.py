"""`runs list`, `runs show` and `runs watch`: what there is and how it goes."""

import dataclasses
import sys
import time
from typing import TYPE_CHECKING

import typer

from heimdall_console.commands.shared_options import JSON, RUN, RUNS
from heimdall_console.lazy_command import SpellingCommand

if TYPE_CHECKING:
    from heimdall_console.run_index import RunSummary
    from heimdall_console.terminal import Terminal

_LIST_EXAMPLES = """\
Examples:

\b
  heimdall-console runs list --status running --status paused
  heimdall-console runs list 'lr>=1e-3 model:receiver_set_net -state:failed'
  heimdall-console runs list --experiment campus --limit 10 --json
"""


def register(app: typer.Typer) -> None:
    """Add the commands to `runs`."""
    app.command("list", cls=SpellingCommand, epilog=_LIST_EXAMPLES)(list_all)
    example = "Example: heimdall-console runs show @last"
    app.command("show", cls=SpellingCommand, epilog=example)(show)
    example = "Example: heimdall-console runs watch @last"
    app.command("watch", cls=SpellingCommand, epilog=example)(watch)


def _statuses() -> list[str]:
    from training_core.contract.run_status import RunStatus

    return [status.value for status in RunStatus]


def _experiments() -> list[str]:
    from heimdall_console.run_index import list_runs
    from training_core.contract.home import home_path

    return sorted({run.info.experiment for run in list_runs(home_path())})


def list_all(
    query: list[str] | None = typer.Argument(
        None, help="Only runs that a query means, written as on the screen Runs."
    ),
    status: list[str] | None = typer.Option(
        None, help="Only runs of this status; may be repeated.", autocompletion=_statuses
    ),
    experiment: str | None = typer.Option(
        None, help="Only runs of this experiment.", autocompletion=_experiments
    ),
    limit: int | None = typer.Option(None, "--limit", "-n", min=0, help="At most so many."),
    archived: bool = typer.Option(False, "--archived", help="Also runs that were archived."),
    json: bool = JSON,
) -> None:
    """List runs, the newest first."""
    from heimdall_console.output import print_json
    from heimdall_console.owed_publishing import start_owed_publishers
    from heimdall_console.run_archive import archived_runs
    from heimdall_console.run_index import list_runs
    from heimdall_console.run_selection import RunSelection
    from training_core.contract.errors import UsageError
    from training_core.contract.home import home_path

    unknown = [name for name in status or [] if name not in _statuses()]
    if unknown:
        raise UsageError(
            f"There is no status {unknown[0]}", action=f"Choose among {', '.join(_statuses())}"
        )
    home = home_path()
    every = list_runs(home)
    put_away = archived_runs(home)
    text = " ".join(query or [])
    selection = RunSelection(text, every, put_away) if text.strip() else None
    shows_archived = archived or (selection is not None and selection.asks_for_archived)
    hidden = frozenset() if shows_archived else put_away
    runs = [
        run
        for run in every
        if run.info.id not in hidden
        and (selection is None or selection.means(run.info.id))
        and (not status or run.status.value in status)
        and (experiment is None or run.info.experiment == experiment)
    ][:limit]
    if json:
        print_json([_as_fields(run) for run in runs])
    elif runs:
        from heimdall_console.terminal import Terminal

        terminal = Terminal.of(sys.stdout)
        if not sys.stdout.isatty():
            # Whatever reads a pipe wants whole names.
            terminal = dataclasses.replace(terminal, width=sys.maxsize)
        sys.stdout.write("\n".join(list_lines(runs, terminal)) + "\n")
    elif every:
        typer.echo(f"None of the {len(every)} runs is meant.")
    else:
        typer.echo("There are no runs yet. Start one: heimdall-console run --data-dir DATASET")
    start_owed_publishers(home)


def show(run: str = RUN, json: bool = JSON) -> None:
    """Show everything about one run."""
    from heimdall_console.output import print_json
    from heimdall_console.owed_publishing import start_owed_publishers
    from heimdall_console.run_facts import collect_facts
    from heimdall_console.run_page import page_lines
    from heimdall_console.terminal import Terminal
    from training_core.contract.home import home_path
    from training_core.contract.run_dir import find_run

    home = home_path()
    facts = collect_facts(find_run(home, run))
    if json:
        print_json(facts.as_dict())
    else:
        sys.stdout.write("\n".join(page_lines(facts, Terminal.of(sys.stdout))) + "\n")
    start_owed_publishers(home)


def watch(
    runs: list[str] | None = RUNS,
    interval: float = typer.Option(1.0, min=0.1, help="Seconds between two looks."),
    json: bool = typer.Option(False, "--json", help="Print a JSON line at every change."),
) -> None:
    """Watch living or named runs until all have ended."""
    from heimdall_console.following.watching import watch_runs
    from heimdall_console.owed_publishing import start_owed_publishers
    from training_core.contract.home import home_path
    from training_core.contract.run_dir import find_run

    home = home_path()
    named = [find_run(home, reference) for reference in dict.fromkeys(runs or [])]
    start_owed_publishers(home)
    watch_runs(home, named, sys.stdout, interval_s=interval, as_json=json)


def _as_fields(run: "RunSummary") -> dict[str, object]:
    return {
        "id": run.info.id,
        "name": run.info.name,
        "experiment": run.info.experiment,
        "status": run.status.value,
        "created": run.info.created,
        "path": str(run.path),
        "monitor": run.monitor,
        "best": run.best,
        "metrics": run.metrics,
        "step": run.step,
        "epoch": run.epoch,
        "epochs": run.epochs,
        "share_done": run.share_done,
        "ended": run.ended,
        "reason": run.reason,
    }


def list_lines(runs: "list[RunSummary]", terminal: "Terminal") -> list[str]:
    """The list as a table."""
    from heimdall_console.formatting import age, plain
    from heimdall_console.layout import Column, table_lines
    from heimdall_console.status_text import best_text, status_text

    columns = [
        Column("status"),
        Column("id", style="bold"),
        Column("name", shrinks=True, drops=3),
        Column("experiment", shrinks=True, drops=1),
        Column("best"),
        # The id begins with the time, too.
        Column("created", drops=2),
    ]
    rows = [
        [
            status_text(run.status.value, terminal),
            run.info.id,
            plain(run.info.name),
            plain(run.info.experiment),
            best_text(run.monitor, run.metrics) or "-",
            age(time.time() - run.info.created),
        ]
        for run in runs
    ]
    return table_lines(columns, rows, terminal)
