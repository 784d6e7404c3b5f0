"""The line at the top: which screens there are, where we are, what runs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len

from heimdall_console.actions.everywhere import MODES
from heimdall_console.formatting import plain
from heimdall_console.widgets.link_line import LinkLine, Piece

if TYPE_CHECKING:
    from heimdall_console.run_index import RunSummary

_NAME = " heimdall  "


class TopBar(LinkLine):
    """Names of the screens, and at the right the machine and how many runs are at work.

    Args:
        mode: Screen that this bar belongs to.
        host: Name of the machine.
    """

    def __init__(self, mode: str, host: str) -> None:
        super().__init__(id="top-bar")
        self._mode = mode
        self._host = plain(host)
        self._counts = (0, 0)
        self._marks: tuple[str, ...] = ()

    def show_runs(self, runs: Sequence["RunSummary"]) -> None:
        """Count the runs that are at work or wait."""
        words = [run.status.value for run in runs]
        running = sum(word in ("running", "starting", "paused") for word in words)
        self._counts = (running, words.count("queued"))
        self._fill()

    def show_marks(self, marks: Sequence[str]) -> None:
        """Words to be seen on every screen, such as "read only"."""
        self._marks = tuple(marks)
        self._fill()

    def on_mount(self) -> None:
        """Fill the line once its width is known."""
        self._fill()

    def on_resize(self) -> None:
        """Fill the line again."""
        self._fill()

    def _fill(self) -> None:
        """Choose how much there is room for."""
        work = self._work("running", "queued")
        brief = self._work("run", "wait")
        for is_named, is_full, right in (
            (True, True, f"{self._host}  {work}"),
            (False, True, f"{self._host}  {work}"),
            (False, True, work),
            (False, True, brief),
            (False, False, work),
            (False, False, ""),
        ):
            left = self._tabs(full=is_full, named=is_named)
            right = f"{right.strip()} " if right.strip() else ""
            if _width(left) + cell_len(right) < self.size.width:
                break
        self.show(left, (Piece(right, "muted"),) if right else ())

    def _work(self, running: str, queued: str) -> str:
        counted = zip(self._counts, (running, queued), strict=True)
        return "  ".join([*self._marks, *(f"{n} {word}" for n, word in counted if n)])

    def _tabs(self, *, full: bool, named: bool) -> tuple[Piece, ...]:
        pieces = [Piece(_NAME, "accent")] if named else []
        for number, (mode, title) in enumerate(MODES.items(), start=1):
            is_active = mode == self._mode
            text = f" {number} {title} " if full or is_active else f" {number} "
            pieces.append(Piece(text, "active" if is_active else "muted", f"show_{mode}"))
        return tuple(pieces)


def _width(pieces: Sequence[Piece]) -> int:
    return sum(cell_len(piece.text) for piece in pieces)
