"""`runs output` and `runs log`: what a run printed and what it recorded."""

import contextlib
import sys
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

import typer

from heimdall_console.commands.shared_options import RUN
from heimdall_console.lazy_command import SpellingCommand

if TYPE_CHECKING:
    from heimdall_console.following.output import OutputReader

_FOLLOW = typer.Option(False, "--follow", "-f", help="Go on until the worker ends.")
_LINES = typer.Option(None, "--lines", "-n", min=0, help="Only the last of those there are now.")


def register(app: typer.Typer) -> None:
    """Add the commands to `runs`."""
    example = "Example: heimdall-console runs output @last --follow --lines 50"
    app.command("output", cls=SpellingCommand, epilog=example)(output)
    example = "Example: heimdall-console runs log @last --kind checkpoint --kind alert --json"
    app.command("log", cls=SpellingCommand, epilog=example)(log)


def _kinds() -> list[str]:
    from training_core.contract.records import FIELDS

    return list(FIELDS)


def output(
    run: str = RUN,
    follow: bool = _FOLLOW,
    rank: int = typer.Option(0, min=0, help="Process of a training on several devices."),
    lines: int | None = _LINES,
    json: bool = typer.Option(False, "--json", help="Print a JSON object a line."),
) -> None:
    """Print what a run's processes printed. Control sequences in it are spelled out."""
    import orjson

    from heimdall_console.following.output import OutputReader
    from heimdall_console.following.reading import LockedRun, tail
    from training_core.contract.errors import UsageError
    from training_core.contract.home import home_path
    from training_core.contract.run_dir import find_run

    directory = find_run(home_path(), run)
    path = directory.rank_output_path(rank)
    if not follow and not path.exists():
        raise UsageError(
            f"{directory.id} has no output of rank {rank}",
            why=f"There is no {path.name} in {directory.path}",
            unharmed="Nothing was changed",
            action="Leave out --rank for the worker itself; a run that has not begun printed nothing",
        )
    reader = OutputReader(path)
    followed = LockedRun(directory) if follow else None
    with contextlib.suppress(KeyboardInterrupt):
        for line in chain(tail(reader.read_new, followed, lines), _last(reader, lines)):
            _print(orjson.dumps({"rank": rank, "text": line}).decode() if json else line, follow)


def log(
    run: str = RUN,
    follow: bool = _FOLLOW,
    kind: list[str] | None = typer.Option(
        None, help="Only records of this kind; may be repeated.", autocompletion=_kinds
    ),
    lines: int | None = _LINES,
    json: bool = typer.Option(False, "--json", help="Print the records as they stand in the log."),
) -> None:
    """Print what a run recorded, as readable lines or raw."""
    import orjson

    from heimdall_console.following.reading import LockedRun, tail
    from heimdall_console.following.record_text import record_line
    from heimdall_console.formatting import counted
    from training_core.contract.errors import UsageError
    from training_core.contract.home import home_path
    from training_core.contract.run_dir import find_run
    from training_core.contract.run_log import PIECE_BYTES, RunLogReader

    unknown = [name for name in kind or [] if name not in _kinds()]
    if unknown:
        raise UsageError(
            f"There are no records of kind {unknown[0]}",
            unharmed="Nothing was changed",
            action=f"Choose among {', '.join(_kinds())}",
        )
    directory = find_run(home_path(), run)
    reader = RunLogReader(directory.log_path)
    followed = LockedRun(directory) if follow else None

    def read_wanted() -> list[dict[str, Any]]:
        while records := reader.read_new(PIECE_BYTES):
            if wanted := [r for r in records if not kind or r["kind"] in kind]:
                return wanted
        return []

    with contextlib.suppress(KeyboardInterrupt):
        for record in tail(read_wanted, followed, lines):
            _print(orjson.dumps(record).decode() if json else record_line(record), follow)
    if reader.broken:
        sys.stderr.write(f"{counted(reader.broken, 'damaged line')} left out\n")
    if reader.newer:
        records = counted(reader.newer, "record")
        sys.stderr.write(f"{records} of a newer program: what is known of them is shown\n")


def _last(reader: "OutputReader", lines: int | None) -> Iterator[str]:
    """What stands behind the last line end, looked for when all lines are printed."""
    if lines != 0:
        yield from reader.read_unfinished()


def _print(line: str, follow: bool) -> None:
    sys.stdout.write(line + "\n")
    if follow:
        sys.stdout.flush()
