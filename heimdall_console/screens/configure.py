"""The screen Configure: from a preset, a run or a file to a run that trains."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from heimdall_console.actions.configure import ACTIONS
from heimdall_console.config_changes import best_run, differences, flat_of_text
from heimdall_console.config_command import as_line
from heimdall_console.config_document import (
    ConfigDocument,
    Origin,
    file_origin,
    preset_origin,
    run_origin,
    text_origin,
)
from heimdall_console.config_drafts import Draft, DraftKeeper
from heimdall_console.config_fields import config_fields, config_sections, toml_literal
from heimdall_console.config_offers import (
    TYPED,
    Offer,
    beginning_offers,
    checkpoint_offers,
    dataset_offers,
    device_offers,
    waiting_offers,
)
from heimdall_console.formatting import counted, plain
from heimdall_console.job_control import cancel_job
from heimdall_console.screens.configure_view import ConfigureView
from heimdall_console.screens.dialogs.changes_page import ChangesPage, Comparison
from heimdall_console.screens.dialogs.offer_picker import OfferPicker
from heimdall_console.sources.thread import in_thread
from heimdall_console.sources.trial import TrialSeen, TrialSource
from heimdall_console.starting.launching import Plan, enqueue, launch, resolved_text
from heimdall_console.widgets.text_field import TextField
from training_core.contract.config_file import parse_source, read_text
from training_core.contract.errors import ConfigError, HeimdallError
from training_core.contract.files import write_atomic
from training_core.contract.jobs import ARGUMENTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from heimdall_console.widgets.config_form import FormAsked
    from training_core.contract.run_dir import RunDir


class ConfigureScreen(ConfigureView):
    """What can be done with the document."""

    ACTIONS = ACTIONS

    def __init__(self) -> None:
        super().__init__()
        self._trial: TrialSource | None = None
        self._trial_job: Path | None = None
        self._is_launching = False
        self._has_begun = False

    # Where it begins.

    def on_shown(self) -> None:
        """Begin from the run that another screen has chosen, or from where one was."""
        chosen = self.console_app.selection
        run_id, text = chosen.config_from, chosen.config_text
        chosen.config_from = chosen.config_text = ""
        if run_id or text or not self._has_begun:
            # A screen that is new becomes visible twice.
            self._has_begun = True
            self.start(self._begin_with(run_id, text), group="begin")
        elif self.focused is None:
            self.focus_view()

    async def _begin_with(self, run_id: str, text: str) -> None:
        home = self.console_app.home

        def prepare() -> "tuple[ConfigDocument | None, list[Draft]]":
            if self.keeper is None:
                self.keeper = DraftKeeper(home)
            if text:
                return ConfigDocument(text_origin(text, "a run in MLflow")), []
            if run_id:
                return ConfigDocument(run_origin(home, run_id)), []
            if self.document is not None:
                return None, []
            first = ConfigDocument(preset_origin("default"))
            return first, self.keeper.left()

        try:
            document, drafts = await in_thread(prepare)
        except HeimdallError as error:
            self.show_error(error)
            if self.document is None:
                await self._begin_with("", "")
            return
        if document is None:
            return
        await self._take(document)
        if drafts:
            await self._offer_draft(drafts[0])

    async def _take(self, document: "ConfigDocument") -> None:
        """Show another document; what is unsaved of the one before stays as a draft."""
        before, keeper = self.document, self.keeper
        if before is not None and keeper is not None:
            self.read_editor()
            is_unsaved = before.is_unsaved

            def lay_aside() -> None:
                keeper.keep(before)
                keeper.lay_aside()

            await in_thread(lay_aside)
            if is_unsaved:
                title = plain(before.origin.title or before.origin.name)
                self.tell(f"What was changed of {title} is kept as a draft; o offers it")
        self.take_document(document)

    async def _offer_draft(self, draft: "Draft") -> None:
        origin = draft.document.origin
        lines = "\n".join(f"  {change}" for change in draft.document.changes[:8])
        agreed = await self.ask_yes_no(
            "Go on with what was not saved?",
            f"A console ended while this was being changed, from {plain(origin.title)}:\n\n"
            f"{plain(lines, keep_lines=True)}",
            yes="Go on with it",
        )
        if agreed:
            await self._take_draft(draft)
        else:
            self.tell("The draft is kept; o offers it")

    async def _take_draft(self, draft: "Draft") -> None:
        await self._take(draft.document)
        keeper, document = self.keeper, draft.document

        def move() -> None:
            if keeper is not None:
                keeper.keep(document)
            draft.forget()

        await in_thread(move)

    def action_begin(self) -> None:
        """Key o."""
        self.start(self._choose_beginning())

    async def _choose_beginning(self) -> None:
        app, keeper = self.console_app, self.keeper
        runs = app.runs or ()

        def collect() -> "tuple[list[Draft], list[Offer]]":
            drafts = keeper.left() if keeper is not None else []
            return drafts, beginning_offers(runs, drafts, app.now())

        drafts, offers = await in_thread(collect)
        answer = await self.app.push_screen_wait(OfferPicker("Begin from", offers))
        if not answer:
            return
        kind, _, name = answer.partition(":")
        if kind == "draft":
            await self._take_draft(drafts[int(name)])
            return
        if kind == "file":
            typed = await self.ask_text("Open which file?", initial=str(Path.cwd()) + "/")
            if not typed:
                return
            name = typed

        def make() -> "ConfigDocument":
            made: dict[str, Callable[[], Origin]] = {
                "preset": lambda: preset_origin(name),
                "run": lambda: run_origin(app.home, name),
                "file": lambda: file_origin(Path(name)),
            }
            return ConfigDocument(made[kind]())

        try:
            document = await in_thread(make)
        except HeimdallError as error:
            self.show_error(error)
        else:
            await self._take(document)

    # Fields.

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
            offers = await in_thread(lambda: checkpoint_offers(app.home, runs, app.now()))
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
        self.query_one("#config-words", TextField).focus()

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
        self.editor.focus()
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
        self.form.rows.focus()
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

    # Saving.

    def action_save(self) -> None:
        """Key ctrl+s."""
        self.read_editor()
        self.start(self._save(), group="save")

    async def _save(self) -> None:
        document, keeper = self.document, self.keeper
        if document is None:
            return
        path, known = document.origin.source, document.saved_text
        if path is None:
            prefix = str(document.flat["run.name_prefix"])
            initial = str(Path.cwd() / f"{prefix if prefix.isprintable() else 'run'}.toml")
            typed = await self.ask_text(
                "Save in which file?",
                initial=initial,
                check=lambda text: "" if text.strip() else "a path",
            )
            if not typed:
                return
            path, known = Path(typed.strip()).expanduser().absolute(), ""
        text = document.text
        if not await self._may_replace(path, known, text):
            return

        def write() -> None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(path, text.encode(), mode=0o666)
            except OSError as error:
                raise HeimdallError(
                    f"{path} could not be written",
                    why=error.strerror or str(error),
                    unharmed="What you changed is still here, and kept as a draft",
                    action="Save it in another file",
                ) from error

        try:
            await in_thread(write)
        except HeimdallError as error:
            self.show_error(error)
            return
        document.has_been_saved(path, text)
        if keeper is not None and not document.is_unsaved:
            await in_thread(keeper.forget)
        self.show_document()
        self.tell(f"Saved {path}")

    async def _may_replace(self, path: Path, known: str, text: str) -> bool:
        """Whether the file may be written: it is new, as it was read, or the person agrees."""

        def there() -> str | None:
            try:
                return read_text(path) if path.exists() else None
            except ConfigError:
                return ""

        found = await in_thread(there)
        if found is None or found in (known, text):
            return True
        why = "Somebody else has changed it since it was read here." if known else "It is there."
        return await self.ask_yes_no(f"Replace {path}?", why, yes="Replace it")

    # Trying and starting.

    def _plan(self) -> "Plan | None":
        """What would be launched; None where something is wrong, which is shown."""
        self.read_editor()
        self.form.end_edit()
        document = self.document
        if document is None:
            return None
        if document.problems:
            first = document.problems[0]
            said = counted(len(document.problems), "problem")
            self.tell(f"Not started: {said}. {first.key or 'The text'} {first.message}", "error")
            if document.is_toml:
                self._go_to_wrong_field(document)
            else:
                self._go_to_wrong_line(document)
            return None
        parent = document.origin.name if document.origin.is_run else ""
        return Plan(document.text, parent, document.origin.source)

    def action_launch(self) -> None:
        """Key ctrl+r."""
        plan = self._plan()
        if plan is None or self._is_launching:
            return
        self._is_launching = True
        home = self.console_app.home

        def work() -> "RunDir":
            return launch(home, plan)

        self.run_in_thread(work, self._launched, on_error=self._refused, group="launch")

    def _launched(self, run: "RunDir") -> None:
        self._is_launching = False
        self.tell(f"Started {run.id}")
        self._go_on_from(run)
        self.console_app.show_live(run.id)

    def _go_on_from(self, run: "RunDir") -> None:
        """The next changes are changes of this run, unless a file is being worked on."""
        document, keeper, home = self.document, self.keeper, self.console_app.home
        if document is None or document.origin.kind == "file":
            return

        def read() -> "ConfigDocument":
            if keeper is not None:
                keeper.forget()
            return ConfigDocument(run_origin(home, run.id))

        self.run_in_thread(read, self.take_document)

    def _refused(self, error: Exception) -> None:
        self._is_launching = False
        document = self.document
        problems = error.problems if isinstance(error, ConfigError) else ()
        if document is None or not problems or not all(problem.key for problem in problems):
            self.show_error(error)
            return
        document.refuse(problems)
        self.show_document()
        self._show_field(problems[0].key)
        self.console_app.remember_error(error)
        self.tell(str(HeimdallError.__str__(error)), "error", timeout=12)  # type: ignore[arg-type]  # a ConfigError

    def action_enqueue(self) -> None:
        """Key Q."""
        self.start(self._enqueue())

    async def _enqueue(self) -> None:
        if self._plan() is None or self.document is None:
            return
        flat = self.document.flat
        offers = device_offers(flat["trainer.accelerator"], flat["trainer.devices"])
        devices = await self.app.push_screen_wait(OfferPicker("Queue: on which device?", offers))
        if devices is None:
            return
        after = await self.app.push_screen_wait(
            OfferPicker("Queue: after what?", waiting_offers(self.console_app.runs or ()))
        )
        if after is None:
            return
        if devices:
            self._set_devices(*devices.split(":"))
        plan, home = self._plan(), self.console_app.home
        if plan is None:
            return

        def work() -> "RunDir":
            return enqueue(home, plan, after=after)

        def done(run: "RunDir") -> None:
            self.tell(f"{run.id} waits in the queue; the screen Runs shows it")
            self._go_on_from(run)

        self.run_in_thread(work, done, on_error=self._refused, group="launch")

    def _set_devices(self, accelerator: str, devices: str) -> None:
        for key, typed in (("accelerator", accelerator), ("devices", devices)):
            field = config_fields()[f"trainer.{key}"]
            self.change(lambda d, f=field, t=typed: d.set_typed(f, t))

    def action_preflight(self) -> None:
        """Key p."""
        self._try("preflight")

    def action_overfit_batch(self) -> None:
        """Key b."""
        self._try("overfit-batch")

    def _try(self, kind: str) -> None:
        if self._trial is not None and not self._trial.is_stopped:
            self.tell("A trial is at work; x cancels it")
            self._open_panel()
            return
        plan, home = self._plan(), self.console_app.home
        if plan is None:
            return

        def arguments() -> Any:
            return ARGUMENTS[kind].model_validate({"config": resolved_text(home, plan)})

        self.panel.show_task(kind, None)
        self._open_panel()
        self._trial_job = None
        self._trial = TrialSource(self, home, kind, arguments)
        self._trial.start()

    def _open_panel(self) -> None:
        self.is_panel_open = True
        self.lay_out()
        self.show_summary()
        self.panel.focus()

    def on_trial_seen(self, event: TrialSeen) -> None:
        """Show what a trial is at and what it found."""
        self._trial_job = event.job or self._trial_job
        if event.error is not None:
            self.panel.show_failure(event.kind, event.error)
            self._refused(event.error)
        elif event.result is not None:
            self.panel.show_result(event.kind, event.result)
        else:
            self.panel.show_task(event.kind, event.task)

    def action_cancel_trial(self) -> None:
        """Key x."""
        job = self._trial_job
        if self._trial is None or self._trial.is_stopped or job is None:
            self.tell("No trial is at work")
            return

        def cancel() -> None:
            cancel_job(job)

        self.run_in_thread(cancel)

    async def on_unmount(self) -> None:
        """A trial that is at work goes on in its own process."""
        if self._trial is not None:
            self._trial.stop()


def _comparisons(document: "ConfigDocument", runs: Any) -> "list[Comparison]":
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
