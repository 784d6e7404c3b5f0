"""`runs`: what was trained in this home, and what is being trained."""

import typer

from heimdall_console.commands import (
    queue,
    runs_archive,
    runs_control,
    runs_records,
    runs_removal,
    runs_view,
)
from heimdall_console.lazy_command import SpellingCommand

app = typer.Typer(
    help="List, watch, control and clear up the runs of this home.",
    add_completion=False,
    rich_markup_mode=None,
    invoke_without_command=True,
)


@app.callback()
def _runs(context: typer.Context) -> None:
    """List, watch, control and clear up the runs of this home."""
    if context.invoked_subcommand is None:
        runs_view.list_all(
            None, status=None, experiment=None, limit=None, archived=False, json=False
        )


for module in (runs_view, runs_records, runs_control, runs_archive, runs_removal):
    module.register(app)

_QUEUE_EXAMPLE = "Example: heimdall-console runs queue --json"
app.command("queue", cls=SpellingCommand, epilog=_QUEUE_EXAMPLE)(queue.list_all)
