"""`runs`: what was trained in this home."""

import sys
import time
from typing import TYPE_CHECKING

import typer

from heimdall_console.lazy_command import SpellingCommand
from heimdall_console.terminal import Style

if TYPE_CHECKING:
    from heimdall_console.run_index import RunSummary

app = typer.Typer(
    help="List the runs of this home.",
    add_completion=False,
    rich_markup_mode=None,
    invoke_without_command=True,
)

_GLYPHS: dict[str, tuple[str, Style]] = {
    "queued": ("○", "dim"),
    "starting": ("○", "accent"),
    "running": ("●", "accent"),
    "paused": ("‖", "accent"),
    "finished": ("✓", "good"),
    "stopped": ("■", "warning"),
    "failed": ("✗", "bad"),
    "killed": ("✗", "bad"),
    "crashed": ("?", "bad"),
}


@app.callback()
def _runs(context: typer.Context) -> None:
    """List the runs of this home."""
    if context.invoked_subcommand is None:
        list_all(json=False)


@app.command("list", cls=SpellingCommand, epilog="Example: heimdall-console runs list --json")
def list_all(json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """List runs, the newest first."""
    from heimdall_console.formatting import age, plain
    from heimdall_console.layout import Column, table_lines
    from heimdall_console.output import print_json
    from heimdall_console.run_index import list_runs
    from heimdall_console.terminal import Terminal
    from training_core.contract.home import home_path

    runs = list_runs(home_path())
    if json:
        print_json(
            [
                {
                    "id": run.info.id,
                    "name": run.info.name,
                    "experiment": run.info.experiment,
                    "status": run.status.value,
                    "created": run.info.created,
                    "path": str(run.path),
                    "monitor": run.monitor,
                    "best": run.best,
                    "metrics": run.metrics,
                }
                for run in runs
            ]
        )
        return
    if not runs:
        typer.echo("There are no runs yet. Start one: heimdall-console run --data-dir DATASET")
        return
    terminal = Terminal.of(sys.stdout)
    columns = [
        Column("status"),
        Column("id", style="bold"),
        Column("name", shrinks=True),
        Column("experiment", shrinks=True),
        Column("best", right=True),
        Column("started"),
    ]
    rows = []
    for run in runs:
        glyph, _ = _GLYPHS.get(run.status.value, ("?", "plain"))
        rows.append(
            [
                f"{glyph} {run.status.value}" if terminal.unicode else run.status.value,
                run.info.id,
                plain(run.info.name),
                plain(run.info.experiment),
                _best(run),
                age(time.time() - run.info.created),
            ]
        )
    sys.stdout.write("\n".join(table_lines(columns, rows, terminal)) + "\n")


def _best(run: "RunSummary") -> str:
    """The median error of the best checkpoint, or else the value that ranks it."""
    from heimdall_console.formatting import meters, metric

    if "val/median_m" in run.metrics:
        return meters(run.metrics["val/median_m"])
    return "-" if run.best is None else metric(run.monitor, run.best)
