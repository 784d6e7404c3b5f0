"""`tour`: try the console on a recorded training, without data and without a GPU."""

import typer

from heimdall_console.commands.shared_options import ASCII, READONLY, THEME
from heimdall_console.lazy_command import SpellingCommand

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_EXAMPLES = """\
Examples:

\b
  heimdall-console tour
  heimdall-console tour --speed 1

A home of its own is made in the temporary folder and removed in the end; yours is not touched.
The training that is seen was recorded on a CPU, where it took two minutes; it is replayed in
seven, to leave you time. The GPU beside it is an example. The replay obeys pause, checkpoint,
validate and stop, and what you start from there is real: evaluations, exports, trainings.
"""


@app.command(cls=SpellingCommand, epilog=_EXAMPLES)
def tour(
    speed: float = typer.Option(
        0.25, min=0.05, max=1000.0, help="Speed of the replay; 1 is that of the training itself."
    ),
    readonly: bool = READONLY,
    ascii_only: bool = ASCII,
    theme: str = THEME,
) -> None:
    """Open the console on recorded trainings; one of them is replayed."""
    from heimdall_console.opening import is_screen
    from heimdall_console.tour.leading import take_tour

    if not is_screen():
        raise typer.BadParameter("The tour needs a terminal")
    code = take_tour(speed, readonly=readonly, ascii_only=ascii_only, theme=theme)
    if code:
        raise typer.Exit(code)
