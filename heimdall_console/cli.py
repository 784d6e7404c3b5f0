"""The command line: which commands there are, and how errors leave it."""

import sys
from typing import Any

import typer

from heimdall_console.commands.shared_options import ASCII, READONLY, THEME
from heimdall_console.lazy_command import LazyCommand

COMMANDS = {
    "run": "Train, evaluate, export and register a model.",
    "attach": "Open the console on a run, whoever started it.",
    "runs": "List, watch, control and clear up the runs of this home.",
    "queue": "Let runs wait for their turn on this machine.",
    "config": "Write, check and show configurations.",
    "data": "Import, generate and inspect datasets.",
    "sweep": "Try many configurations as runs, and keep the best one.",
    "evaluate": "Measure a model beside simple methods on the same rows.",
    "export": "Turn a checkpoint into a proved ONNX model.",
    "predict": "Locate the sessions of a dataset, without PyTorch.",
    "models": "List registered models, move their aliases, download their files.",
    "checkpoints": "List, look into, prune and restore the checkpoints of a run.",
    "jobs": "List, look into, cancel and repeat the jobs of this home.",
    "sync": "Publish what a run still owes to the servers.",
    "tour": "Try the console on a recorded training, without data and without a GPU.",
    "doctor": "Look at terminal, versions, home, queue, GPUs and servers.",
}
"""Name → one line; the module of the same name in `commands` has the rest."""

_OPENS_CONSOLE = ("attach", "tour")

EXIT_CODES = "Exit codes: 0 done, 1 failed, 2 usage, 3 diverged, 4 stopped, 130 interrupted."

app = typer.Typer(
    name="heimdall-console",
    help="Train, check and register radio localization models; without a command, the console opens.",
    epilog=f"{EXIT_CODES} HEIMDALL_HOME says where runs, datasets and models live.",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help appears in a third of the time
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(version("heimdall-console"))
        except PackageNotFoundError:
            typer.echo("a checkout that is not installed")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    readonly: bool = READONLY,
    ascii_only: bool = ASCII,
    theme: str = THEME,
    version: bool = typer.Option(
        False,
        "--version",
        help="Print the version and leave.",
        is_eager=True,
        callback=_print_version,
    ),
) -> None:
    """Train, check and register radio localization models; alone, it opens the console."""
    command = context.invoked_subcommand
    options = {"readonly": readonly, "ascii_only": ascii_only, "theme": theme}
    if command is None:
        from heimdall_console.opening import open_console

        raise typer.Exit(open_console(readonly=readonly, ascii_only=ascii_only, theme=theme))
    given = {name: value for name, value in options.items() if value}
    if given and command not in _OPENS_CONSOLE:
        # Whoever asks that nothing be changed must not be disobeyed in silence.
        raise typer.BadParameter(
            "--readonly, --ascii and --theme are for the console: heimdall-console itself, "
            + " and ".join(_OPENS_CONSOLE)
        )
    context.default_map = {command: given}


def run_command_line(arguments: list[str]) -> int:
    """Obey a command line; the return value is the exit code.

    Errors meant for a person are printed without traceback; anything else is a bug and
    keeps its own.
    """
    # Typer's own class of command; it gives no name to add one.
    command: Any = typer.main.get_command(app)
    for name, help_line in COMMANDS.items():
        lazy = LazyCommand(name, help_line, f"heimdall_console.commands.{name}")
        command.add_command(lazy)
    try:
        command.main(args=arguments, prog_name="heimdall-console")
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 1
    except Exception as error:
        from training_core.contract.errors import HeimdallError

        if not isinstance(error, HeimdallError):
            raise
        from heimdall_console.error_text import error_lines
        from heimdall_console.terminal import Terminal

        for line in error_lines(error, Terminal.of(sys.stderr)):
            sys.stderr.write(line + "\n")
        return int(error.exit_code)
    return 0
