"""Where a configuration begins and where it is kept: presets, runs, files, drafts."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from heimdall_console.config_document import (
    ConfigDocument,
    Origin,
    file_origin,
    preset_origin,
    run_origin,
    text_origin,
)
from heimdall_console.config_drafts import Draft, DraftKeeper
from heimdall_console.config_offers import (
    Offer,
    beginning_offers,
    only_dataset,
)
from heimdall_console.formatting import plain
from heimdall_console.screens.configure_fields import ConfigureFields
from heimdall_console.screens.dialogs.offer_picker import OfferPicker
from heimdall_console.sources.thread import in_thread
from training_core.contract.config_file import read_text
from training_core.contract.errors import ConfigError, HeimdallError
from training_core.contract.files import write_atomic
from training_core.contract.home import working_folder

if TYPE_CHECKING:
    from collections.abc import Callable


class ConfigureFiles(ConfigureFields):
    """Beginning from something, and saving."""

    def __init__(self) -> None:
        super().__init__()
        self._has_begun = False

    def on_shown(self) -> None:
        """Begin from the run that another screen has chosen, or from where one was."""
        chosen = self.console_app.selection
        run_id, text, title = chosen.config_from, chosen.config_text, chosen.config_title
        chosen.config_from = chosen.config_text = ""
        if run_id or text or not self._has_begun:
            # A screen that is new becomes visible twice.
            self._has_begun = True
            self.start(self._begin_with(run_id, text, title), group="begin")
            return
        self.look_again()
        if self.focused is None:
            self.focus_view()

    async def _begin_with(self, run_id: str, text: str, title: str = "") -> None:
        home, readonly = self.console_app.home, self.console_app.readonly

        def prepare() -> "tuple[ConfigDocument | None, list[Draft]]":
            if self.keeper is None and not readonly:
                self.keeper = DraftKeeper(home)
            if text:
                return ConfigDocument(text_origin(text, title)), []
            if run_id:
                return ConfigDocument(run_origin(home, run_id)), []
            if self.document is not None:
                return None, []
            first = ConfigDocument(preset_origin("default", only_dataset(home)))
            return first, self.keeper.left() if self.keeper is not None else []

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
            is_kept = before.is_worth_keeping

            def lay_aside() -> None:
                keeper.keep(before)
                keeper.lay_aside()

            await in_thread(lay_aside)
            if is_kept:
                title = plain(before.origin.title or before.origin.name)
                self.tell(f"What was changed of {title} is kept as a draft; o offers it")
        self.take_document(document)

    async def _offer_draft(self, draft: "Draft") -> None:
        origin = draft.document.origin
        changes = draft.document.changes
        lines = "\n".join(f"  {change}" for change in changes[:8]) or f"  {draft.about}"
        if len(changes) > 8:
            lines += f"\n  and {len(changes) - 8} more"
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
            typed = await self.ask_text("Open which file?", initial=f"{working_folder()}/")
            if not typed:
                return
            name = typed

        def make() -> "ConfigDocument":
            made: dict[str, Callable[[], Origin]] = {
                "preset": lambda: preset_origin(name, only_dataset(app.home)),
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
            initial = str(working_folder() / f"{prefix if prefix.isprintable() else 'run'}.toml")
            typed = await self.ask_text(
                "Save in which file?",
                initial=initial,
                check=lambda text: "" if text.strip() else "a path",
            )
            if not typed:
                return
            path, known = working_folder() / os.path.expanduser(typed.strip()), ""
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
                return read_text(path) if os.path.exists(path) else None  # no error for a long name
            except ConfigError:
                return ""

        found = await in_thread(there)
        if found is None or found in (known, text):
            return True
        why = "Somebody else has changed it since it was read here." if known else "It is there."
        return await self.ask_yes_no(f"Replace {path}?", why, yes="Replace it")
