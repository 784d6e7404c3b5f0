"""Which checkpoint a key means, also after the training has removed the one under the cursor."""

from abc import abstractmethod
from collections.abc import Sequence

from heimdall_console.checkpoint_list import CheckpointList
from heimdall_console.checkpoint_rows import CheckpointRow
from heimdall_console.screens.base import BaseScreen
from heimdall_console.widgets.record_table import RecordTable


class CheckpointsBase(BaseScreen):
    """The checkpoints that are shown, and those of them that are pointed at."""

    shown: CheckpointList | None = None

    def __init__(self) -> None:
        super().__init__()
        self.pruned_here: set[str] = set()
        """Files that this screen itself has moved to the trash."""
        self._stands_in = ""
        """Key of the checkpoint that the cursor came to lie on when its own one was removed."""
        self._removed = ""
        """What is said of that one."""

    @property
    @abstractmethod
    def table(self) -> RecordTable:
        """The checkpoints."""

    @property
    def run_id(self) -> str:
        """Whose checkpoints are shown; empty without any."""
        return self.shown.run_id if self.shown is not None else ""

    @property
    def rows(self) -> Sequence[CheckpointRow]:
        """What is shown, in the order of its making."""
        return self.shown.rows if self.shown is not None else ()

    @property
    def row(self) -> CheckpointRow | None:
        """The checkpoint under the cursor."""
        return next((row for row in self.rows if str(row.path) == self.table.key), None)

    def pointed_rows(self) -> list[CheckpointRow]:
        """The marked checkpoints and the one under the cursor."""
        keys = self.table.marked | {self.table.key}
        return [row for row in self.rows if str(row.path) in keys]

    def chosen_rows(self) -> list[CheckpointRow]:
        """The marked checkpoints, or the one that a key means."""
        marked = [row for row in self.rows if str(row.path) in self.table.marked]
        return marked or ([row] if (row := self.meant_row()) is not None else [])

    def meant_row(self) -> CheckpointRow | None:
        """The checkpoint under the cursor, unless a key may have been meant for a removed one.

        The cursor then stays at its place, on another checkpoint: the first key only says so.
        """
        row = self.row
        if row is None or str(row.path) != self._stands_in:
            return row
        self._stands_in = ""
        said = f"{self._removed}. The cursor is on {row.name} now: press the key again to mean it"
        self.tell(said, "warning")
        return None

    def cursor_moved(self, key: str) -> None:
        """A person who moves the cursor sees where it is."""
        if key != self._stands_in:
            self._stands_in = ""

    def tell_removed(self, before: Sequence[CheckpointRow]) -> None:
        """Say which checkpoints are there no longer that a key would have meant.

        Args:
            before: Those that were pointed at before others were shown.
        """
        now, pointed = {row.path for row in self.rows}, {str(row.path) for row in before}
        lost = [r for r in before if r.path not in now and r.sidecar.file not in self.pruned_here]
        if not lost:
            return
        runs = self.console_app.runs or ()
        is_living = any(r.info.id == self.run_id and not r.status.has_ended for r in runs)
        names, were = ", ".join(row.name for row in lost), "was" if len(lost) == 1 else "were"
        self._removed = f"{names} {were} removed{' by the training' if is_living else ''}"
        if self.table.key not in pointed or not self.table.marked:
            self._stands_in = self.table.key
        self.tell(self._removed, "warning")
