"""What can be done with checkpoints, each after its question."""

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from heimdall_console.checkpoint_list import prune_text
from heimdall_console.checkpoint_rows import CheckpointRow, checkpoint_rows, find_checkpoints
from heimdall_console.formatting import counted, plain, size
from heimdall_console.screens.checkpoints_base import CheckpointsBase
from training_core.contract.errors import HeimdallError

if TYPE_CHECKING:
    from heimdall_console.checkpoint_trash import Pruned
    from training_core.contract.config import Config
    from training_core.contract.run_dir import RunDir


class CheckpointsActions(CheckpointsBase):
    """The actions; what is shown is the subclass's affair."""

    sort_id = "step"
    is_descending = True

    @abstractmethod
    def read(self) -> None:
        """Read the checkpoints again."""

    @abstractmethod
    def run_names(self) -> list[tuple[str, str]]:
        """Id of every run with its name and state."""

    # Runs.

    def action_choose_run(self) -> None:
        """Choose whose checkpoints are shown."""
        from heimdall_console.screens.dialogs.choice_picker import ChoicePicker

        async def flow() -> None:
            chosen = await self.app.push_screen_wait(
                ChoicePicker("Checkpoints of which run?", self.run_names(), self.run_id)
            )
            if chosen:
                self.show_run(chosen)

        self.start(flow())

    def show_run(self, run_id: str) -> None:
        """Show the checkpoints of a run."""
        self.console_app.selection.run_ids = (run_id,)
        self.read()

    def action_next_run(self) -> None:
        """Show the next older run."""
        self._step_run(1)

    def action_previous_run(self) -> None:
        """Show the next newer run."""
        self._step_run(-1)

    def _step_run(self, by: int) -> None:
        ids = [run_id for run_id, _ in self.run_names()]
        if ids:
            place = ids.index(self.run_id) + by if self.run_id in ids else 0
            self.show_run(ids[min(max(0, place), len(ids) - 1)])

    def action_open(self) -> None:
        """Watch the run."""
        if self.run_id:
            self.console_app.show_live(self.run_id)

    # Exports.

    def action_export(self) -> None:
        """Export it and prove it."""
        from training_core.contract.jobs import ExportArguments

        row = self.meant_row()
        if row is not None:
            arguments = ExportArguments(checkpoint=row.path)
            self.console_app.start_job("export", arguments, f"export of {row.name}")

    def action_register(self) -> None:
        """Register it, exporting it first where that was not done."""
        row = self.meant_row()
        if row is not None:
            self.start(self._register(row))

    async def _register(self, row: CheckpointRow) -> None:
        from heimdall_console.exporting import register_arguments
        from training_core.contract.run_dir import find_run

        home, run_id = self.console_app.home, self.run_id
        config = await self.tried(lambda: _configuration(row.path, home))
        if config is None:
            return
        first = "" if row.exports else "It is exported to ONNX and proved first.\n"
        name = await self.ask_text(
            "Register as a version of which model?",
            f"{first}{row.name}",
            _model_name(config),
            _name,
        )
        if name is None:
            return
        alias = await self.ask_text(
            f"Which alias moves to the new version of {name}?",
            "Such as champion or challenger; empty moves none.",
            "challenger",
            alias_problem,
        )
        if alias is None:
            return
        if row.exports:
            folder, checkpoint = row.exports[-1].folder, None
        else:
            run = await self.tried(lambda: find_run(home, run_id))
            if run is None:
                return
            folder, checkpoint = run.exports / row.path.stem, row.path
        arguments = register_arguments(folder, name, alias, config, checkpoint)
        self.console_app.start_job("register", arguments, f"registration of {row.name} as {name}")

    def action_evaluate(self) -> None:
        """Go and evaluate it."""
        row = self.meant_row()
        if row is not None:
            self.console_app.show_evaluate(self.run_id, str(row.path))

    # The run.

    def action_resume(self) -> None:
        """Let the run go on from it."""
        row = self.meant_row()
        if row is not None:
            self.start(self._resume(row))

    async def _resume(self, row: CheckpointRow) -> None:
        home, run_id = self.console_app.home, self.run_id
        dropped = "" if "last" in row.marks else "\nWhat it recorded after that step is dropped."
        if not await self.ask_yes_no(
            f"Resume {run_id} from step {row.sidecar.step:,}?",
            f"{row.name}: the run goes on in the same log.{dropped}",
            "Resume",
        ):
            return
        if await self.tried(lambda: _resume(row.path, home)):
            self.tell(f"{run_id} goes on from step {row.sidecar.step:,}")
            self.console_app.show_live(run_id)

    # The trash.

    def action_mark(self) -> None:
        """Mark it for pruning."""
        if self.meant_row() is not None:
            self.table.toggle_mark()

    def action_prune(self) -> None:
        """Move checkpoints to the trash."""
        rows = self.chosen_rows()
        if rows:
            self.start(self._prune(rows))

    async def _prune(self, rows: list[CheckpointRow]) -> None:
        from heimdall_console.checkpoint_trash import refuse_protected

        home, run_id = self.console_app.home, self.run_id
        try:
            refuse_protected(rows)
        except HeimdallError as error:
            self.show_error(error)
            return
        title = f"Prune {counted(len(rows), 'checkpoint')}?"
        if not await self.ask_yes_no(title, prune_text(rows), "Move to the trash"):
            return
        names = [row.sidecar.file for row in rows]
        self.pruned_here |= set(names)
        pruned = await self.tried(lambda: _prune(home, run_id, names))
        if pruned is not None:
            self.table.clear_marks()
            moved = counted(len(pruned.files), "checkpoint")
            self.tell(f"{moved}, {size(pruned.size_bytes)}, in the trash; u brings back")
        self.read()

    def action_restore(self) -> None:
        """Undo the last pruning."""
        self.start(self._restore())

    async def _restore(self) -> None:
        home, run_id = self.console_app.home, self.run_id
        if not (self.shown is not None and self.shown.trash):
            self.tell("The trash of this run is empty")
            return
        restored = await self.tried(lambda: _restore(home, run_id))
        if restored:
            self.pruned_here -= {path.name for path in restored}
            names = ", ".join(path.stem for path in restored[:3])
            more = f" and {len(restored) - 3} more" if len(restored) > 3 else ""
            self.tell(f"Restored: {names}{more}")
        self.read()

    def action_empty_trash(self) -> None:
        """Remove for good what was pruned."""
        self.start(self._empty_trash())

    async def _empty_trash(self) -> None:
        home, run_id = self.console_app.home, self.run_id
        trash = self.shown.trash if self.shown is not None else ()
        if not trash:
            self.tell("The trash of this run is empty")
            return
        files = sum(len(pruned.files) for pruned in trash)
        held = size(sum(pruned.size_bytes for pruned in trash))
        if not await self.ask_yes_no(
            f"Remove {counted(files, 'checkpoint')} for good?",
            f"{held} become free. This cannot be undone.",
            "Remove",
        ):
            return
        freed = await self.tried(lambda: _empty_trash(home, run_id))
        if freed is not None:
            self.tell(f"{size(freed)} freed")
        self.read()

    def action_copy(self) -> None:
        """Copy path, SHA-256 or command, in turn."""
        row = self.meant_row()
        if row is None:
            return
        command = f"heimdall-console checkpoints show {self.run_id} {row.sidecar.file}"
        path = str(row.path)
        self.console_app.copy_in_turn(path, (path, row.sidecar.sha256, command))


