"""`runs`: what was trained in this home, and what is being trained."""

import typer

from heimdall_console.commands import runs_control, runs_records, runs_removal, runs_view

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
        runs_view.list_all(status=None, experiment=None, limit=None, json=False)


for module in (runs_view, runs_records, runs_control, runs_removal):
    module.register(app)
