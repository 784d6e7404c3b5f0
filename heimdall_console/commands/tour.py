"""`tour`: try the console on a recorded training, without data and without a GPU."""

import typer

from heimdall_console.commands.shared_options import ASCII, THEME
from heimdall_console.lazy_command import SpellingCommand

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_EXAMPLES = """\
Examples:

\b
  heimdall-console tour
  heimdall-console tour --speed 10

A home of its own is made in the temporary folder and removed in the end; yours is not touched.
The training that is seen was recorded on a CPU; the GPU beside it is an example. Commands to it
are obeyed, and what you start from there is real: evaluations, exports, trainings.
"""


@app.command(cls=SpellingCommand, epilog=_EXAMPLES)
def tour(
    speed: float = typer.Option(
        1.0, min=0.1, max=1000.0, help="How much faster than it was the training is replayed."
    ),
    ascii_only: bool = ASCII,
    theme: str = THEME,
) -> None:
    """Open the console on recorded trainings; one of them is replayed."""
    from heimdall_console.opening import is_screen
    from heimdall_console.tour.leading import take_tour

    if not is_screen():
        raise typer.BadParameter("The tour needs a terminal")
    code = take_tour(speed, ascii_only=ascii_only, theme=theme)
    if code:
        raise typer.Exit(code)
