"""What can be done with fields: offers, search, undoing, problems, differences."""

from typing import TYPE_CHECKING

from heimdall_console.config_changes import best_run, differences, flat_of_text
from heimdall_console.config_command import as_line
from heimdall_console.config_document import (
    ConfigDocument,
    preset_origin,
)
from heimdall_console.config_fields import config_fields, config_sections, toml_literal
from heimdall_console.config_offers import (
    TYPED,
    Offer,
    checkpoint_offers,
    dataset_offers,
)
from heimdall_console.screens.configure_view import ConfigureView
from heimdall_console.screens.dialogs.changes_page import ChangesPage, Comparison
from heimdall_console.screens.dialogs.offer_picker import OfferPicker
from heimdall_console.sources.thread import in_thread
from heimdall_console.widgets.text_field import TextField
from training_core.contract.config_file import parse_source, read_text
from training_core.contract.errors import HeimdallError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from heimdall_console.run_index import RunSummary
    from heimdall_console.widgets.form_messages import FormAsked


class ConfigureFields(ConfigureView):
    """Going about in the document, and changing it without typing."""

    async def on_form_asked(self, event: "FormAsked") -> None:
        """Offer what there is to choose."""
        self.start(self._offer(event))

    async def _offer(self, event: "FormAsked") -> None:
        field, app, document = event.field, self.console_app, self.document
        if document is None:
            return
        if field.offers == "datasets":
            offers = await in_thread(lambda: dataset_offers(app.home))
        elif field.offers == "checkpoints":
            runs = app.runs or ()
            offers = await in_thread(lambda: checkpoint_offers(runs, app.now()))
        else:
            offers = [
                Offer(choice, choice, "default" if choice == field.default else "")
                for choice in field.choices
            ]
        current = str(document.flat[field.key])
        answer = await self.app.push_screen_wait(OfferPicker(field.key, offers, current))
        if answer is None:
            return
        self.form.rows.go_to(field.key)
        if answer == TYPED:
            self.form.begin_edit()
        else:
            self.change(lambda document: document.set_literal(field, toml_literal(answer)))
            document.end_part()

    def action_filter(self) -> None:
        """Key /."""
        if not self.form.display:
            self.view = "form"
            self.is_panel_open = False
            self.lay_out()
        self.query_one("#config-search").display = True
        self.set_focus(self.query_one("#config-words", TextField))

    def action_toggle_view(self) -> None:
        """Key t."""
        self.read_editor()
        self.form.end_edit()
        if self.is_panel_open and not self.form.display and not self.editor.display:
            self.is_panel_open = False
        key = self.form.field.key if self.form.field is not None else ""
        self.view = "form" if self.view == "toml" else "toml"
        self.lay_out()
        self.focus_view()
        if self.view == "toml" and key:
            self._go_to_text(key)
        self.show_summary()

    def _go_to_text(self, key: str) -> None:
        if self.document is None or not self.document.is_toml:
            return
        line = (parse_source(self.document.text).lines or {}).get(tuple(key.split(".")))
        if line is not None:
            self.editor.go_to_line(line)

    def action_reset(self) -> None:
        """Key r."""
        field = self.form.field
        if field is not None:
            self.change(lambda document: document.reset(field))
            if self.document is not None:
                self.document.end_part()

    def action_undo(self) -> None:
        """Key u."""
        self._step(lambda document: document.undo(), "Nothing to take back")

    def action_redo(self) -> None:
        """Key U."""
        self._step(lambda document: document.redo(), "Nothing was taken back")

    def _step(self, step: "Callable[[ConfigDocument], bool]", otherwise: str) -> None:
        self.read_editor()
        if self.document is not None and not step(self.document):
            self.tell(otherwise)
        self.show_document()

    def action_only_changed(self) -> None:
        """Key c."""
        self._only_changed = not self._only_changed
        self.show_document()

    def action_fold_all(self) -> None:
        """Key F."""
        self.fold(frozenset() if self._folded else frozenset(s.title for s in config_sections()))

    def action_next_problem(self) -> None:
        """Key n."""
        self.read_editor()
        document = self.document
        if document is None:
            return
        if not document.problems:
            self.tell("Nothing is wrong")
        elif not document.is_toml or (self.view == "toml" and not self.shows_both):
            self._go_to_wrong_line(document)
        else:
            self._go_to_wrong_field(document)

    def _go_to_wrong_line(self, document: "ConfigDocument") -> None:
        lines = sorted({p.line for p in document.problems if p.line is not None})
        if not lines:
            return
        here = self.editor.cursor_location[0] + 1
        self.view = "toml"
        self.is_panel_open = False
        self.lay_out()
        self.set_focus(self.editor)
        self.editor.go_to_line(next((line for line in lines if line > here), lines[0]))
        self.show_summary()

    def _go_to_wrong_field(self, document: "ConfigDocument") -> None:
        wrong = [key for key in config_fields() if document.problem_of(key)]
        if not wrong:
            self._go_to_wrong_line(document)
            return
        keys = list(config_fields())
        field = self.form.field
        here = keys.index(field.key) if field is not None else -1
        chosen = next((key for key in wrong if keys.index(key) > here), wrong[0])
        self._show_field(chosen)

    def _show_field(self, key: str) -> None:
        """Put the cursor on a field, whatever hides it."""
        self.view = "form"
        if not self.form.display and self.size.width < 100:
            self.is_panel_open = False
        self.lay_out()
        self.form.end_edit()
        if not self.form.rows.go_to(key):
            self._only_changed = False
            self.query_one("#config-search").display = False
            self.query_one("#config-words", TextField).value = ""
            self.fold(self._folded - {key.rpartition(".")[0]})
            self.form.rows.go_to(key)
        self.set_focus(self.form.rows)
        self.show_summary()

    # Differences and the command line.

    def action_copy(self) -> None:
        """Key y."""
        self.read_editor()
        if self.document is not None:
            self.console_app.copy(as_line(self.document.command()))

    def action_show_changes(self) -> None:
        """Key d."""
        self.read_editor()
        self.start(self._show_changes())

    async def _show_changes(self) -> None:
        document, runs = self.document, self.console_app.runs or ()
        if document is None:
            return
        comparisons = await in_thread(lambda: _comparisons(document, runs))
        key = await self.app.push_screen_wait(ChangesPage(comparisons))
        if key:
            self._show_field(key)


def _comparisons(document: "ConfigDocument", runs: "Sequence[RunSummary]") -> "list[Comparison]":
    """Where it began, the preset, and the best run of the experiment."""
    origin, here = document.origin, document.flat
    found = [Comparison(origin.title or origin.name, document.changes)]
    if origin.kind != "preset":
        preset = flat_of_text(preset_origin("default").text)
        found.append(Comparison("preset default", differences(preset, here)))
    best = best_run(
        runs, here["run.experiment"], here["checkpoint.monitor"], here["checkpoint.mode"]
    )
    if best is not None and best.info.id != origin.name:
        try:
            text = read_text(best.path / "config.toml")
        except HeimdallError:
            return found
        title = f"the best run, {best.info.name}"
        found.append(Comparison(title, differences(flat_of_text(text), here)))
    return found