def _configuration(path: Path, home: Path) -> "Config":
    from heimdall_console.checkpoint_reference import configuration_of

    return configuration_of(path, home)


def _model_name(config: "Config") -> str:
    return config.export.model_name


def _name(text: str) -> str:
    if not text.strip():
        return "a name"
    bad = [c for c in text if c in "/\\@:" or not c.isprintable()]
    return f"{plain(bad[0])} cannot be part of a name" if bad else ""


def alias_problem(text: str) -> str:
    """What is wrong with an alias; empty where nothing is, and for none."""
    if not text:
        return ""
    if text == "latest" or (text[0] == "v" and text[1:].isdecimal()):
        return "this alias is reserved"
    good = all(c.isalnum() or c in "-_" for c in text) and text.isascii()
    return "" if good else "letters, digits, - and _"


def _resume(path: Path, home: Path) -> "RunDir":
    from heimdall_console.starting.launching import resume

    return resume(home, str(path))


def _prune(home: Path, run_id: str, names: list[str]) -> "Pruned":
    from heimdall_console.checkpoint_trash import move_to_trash
    from training_core.contract.run_dir import find_run

    run = find_run(home, run_id)
    # While a person thought, one of them may have become needed.
    return move_to_trash(run, find_checkpoints(checkpoint_rows(run, home), names))


def _restore(home: Path, run_id: str) -> list[Path]:
    from heimdall_console.checkpoint_trash import list_trash, restore
    from training_core.contract.run_dir import find_run

    run = find_run(home, run_id)
    trash = list_trash(run)
    return restore(run, trash[0]) if trash else []


def _empty_trash(home: Path, run_id: str) -> int:
    from heimdall_console.checkpoint_trash import empty_trash
    from training_core.contract.run_dir import find_run

    return empty_trash(find_run(home, run_id))
