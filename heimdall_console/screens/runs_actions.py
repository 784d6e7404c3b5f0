"""What can be done with the runs of the list."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from textual.widgets import Input

from heimdall_console.formatting import counted, plain, size
from heimdall_console.run_archive import archived_runs, change_archive
from heimdall_console.screens.runs_parts import RunsParts
from heimdall_console.sources.thread import in_thread
from training_core.contract.errors import HeimdallError

if TYPE_CHECKING:
    from heimdall_console.run_removal import Removal
    from heimdall_console.run_rows import RunRow

_CONFIG_FILES: Final = ("config.toml", "config/config.toml")


class RunsActions(RunsParts):
    """The part of the screen Runs that acts."""

    _last_archived: tuple[str, ...] = ()

    def chosen_rows(self) -> "list[RunRow]":
        """The marked runs, or the one under the cursor."""
        known = self.runs.rows.rows
        marked = [known[key] for key in self.table.marked if key in known]
        if marked:
            return sorted(marked, key=lambda row: row.created_s or 0.0)
        row = self.current_row()
        return [row] if row is not None else []

    # Looking.

    def action_open(self) -> None:
        """Watch the run, or open the group."""
        line = self.table.cursor_line
        row = self.current_row()
        if row is None:
            if line is not None:
                self.action_fold()
        elif row.is_local:
            together = [r.key for r in self.chosen_rows() if r.is_local and r.key != row.key]
            is_marked = row.key in self.table.marked
            self.console_app.show_live(row.key, *(together if is_marked else ()))
        else:
            from heimdall_console.screens.tracked_run import TrackedRunScreen

            self.app.push_screen(TrackedRunScreen(row))

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one("#runs-filter", Input).focus()

    def action_mark(self) -> None:
        """Mark the run, then go to the next."""
        row = self.current_row()
        if row is None:
            return
        self.table.marked ^= {row.key}
        self.table.action_move(1)
        self._marks_changed()

    def action_clear_marks(self) -> None:
        """Take all marks away."""
        self.table.marked.clear()
        self._marks_changed()

    def _marks_changed(self) -> None:
        self.table.redraw()
        self.show_count()

    def action_compare(self) -> None:
        """Compare the marked runs."""
        rows = self.chosen_rows()
        if len(rows) < 2:
            self.tell("Mark two runs or more with space, then compare them")
            return
        from heimdall_console.screens.compare import CompareScreen

        self.app.push_screen(CompareScreen(rows, self.runs))

    def action_checkpoints(self) -> None:
        """Browse the run's checkpoints."""
        row = self.local_row("has checkpoints here")
        if row is not None:
            self.console_app.show_checkpoints(row.key)

    def action_copy(self) -> None:
        """Copy the id; pressed again, the name, then the path."""
        row = self.current_row()
        if row is None:
            return
        texts = [row.run_id or row.mlflow_id, row.name, row.path]
        texts = [text for text in dict.fromkeys(texts) if text]
        self.console_app.copy_in_turn(row.key, texts)

    def action_fold(self) -> None:
        """Hide or show what belongs to the line under the cursor."""
        line = self.table.cursor_line
        if line is not None and (line.row is None or line.count):
            self.runs.closed ^= {line.key}
            self.arrange_runs()

    def action_show_archived(self) -> None:
        """Show the archived runs, too, or hide them."""
        self.runs.shows_archived = not self.runs.shows_archived
        self.arrange_runs()

    def action_refresh(self) -> None:
        """Read everything again."""
        self.run_in_thread(self.read_archive, self.take_archive)
        self.read_again()

    # Changing runs.

    def local_row(self, what: str) -> "RunRow | None":
        """The run under the cursor, if it is on this disk; else it is said why not."""
        row = self.current_row()
        if row is not None and not row.is_local:
            self.tell(f"{row.name} is in MLflow only: only a run of this disk {what}", "warning")
            return None
        return row

    def action_stop(self) -> None:
        """End the run."""
        row = self.local_row("can be stopped")
        if row is not None:
            from heimdall_console.screens import run_control

            self.start(run_control.stop(self, row.key))

    def action_pause(self) -> None:
        """Pause the run, or let it go on."""
        row = self.local_row("can be paused")
        if row is not None:
            from heimdall_console.screens import run_control

            self.start(run_control.pause_or_resume(self, row.key))

    def action_resume(self) -> None:
        """Go on with a run that has ended."""
        row = self.local_row("can be resumed")
        if row is not None:
            from heimdall_console.screens import run_control

            self.start(run_control.resume_ended(self, row.key))

    def action_rerun(self) -> None:
        """Configure a new run from this one."""
        row = self.current_row()
        if row is None:
            return
        if row.is_local:
            self.console_app.show_configure(from_run=row.key)
        else:
            self.rerun_tracked(row)

    def rerun_tracked(self, row: "RunRow") -> None:
        """Configure a new run from the configuration among a run's artifacts."""
        self.run_in_thread(
            config_reader(self.console_app.tracking.answer, row),
            lambda text: self.console_app.show_configure(text=text),
        )

    def action_archive(self) -> None:
        """Put runs away; of archived ones, take them out."""
        rows = self.chosen_rows()
        if rows:
            is_out = all(row.key in self.runs.archived for row in rows)
            self._change_archive(tuple(row.key for row in rows), put_away=not is_out)

    def action_undo(self) -> None:
        """Take out what was put away last."""
        if self._last_archived:
            self._change_archive(self._last_archived, put_away=False)
        else:
            self.tell("Nothing was archived since the console was opened")

    def _change_archive(self, keys: tuple[str, ...], *, put_away: bool) -> None:
        home = self.console_app.home

        def done(archived: frozenset[str]) -> None:
            self._last_archived = keys if put_away else ()
            self.table.marked -= set(keys)
            self.take_archive(archived)
            verb = "archived; u takes them out again" if put_away else "taken out of the archive"
            self.tell(f"{counted(len(keys), 'run')} {verb}")

        self.run_in_thread(lambda: change_archive(home, keys, put_away=put_away), done)

    def read_archive(self) -> frozenset[str]:
        """The runs that are put away."""
        return archived_runs(self.console_app.home)

    def take_archive(self, archived: frozenset[str]) -> None:
        """Hide the runs that are put away."""
        self.runs.archived = archived
        self.table.put_away = archived
        self.runs.refresh_query()
        self.arrange_runs()
        self.show_count()

    def action_delete(self) -> None:
        """Remove runs of this disk."""
        rows = self.chosen_rows()
        if any(not row.is_local for row in rows):
            self.tell(
                "Runs that are in MLflow only are not removed from here: a hides them", "warning"
            )
        elif rows:
            self.start(self._delete([row.key for row in rows]))

    async def _delete(self, run_ids: list[str]) -> None:
        from heimdall_console.run_removal import plan_removal, remove_run
        from training_core.contract.run_dir import find_run

        home = self.console_app.home

        def plan() -> "list[Removal]":
            return [plan_removal(find_run(home, run_id), home) for run_id in run_ids]

        try:
            planned = await in_thread(plan)
            if not await self.ask_yes_no(
                f"Delete {counted(len(planned), 'run')}?", removal_text(planned), "Delete"
            ):
                return

            def remove() -> None:
                for removal in planned:
                    remove_run(removal.run)

            await in_thread(remove)
        except HeimdallError as error:
            self.show_error(error)
            return
        self.table.marked -= set(run_ids)
        self.show_count()
        self.tell(f"{counted(len(planned), 'run')} removed")


