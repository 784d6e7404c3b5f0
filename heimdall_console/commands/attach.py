"""`attach`: follow a run that is already there."""

import typer

from heimdall_console.commands.shared_options import (
    ASCII,
    JSON,
    READONLY,
    RUN_HELP,
    THEME,
    living_run_names,
)
from heimdall_console.lazy_command import SpellingCommand

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_EXAMPLES = """\
Examples:

\b
  heimdall-console attach @last
  heimdall-console attach 20261124-0915 --readonly
  heimdall-console attach @last --inline
  heimdall-console attach 20261124-0915 --json

On a terminal the console opens on the run; with --inline, or where the output is no terminal, it
is followed line by line. Ctrl+C detaches; the run goes on. The exit code is 0 then, and the run's
own where its end was shown.
"""


@app.command(cls=SpellingCommand, epilog=_EXAMPLES)
def attach(
    run: str = typer.Argument(
        "@last", metavar="[RUN]", help=RUN_HELP, autocompletion=living_run_names
    ),
    inline: bool = typer.Option(False, "--inline", help="Follow it here instead of the console."),
    json: bool = JSON,
    readonly: bool = READONLY,
    ascii_only: bool = ASCII,
    theme: str = THEME,
) -> None:
    """Watch a run, whoever started it; leaving never touches it."""
    from heimdall_console.opening import is_screen, open_console
    from training_core.contract.home import home_path
    from training_core.contract.run_dir import find_run

    home = home_path()
    found = find_run(home, run)
    if is_screen() and not (inline or json):
        code = open_console(
            home=home,
            run_ids=(found.id,),
            readonly=readonly,
            ascii_only=ascii_only,
            theme=theme,
        )
    else:
        from heimdall_console.following import attaching
        from heimdall_console.owed_publishing import start_owed_publishers

        start_owed_publishers(home)
        code = attaching.attach(found, as_json=json)
    if code:
        raise typer.Exit(code)
