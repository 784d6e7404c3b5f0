"""`runs archive`: what is put away without being removed."""

import sys

import typer

from heimdall_console.commands.shared_options import JSON, run_names
from heimdall_console.lazy_command import SpellingCommand

_EXAMPLES = """\
Examples:

\b
  heimdall-console runs archive 20260921-1200 20260922
  heimdall-console runs archive --undo 20260921-1200
  heimdall-console runs list --archived
"""
_RUNS = typer.Argument(
    ..., metavar="RUN...", help="Ids, unique starts of ids, or @last.", autocompletion=run_names
)


def register(app: typer.Typer) -> None:
    """Add the command to `runs`."""
    app.command("archive", cls=SpellingCommand, epilog=_EXAMPLES)(archive)


def archive(
    runs: list[str] = _RUNS,
    undo: bool = typer.Option(False, "--undo", help="Take them out of the archive again."),
    json: bool = JSON,
) -> None:
    """Put runs away: they stay where they are and are no longer listed."""
    from heimdall_console.output import print_json
    from heimdall_console.run_archive import change_archive
    from training_core.contract.home import home_path
    from training_core.contract.run_dir import find_run

    home = home_path()
    found = list(dict.fromkeys(find_run(home, reference).id for reference in runs))
    archived = change_archive(home, found, put_away=not undo)
    if json:
        print_json([{"run_id": run_id, "archived": run_id in archived} for run_id in found])
        return
    for run_id in found:
        sys.stdout.write(f"{run_id}  {'archived' if run_id in archived else 'listed again'}\n")
