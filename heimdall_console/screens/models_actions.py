"""What can be done with registered models; MLflow is changed by jobs only."""

import os
from abc import abstractmethod

from heimdall_console.formatting import plain
from heimdall_console.model_rows import ModelVersion, RegisteredModel, version_before
from heimdall_console.screens.base import BaseScreen
from heimdall_console.screens.checkpoints_actions import alias_problem
from heimdall_console.sources.thread import in_thread
from heimdall_console.widgets.record_table import RecordTable
from training_core.contract.errors import HeimdallError
from training_core.contract.home import working_folder


class ModelsActions(BaseScreen):
    """The actions; what is shown is the subclass's affair."""

    models: tuple[RegisteredModel, ...] = ()

    @property
    @abstractmethod
    def table(self) -> RecordTable:
        """The models and versions."""

    @property
    def version(self) -> ModelVersion | None:
        """The version under the cursor; None on a model."""
        kind, _, rest = self.table.key.partition(" ")
        number, _, name = rest.partition(" ")
        if kind != "version":
            return None
        for model in self.models:
            if model.name == name:
                return model.version(int(number))
        return None

    @property
    def model(self) -> RegisteredModel | None:
        """The model under the cursor, or that of the version there."""
        kind, _, rest = self.table.key.partition(" ")
        name = rest.partition(" ")[2] if kind == "version" else rest
        return next((model for model in self.models if model.name == name), None)

    # Aliases.

    def action_alias(self) -> None:
        """Let an alias mean the version."""
        version = self._needed_version()
        if version is not None:
            self.start(self._alias(version))

    async def _alias(self, version: ModelVersion) -> None:
        model = self.model
        if model is None:
            return
        known = ", ".join(f"{a} (v{n})" for a, n in sorted(model.aliases.items())) or "none yet"
        alias = await self.ask_text(
            f"Which alias means {version.model} v{version.number}?",
            f"Aliases of this model: {plain(known)}",
            "" if "champion" in version.aliases else "champion",
            lambda text: alias_problem(text) if text else "an alias",
        )
        if alias is not None:
            self._move(model, alias, version.number)

    def action_rollback(self) -> None:
        """Let an alias mean the version before."""
        self.start(self._rollback())

    async def _rollback(self) -> None:
        model = self.model
        alias = await self._chosen_alias("Roll back which alias?")
        if model is None or not alias:
            return
        try:
            before = version_before(model, alias)
        except HeimdallError as error:
            self.show_error(error)
            return
        at = model.aliases[alias]
        if await self.ask_yes_no(
            f"Roll {model.name}@{alias} back?",
            f"From version {at} to version {before.number}. Programs that ask for "
            f"{plain(model.name)}@{plain(alias)} get that one from then on.",
            "Roll back",
        ):
            self._move(model, alias, before.number)

    def action_remove_alias(self) -> None:
        """Take an alias away."""
        self.start(self._remove_alias())

    async def _remove_alias(self) -> None:
        model = self.model
        alias = await self._chosen_alias("Take which alias away?")
        if model is None or not alias:
            return
        if await self.ask_yes_no(
            f"Take {model.name}@{alias} away?",
            f"Version {model.aliases[alias]} stays. Programs that ask for the alias find nothing.",
            "Take it away",
        ):
            self._move(model, alias, 0)

    async def _chosen_alias(self, title: str) -> str:
        """The alias of the version under the cursor; asked for where there are several."""
        from heimdall_console.screens.dialogs.choice_picker import ChoicePicker

        model, version = self.model, self.version
        if model is None:
            return ""
        if not model.aliases:
            self.tell(f"{model.name} has no alias; a sets one")
            return ""
        own = version.aliases if version is not None else ()
        if len(own) == 1:
            return own[0]
        if len(model.aliases) == 1:
            return next(iter(model.aliases))
        choices = [(a, f"version {n}") for a, n in sorted(model.aliases.items())]
        return await self.app.push_screen_wait(ChoicePicker(title, choices)) or ""

    def _move(self, model: RegisteredModel, alias: str, number: int) -> None:
        from heimdall_console.registry_reading import tracking_address
        from training_core.contract.jobs import SetAliasArguments

        app = self.console_app
        arguments = SetAliasArguments(
            name=model.name,
            alias=alias,
            version=number,
            expected=model.aliases.get(alias, 0),
            tracking_uri=tracking_address(app.preferences.get("tracking", "uri", "")),
        )
        where = f"to v{number}" if number else "away"
        app.start_job("set-alias", arguments, f"moving {model.name}@{alias} {where}")

    # The version.

    def action_download(self) -> None:
        """Fetch its files."""
        version = self._needed_version()
        if version is not None:
            self.start(self._download(version))

    async def _download(self, version: ModelVersion) -> None:
        from heimdall_console.registry_reading import storage_of, tracking_address
        from training_core.contract.jobs import DownloadArguments

        app = self.console_app
        text = await self.ask_text(
            f"Into which new folder does {version.reference} go?",
            "The folder appears whole or not at all.",
            str(working_folder() / f"{version.model}-v{version.number}"),
            folder_problem,
        )
        if text is None:
            return
        home = app.home
        storage = await in_thread(lambda: storage_of(version, home))
        arguments = DownloadArguments(
            model=version.reference,
            target=working_folder() / os.path.expanduser(text),
            tracking_uri=tracking_address(app.preferences.get("tracking", "uri", "")),
            **storage,
        )
        app.start_job("download", arguments, f"download of {version.reference}")

    def action_evaluate(self) -> None:
        """Go and evaluate it."""
        version = self._needed_version()
        if version is not None:
            self.console_app.show_evaluate("", version.reference)

    def action_checkpoints(self) -> None:
        """Browse the checkpoints of its run."""
        version = self._needed_version()
        if version is None:
            return
        run_id = version.tag("run_id")
        if any(run.info.id == run_id for run in self.console_app.runs or ()):
            self.console_app.show_checkpoints(run_id)
        else:
            self.tell(f"The run {run_id or 'of this version'} is not on this disk", "warning")

    def action_copy(self) -> None:
        """Copy reference, SHA-256 or address, in turn."""
        version, model = self.version, self.model
        if version is None:
            if model is not None:
                self.console_app.copy(model.name)
            return
        texts = [
            t for t in (version.reference, version.tag("onnx_sha256"), version.tag("uri")) if t
        ]
        self.console_app.copy_in_turn(version.reference, texts)

    def _needed_version(self) -> ModelVersion | None:
        version = self.version
        if version is None:
            self.tell("Put the cursor on a version first")
        return version


def folder_problem(text: str) -> str:
    """What is wrong with a new folder's path; empty where nothing is."""
    if not text.strip():
        return "a folder"
    # Unlike those of Path, these raise for no text that is still being typed.
    return "it exists already" if os.path.lexists(os.path.expanduser(text)) else ""
