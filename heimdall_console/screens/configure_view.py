"""What the screen Configure shows, and how form, text and draft are kept in step."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.widgets import Input, Static, TextArea

from heimdall_console.config_changes import value_text
from heimdall_console.config_command import as_line
from heimdall_console.config_form_lines import form_lines
from heimdall_console.formatting import counted, plain, shortened
from heimdall_console.screens.base import BaseScreen
from heimdall_console.sources.thread import in_thread
from heimdall_console.widgets.config_editor import ConfigEditor
from heimdall_console.widgets.config_form import ConfigForm
from heimdall_console.widgets.form_rows import ascii_text
from heimdall_console.widgets.link_line import LinkLine, Piece
from heimdall_console.widgets.preflight_panel import PreflightPanel
from heimdall_console.widgets.text_field import TextField
from training_core.contract.errors import ConfigProblem, HeimdallError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.timer import Timer

    from heimdall_console.config_document import ConfigDocument
    from heimdall_console.config_drafts import DraftKeeper
    from heimdall_console.dataset_check import NamedDataset
    from heimdall_console.job_rows import JobRow
    from heimdall_console.widgets.form_messages import FormFolded, FormPicked, FormTyped

_BOTH, _PANEL_BESIDE, _ALL = 160, 100, 220
_READ_AFTER_S: Final = 0.15
_KEEP_AFTER_S: Final = 0.4
_SECTION: Final = "configure"


class ConfigureView(BaseScreen):
    """One document, its form, its text, its draft."""

    NAME = "configure"
    CSS_PATH = "configure.tcss"
    AUTO_FOCUS = "#form-rows"
    ABOUT: ClassVar[str] = (
        "A run is configured here, in a form and as TOML: both are the same text. What differs "
        "from where it began is marked, what is wrong says so at its field. The command line at "
        "the bottom makes the same run."
    )

    def __init__(self) -> None:
        super().__init__()
        self.document: ConfigDocument | None = None
        self.keeper: DraftKeeper | None = None
        self.view = "form"
        self.is_panel_open = False
        self.tried_text = ""
        """Text of what was tried last, which the panel is about."""
        self._folded: frozenset[str] = frozenset()
        self._only_changed = False
        self._looked_for: NamedDataset | None = None
        self._read_timer: Timer | None = None
        self._keep_timer: Timer | None = None

    # Made of.

    def compose_body(self) -> ComposeResult:
        """Title, search, form and text, help, changes, command."""
        ascii_only = self.console_app.ascii_only
        self.form: ConfigForm = ConfigForm(ascii_only=ascii_only)
        self.editor: ConfigEditor = ConfigEditor()
        self.panel: PreflightPanel = PreflightPanel(ascii_only=ascii_only)
        yield LinkLine(id="config-title")
        with Horizontal(id="config-search"):
            yield Static("/", markup=False)
            yield TextField(id="config-words", placeholder="a part of a name or of its help")
        with Container(id="config-body"), Horizontal():
            yield self.form
            yield self.editor
            yield self.panel
        yield Static("", id="config-help", markup=False)
        yield Static("", id="config-changes", markup=False)
        yield Static("", id="config-command", markup=False)

    def on_mount(self) -> None:
        """Begin with what was folded the last time."""
        folded = self.console_app.preferences.get(_SECTION, "folded", [])
        self._folded = frozenset(name for name in folded if isinstance(name, str))
        self.editor.cursor_blink = False
        self.lay_out()

    async def on_unmount(self) -> None:
        """Keep what is unsaved; the next console offers it."""
        if self.keeper is not None and self.document is not None:
            keeper, document = self.keeper, self.document
            if self.editor.text != document.text:
                document.replace_text(self.editor.text)
            # A disk that refuses was told of while there was a screen to tell it on.
            with contextlib.suppress(HeimdallError):
                await in_thread(lambda: keeper.keep(document))
            keeper.close()

    def on_resize(self) -> None:
        """Other parts fit beside one another."""
        self.lay_out()
        self.show_summary()

    @property
    def shows_both(self) -> bool:
        """Whether form and text stand beside one another."""
        width = self.size.width
        return width >= (_ALL if self.is_panel_open else _BOTH)

    def lay_out(self) -> None:
        """Show what there is room for."""
        is_alone = self.is_panel_open and self.size.width < _PANEL_BESIDE
        self.form.display = not is_alone and (self.view == "form" or self.shows_both)
        self.editor.display = not is_alone and (self.view == "toml" or self.shows_both)
        self.panel.display = self.is_panel_open
        self.set_class(self.shows_both or (self.is_panel_open and not is_alone), "-both")

    # One document, two views.

    def take_document(self, document: "ConfigDocument") -> None:
        """Show another document."""
        self.document, self._looked_for = document, None
        self.editor.load_text(document.text)
        self.form.end_edit()
        self.show_document()
        self.focus_view()

    def show_document(self) -> None:
        """Show what the document says now, in both views."""
        document = self.document
        if document is None:
            return
        words = self.query_one("#config-words", TextField).value
        lines = form_lines(document, self._folded, words, only_changed=self._only_changed)
        self.form.rows.show(document, lines)
        self.editor.show_text(document.text)
        self.editor.mark_lines({p.line for p in document.problems if p.line is not None})
        self.panel.mark_outdated(bool(self.tried_text) and self.tried_text != document.text)
        self.show_summary()
        self._look_for_dataset(document)
        if self._keep_timer is None:
            self._keep_timer = self.set_timer(_KEEP_AFTER_S, self._keep_draft)

    def jobs_changed(self, jobs: "Sequence[JobRow]") -> None:
        """A job may have made the dataset that was missing."""
        if self.document is not None and self.document.problem_of("data"):
            self.look_again()

    def look_again(self) -> None:
        """Look at the disk again: what was missing may be there by now."""
        self._looked_for = None
        if self.document is not None:
            self._look_for_dataset(self.document)

    def _look_for_dataset(self, document: "ConfigDocument") -> None:
        """Say at the field where what it names is not there."""
        from heimdall_console.dataset_check import dataset_problems, named_dataset

        named, home = named_dataset(document), self.console_app.home
        if named is None or named == self._looked_for:
            return
        self._looked_for = named
        jobs = self.console_app.jobs or ()
        being_made = {
            Path(str(job.arguments.get("target", ""))) for job in jobs if not job.status.has_ended
        }

        def take(problems: "tuple[ConfigProblem, ...]") -> None:
            before = document.problems
            document.judge(named.about, problems)
            if document is self.document and document.problems != before:
                self.show_document()

        self.run_in_thread(
            lambda: dataset_problems(named, home, being_made),
            take,
            on_error=self.console_app.remember_error,
            group="dataset",
            exclusive=True,
        )

    def _keep_draft(self) -> None:
        self._keep_timer = None
        keeper, document = self.keeper, self.document
        if keeper is not None and document is not None:
            self.run_in_thread(lambda: keeper.keep(document), group="draft")

    def read_editor(self) -> None:
        """Take what was typed into the text at once."""
        if self._read_timer is not None:
            self._read_timer.stop()
            self._read_timer = None
        if self.document is not None and self.editor.text != self.document.text:
            self.document.replace_text(self.editor.text, part="text")
            self.show_document()

    @on(TextArea.Changed)
    def _text_changed(self) -> None:
        if self.document is None or self.editor.text == self.document.text:
            return
        if self._read_timer is not None:
            self._read_timer.stop()
        self._read_timer = self.set_timer(_READ_AFTER_S, self.read_editor)

    def change(self, change: "Callable[[ConfigDocument], object]") -> None:
        """Change the document by a function of it; what cannot be done is said."""
        if self.document is None:
            return
        self.read_editor()
        try:
            change(self.document)
        except HeimdallError as error:
            self.tell(str(error), "warning")
        self.show_document()

    # What the form says.

    async def on_form_typed(self, event: "FormTyped") -> None:
        """A field has another text."""
        self.change(lambda document: document.set_typed(event.field, event.text))

    async def on_form_picked(self, event: "FormPicked") -> None:
        """A field has another value."""
        self.change(lambda document: document.set_literal(event.field, event.literal))

    async def on_form_moved(self) -> None:
        """Another field is explained."""
        if self.document is not None and not self.form.is_editing:
            self.document.end_part()
        self.show_summary()

    async def on_form_folded(self, event: "FormFolded") -> None:
        """Fold a section, or unfold it."""
        is_folded = event.section in self._folded
        wanted = is_folded if event.is_open is None else event.is_open
        self.fold(self._folded - {event.section} if wanted else self._folded | {event.section})

    def fold(self, folded: frozenset[str]) -> None:
        """Fold these sections and no others."""
        self._folded = folded
        self.console_app.remember(_SECTION, "folded", sorted(folded))
        self.show_document()

    @on(Input.Changed, "#config-words")
    def _search(self, event: Input.Changed) -> None:
        self.show_document()
        self.form.rows.go_to_named(event.value.lower().split())

    @on(Input.Submitted, "#config-words")
    def _found(self) -> None:
        self.set_focus(self.form.rows)

    # The lines around.

    def show_summary(self) -> None:
        """Show where it began, what has changed, what the field means, the command."""
        document = self.document
        if document is None:
            self.query_one("#config-title", LinkLine).show((Piece(" Reading…", "muted"),))
            return
        self._show_title(document)
        self.query_one("#config-help", Static).update(self._help(document))
        self.query_one("#config-changes", Static).update(self._changes(document))
        command = "$ " + plain(as_line(document.command()))
        room = max(20, 2 * (self.size.width - 2) - 1)
        self.query_one("#config-command", Static).update(
            Text(self._shown(shortened(command, room)), no_wrap=False)
        )

    def _show_title(self, document: "ConfigDocument") -> None:
        origin, changes = document.origin, document.changes
        beginning = "" if origin.kind == "preset" else "from "
        said = counted(len(changes), "change") if changes else "as it began"
        width = self.size.width
        name = shortened(plain(origin.title or origin.name), max(12, width - 44))
        left = [
            Piece(f" {beginning}", "muted"),
            Piece(self._shown(name), "accent", "begin"),
            Piece(f"  {said}", "plain", "show_changes"),
        ]
        if document.problems:
            cross = "x" if self.console_app.ascii_only else "✗"
            wrong = counted(len(document.problems), "problem")
            left.append(Piece(f"  {cross} {wrong}", "key", "next_problem"))
        if document.is_unsaved and cell_len("".join(p.text for p in left)) + 32 < width:
            left.append(Piece("  not saved", "muted", "save"))
        bar = "|" if self.console_app.ascii_only else "│"
        marks = (
            {"form": "muted", "toml": "muted"}
            if self.shows_both
            else {"form": "muted", "toml": "muted", self.view: "active"}
        )
        right = (
            Piece(" form ", marks["form"], "toggle_view"),
            Piece(bar, "muted"),
            Piece(" toml ", marks["toml"], "toggle_view"),
        )
        self.query_one("#config-title", LinkLine).show(tuple(left), right)

    def _help(self, document: "ConfigDocument") -> Text:
        colors = self.console_app.theme_variables
        if not document.is_toml:
            problem = document.problems[0]
            return Text(
                self._shown(f"line {problem.line}: {plain(problem.message)}"),
                colors.get("error", ""),
            )
        if self.editor.has_focus or not self.form.display:
            return self._problem_lines(document, colors)
        line = self.form.rows.line
        if line is None:
            if self._only_changed:
                return Text("Nothing has changed. c shows all fields.")
            return Text("No field has such a name. esc shows all.")
        if line.field is None:
            return Text(self._shown(line.section.help))
        field = line.field
        wrong = document.problem_of(field.key)
        text = Text(no_wrap=False)
        if wrong:
            end = " " if wrong.endswith("?") else ". "
            text.append(self._shown(f"{plain(wrong)}{end}"), colors.get("error", ""))
        text.append(self._shown(field.help), colors.get("foreground", ""))
        told = [field.limits] if field.limits else []
        told += [field.unit] if field.unit else []
        told.append(f"default {value_text(field.default)}")
        text.append("  " + self._shown("   ".join(told)))
        return text

    def _problem_lines(self, document: "ConfigDocument", colors: dict[str, str]) -> Text:
        if not document.problems:
            return Text("Nothing is wrong.")
        text = Text(no_wrap=True)
        for found in document.problems[:2]:
            where = f"line {found.line}: " if found.line is not None else ""
            said = f"{where}{plain(found.key)}: {plain(found.message)}"
            text.append(self._shown(f"{said}\n"), colors.get("error", ""))
        if len(document.problems) > 2:
            text = text[:-1]
            text.append(f"   and {len(document.problems) - 2} more: F8")
        return text

    def _changes(self, document: "ConfigDocument") -> Text:
        muted = self.console_app.theme_variables.get("muted", "")
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append("changes  ", muted)
        if not document.changes:
            text.append("none", muted)
        arrow, dot = (" -> ", "  ") if self.console_app.ascii_only else (" → ", " · ")
        for place, change in enumerate(document.changes):
            text.append(dot if place else "", muted)
            text.append(f"{change.key.rpartition('.')[2]} ")
            text.append(self._shown(value_text(change.there, 24)), muted)
            text.append(f"{arrow}{self._shown(value_text(change.here, 24))}")
        return text

    def _shown(self, text: str) -> str:
        return ascii_text(text) if self.console_app.ascii_only else text

    # The focus.

    def focus_view(self) -> None:
        """Give the focus to the form or the text."""
        if self.is_panel_open and not self.form.display and not self.editor.display:
            self.set_focus(self.panel)
        elif self.view == "toml" and self.editor.display:
            self.set_focus(self.editor)
        else:
            self.set_focus(self.form.rows)

    def leave_text_field(self) -> None:
        """Leave a field of the form, the search or the text."""
        if self.form.is_editing:
            self.form.end_edit()
            return
        self.read_editor()
        if self.focused is self.editor:
            self.view = "form"
            self.lay_out()
        self.focus_view()
        self.show_summary()

    def go_back(self) -> bool:
        """Close the panel, or show all fields again."""
        words = self.query_one("#config-words", TextField)
        search = self.query_one("#config-search")
        if self.is_panel_open:
            self.is_panel_open = False
            self.lay_out()
            self.focus_view()
        elif search.display or self._only_changed:
            self._only_changed = False
            search.display = False
            words.value = ""
            self.show_document()
        else:
            return False
        return True
