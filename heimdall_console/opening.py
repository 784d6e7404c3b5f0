"""Opening the console in this terminal, and what is left on it afterwards."""

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from heimdall_console import garbage
from heimdall_console.preferences import Preferences, preferences_path
from heimdall_console.terminal import character_set
from training_core.contract.errors import HeimdallError, UsageError
from training_core.contract.home import home_path

if TYPE_CHECKING:
    from heimdall_console.tour.guide import Guide


_SETTLED_AFTER_S: Final = 3.0


def is_screen() -> bool:
    """Whether a person sits at a terminal that can show screens."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def open_console(
    *,
    home: Path | None = None,
    run_ids: tuple[str, ...] = (),
    readonly: bool = False,
    ascii_only: bool = False,
    theme: str = "",
    guide: "Guide | None" = None,
) -> int:
    """Show the console until the person leaves it; the return value is the exit code.

    Args:
        home: Where runs live; the usual one when None.
        run_ids: Runs to watch at once; the list of runs when empty.
        readonly: Whether nothing may be started, changed or removed.
        ascii_only: Whether only ASCII is drawn; so it is where the terminal knows no more.
        theme: Name of a theme; the remembered one when empty.
        guide: What a tour says on every screen; None outside of one.

    Raises:
        UsageError: This is no terminal.
    """
    if not is_screen():
        raise UsageError(
            "The console needs a terminal",
            why="Input or output is a pipe or a file, or TERM says that it is dumb",
            unharmed="Nothing was started",
            action="Every screen has a command: `heimdall-console --help` lists them",
        )
    garbage.begin()
    from heimdall_console.app import HeimdallApp

    home = home or home_path()
    _later(garbage.settle)
    if not readonly and guide is None:
        _later(lambda: _start_owed_publishers(home))
        _later(lambda: _remove_leftovers(home))
    app = HeimdallApp(
        home,
        run_ids=run_ids,
        readonly=readonly,
        ascii_only=ascii_only or character_set(sys.stdout) != "utf-8",
        theme=theme,
        # What is chosen in a tour leaves with it.
        preferences=Preferences(preferences_path(), is_kept=guide is None),
        guide=guide,
    )
    said = app.run()
    if said:
        sys.stdout.write(f"{said}\n")
    return app.return_code or 0


def _later(work: Callable[[], None]) -> None:
    """Do something once the first screens stand, in a thread that nobody waits for.

    A home on a file system that hangs must not keep the person from looking, nor from leaving.
    """
    timer = threading.Timer(_SETTLED_AFTER_S, work)
    timer.daemon = True
    timer.start()


def _remove_leftovers(home: Path) -> None:
    """Remove what killed processes left half-written."""
    from training_core.contract.leftovers import remove_leftovers

    with contextlib.suppress(OSError):
        remove_leftovers(home)


def _start_owed_publishers(home: Path) -> None:
    """Start again the publishers that died, as everybody does who looks at runs."""
    from heimdall_console.owed_publishing import start_owed_publishers

    with contextlib.suppress(HeimdallError, OSError):
        start_owed_publishers(home)
