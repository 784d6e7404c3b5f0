"""Where `heimdall-console` starts: a bare call is answered at once, the rest is the command line."""

import codecs
import os
import sys

from heimdall_console.ascii_text import SIGNS

_WELCOME = """\
heimdall-console trains, checks and registers radio localization models.

  heimdall-console data synth --preset campus --name campus    make a dataset to try it on
  heimdall-console config init --preset quick --out run.toml   write a documented configuration
  heimdall-console run --config run.toml --data-dir campus     train, evaluate, export, register
  heimdall-console evaluate @last campus                       judge the result beside simple methods

heimdall-console --help lists every command; each has --help with examples.
"""


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(SIGNS.get(character, "?") for character in characters), error.end


def main() -> int:
    """Run the program; the return value is the exit code of the process."""
    codecs.register_error("in_ascii", _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that cannot show a character must not end the command.
            stream.reconfigure(errors="in_ascii")
    arguments = sys.argv[1:]
    _leave_deleted_folder()
    if "_HEIMDALL_CONSOLE_COMPLETE" not in os.environ:
        code = _open_at_once(arguments)
        if code is not None:
            return code
    from heimdall_console.cli import run_command_line

    return run_command_line(arguments)


def _leave_deleted_folder() -> None:
    try:
        os.getcwd()
    except FileNotFoundError:
        from training_core.contract.home import working_folder

        sys.stderr.write(
            f"The folder of this shell was deleted: paths count from {working_folder()}.\n"
        )


def _open_at_once(arguments: list[str]) -> int | None:
    """Open the console for a bare call and for `attach RUN`, without the command line's parser.

    Typer and what it loads cost as long as the console itself.

    Returns:
        The exit code; None for everything that the command line has to answer, errors too.
    """
    from heimdall_console.opening import is_screen, open_console

    if not arguments:
        if is_screen():
            return open_console()
        sys.stdout.write(_WELCOME)
        return 0
    names = arguments[1:]
    if arguments[0] != "attach" or len(names) != 1 or names[0].startswith("-") or not is_screen():
        return None
    from training_core.contract.errors import UsageError
    from training_core.contract.home import home_path
    from training_core.contract.run_dir import find_run

    try:
        found = find_run(home_path(), names[0])
    except UsageError:
        return None
    return open_console(run_ids=(found.id,))


if __name__ == "__main__":
    sys.exit(main())