def removal_text(planned: "Sequence[Removal]") -> str:
    """What goes, how large it is, and what of it is not published."""
    total = size(sum(removal.size_bytes for removal in planned))
    lines = [
        f"{plain(removal.name) or removal.run.id}  {removal.status.value}" for removal in planned
    ]
    if len(lines) > 8:
        lines = [*lines[:7], f"and {len(lines) - 7} more"]
    owing = sum(removal.is_owing for removal in planned)
    lines += ["", f"{total} with all checkpoints. This cannot be undone."]
    if owing:
        lines.append(f"{counted(owing, 'run')} not fully published to MLflow.")
    return "\n".join(lines)


def config_reader(answer: Callable[..., dict[str, object]], row: "RunRow") -> Callable[[], str]:
    """What reads the configuration among the artifacts of a run of MLflow."""

    def read() -> str:
        failed: HeimdallError | None = None
        for path in _CONFIG_FILES:
            try:
                found = answer("preview", run=row.mlflow_id, path=path)
            except HeimdallError as error:
                failed = error
                continue
            if found.get("kind") == "text" and not found.get("is_cut"):
                return str(found["text"])
        raise HeimdallError(
            f"{plain(row.name)} cannot be run again",
            why="No config.toml of it could be read"
            + (f": {failed.what}. {failed.why}" if failed is not None else ""),
            unharmed="Nothing was started",
            action="Set up a run by hand, with its parameters beside you",
        ) from failed

    return read
