"""`attach`: follow a run that is already there."""

import typer

from heimdall_console.commands.shared_options import JSON, RUN_HELP, living_run_names
from heimdall_console.lazy_command import SpellingCommand

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_EXAMPLES = """\
Examples:

\b
  heimdall-console attach @last
  heimdall-console attach 20261124-0915 --json

Ctrl+C detaches; the run goes on. The exit code is 0 then, and the run's own where its end was
shown.
"""


@app.command(cls=SpellingCommand, epilog=_EXAMPLES)
def attach(
    run: str = typer.Argument(
        "@last", metavar="[RUN]", help=RUN_HELP, autocompletion=living_run_names
    ),
    json: bool = JSON,
) -> None:
    """Follow a run, whoever started it; Ctrl+C only detaches."""
    from heimdall_console.following import attaching
    from heimdall_console.owed_publishing import start_owed_publishers
    from training_core.contract.home import home_path
    from training_core.contract.run_dir import find_run

    home = home_path()
    found = find_run(home, run)
    start_owed_publishers(home)
    code = attaching.attach(found, as_json=json)
    if code:
        raise typer.Exit(code)
