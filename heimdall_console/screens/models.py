"""The screen Models: what is registered, how it came to be, which version an alias means."""

from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.widgets import Static

from heimdall_console.actions.models import ACTIONS
from heimdall_console.checkpoint_text import proof_pairs
from heimdall_console.formatting import age, counted, plain
from heimdall_console.model_rows import ModelVersion, RegisteredModel
from heimdall_console.model_text import alias_text, chain_pairs, state_text, version_pairs
from heimdall_console.registry_reading import find_proof, read_models
from heimdall_console.screens.models_actions import ModelsActions
from heimdall_console.widgets.detail_pane import DetailPane, Section
from heimdall_console.widgets.record_layout import TableColumn, TableRow
from heimdall_console.widgets.record_table import RecordTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heimdall_console.job_rows import JobRow

_WIDE: Final = 124
_CHANGING: Final = ("register", "set-alias")
_DIGEST: Final = 12
_COLUMNS: Final = (
    TableColumn("model", "model", style="strong", shrinks=True),
    TableColumn("aliases", "aliases", style="accent", shrinks=True),
    TableColumn("run", "run", drops=2, style="muted"),
    TableColumn("made", "made", drops=3, style="muted"),
    TableColumn("sha256", "ONNX", drops=1, style="muted"),
    TableColumn("state", "", drops=4, style="warning"),
)
_EMPTY: Final = (
    "No model is registered yet.\n\nm on the screen Checkpoints (4) exports a checkpoint, proves "
    "it, and registers it;\nor: heimdall-console export @last --register NAME --alias champion"
)


class ModelsScreen(ModelsActions):
    """Models with their versions beneath, and all that is known of one."""

    NAME = "models"
    ACTIONS = ACTIONS
    CSS_PATH = "models.tcss"
    ABOUT: ClassVar[str] = (
        "Models registered in MLflow. Each version has a chain of identities, from the "
        "configuration over run and checkpoint to the ONNX file, and the proof that the file "
        "answers as PyTorch does. An alias such as champion means one version at a time: programs "
        "that ask for name@champion get another one as soon as it moves."
    )

    def __init__(self) -> None:
        super().__init__()
        self._proofs: dict[str, tuple[dict[str, Any], str]] = {}
        """What was found, and why nothing was."""
        self._folded: set[str] = set()
        self._seen_jobs: tuple[object, ...] = ()
        self._has_read = False

    # Made of.

    def compose_body(self) -> ComposeResult:
        """Where it is read from, the models, what is known of one."""
        with Horizontal(id="models-bar"):
            yield Static(id="models-count", markup=False)
            yield Static(id="models-source", markup=False)
        with Container(id="models-body"):
            yield RecordTable(_COLUMNS, self.ABOUT, id="models-table")
            yield Static(id="models-empty", classes="empty", markup=False)
            yield DetailPane("Chain and proof of the version.", id="models-detail")

    def on_mount(self) -> None:
        """Begin empty."""
        self.table.focus()
        self._show_rows()

    def on_resize(self) -> None:
        """Beside one another or one below the other."""
        self.query_one("#models-body").set_class(self.size.width >= _WIDE, "-wide")

    @property
    def table(self) -> RecordTable:
        """The models and versions."""
        return self.query_one("#models-table", RecordTable)

    # What is read.

    def on_shown(self) -> None:
        """Read the first time; then go to what was chosen elsewhere."""
        if not self._has_read:
            self.read()
        self._go_to_chosen()

    def jobs_changed(self, jobs: "Sequence[JobRow]") -> None:
        """A job that has ended may have moved an alias or made a version."""
        ended = tuple(j.id for j in jobs if j.kind in _CHANGING and j.status.has_ended)
        if ended != self._seen_jobs:
            has_news = self._has_read and bool(set(ended) - set(self._seen_jobs))
            self._seen_jobs = ended
            if has_news:
                self.read()

    def minute_passed(self) -> None:
        """Ages are a minute older."""
        self._show_rows()

    def read(self) -> None:
        """Read the registered models; what was read before stays until then."""
        self._has_read = True
        reader = self.console_app.tracking
        self._say("reading MLflow…")
        self.run_in_thread(
            lambda: read_models(reader),
            self._take,
            on_error=self._fail,
            group="models",
            exclusive=True,
        )

    def _take(self, models: "list[RegisteredModel]") -> None:
        self.models = tuple(models)
        self._say(self.console_app.tracking.shown_uri)
        self._is_read = True
        self._show_rows()
        self._go_to_chosen()
        self._show_detail()

    def _fail(self, error: Exception) -> None:
        self.console_app.remember_error(error)
        self._is_read = True
        why = str(getattr(error, "why", "") or error)
        self._say(f"! MLflow does not answer: {why}   ctrl+l tries again, ! shows the error")
        self._show_rows()

    _is_read = False

    def _say(self, text: str) -> None:
        self.query_one("#models-source", Static).update(f"{plain(text)} ")

    def _go_to_chosen(self) -> None:
        selection = self.console_app.selection
        name = selection.model
        if not name or not self._is_read:
            return
        selection.model = ""
        for model in self.models:
            if model.name == name:
                self._folded.discard(name)
                self._show_rows()
                self.table.go_to(
                    _version_key(model.versions[0]) if model.versions else f"model {name}"
                )

    # What is shown.

    def _show_rows(self) -> None:
        now = self.console_app.now()
        rows = []
        for model in self.models:
            is_open = model.name not in self._folded
            rows.append(self._model_row(model, is_open=is_open))
            if is_open:
                rows += [_version_row(version, now) for version in model.versions]
        self.table.show(rows)
        has_rows = bool(rows)
        empty = _EMPTY if self._is_read else "Reading the registered models…"
        self.query_one("#models-empty", Static).update(empty)
        self.query_one("#models-empty").display = not has_rows
        self.table.display = self.query_one("#models-detail").display = has_rows
        versions = sum(len(model.versions) for model in self.models)
        said = f" {counted(len(self.models), 'model')}, {counted(versions, 'version')}"
        self.query_one("#models-count", Static).update(said if has_rows else " Models")

    def _model_row(self, model: RegisteredModel, *, is_open: bool) -> TableRow:
        signs = "v>" if self.console_app.ascii_only else "▾▸"
        aliases = (
            "" if is_open else " ".join(f"@{a} v{n}" for a, n in sorted(model.aliases.items()))
        )
        cells = (
            f"{signs[not is_open]} {model.name}",
            aliases,
            counted(len(model.versions), "version"),
            "",
            "",
            "",
        )
        return TableRow(f"model {model.name}", cells, {})

    def _show_detail(self) -> None:
        version, pane = self.version, self.query_one("#models-detail", DetailPane)
        if version is None:
            model = self.model
            if model is not None:
                pane.show(f"model {model.name}", plain(model.name), _model_sections(model))
            return
        key = _version_key(version)
        known = self._proofs.get(key)
        proof, missing = known or ({}, "reading…")
        found: list[Section] = [
            ("", version_pairs(version, self.console_app.now())[1:]),
            ("chain", chain_pairs(version)),
        ]
        if proof:
            found.append(("proof of the export", proof_pairs(proof)))
        else:
            found.append(("proof of the export", [("", plain(missing))]))
        pane.show(key, plain(f"{version.model} v{version.number}"), found)
        if known is None:
            home, reader = self.console_app.home, self.console_app.tracking
            self.run_in_thread(
                lambda: find_proof(version, home, reader),
                lambda found: self._take_proof(key, found),
                group="proof",
                exclusive=True,
            )

    def _take_proof(self, key: str, found: tuple[dict[str, Any], str]) -> None:
        self._proofs[key] = found
        self._show_detail()

    @on(RecordTable.Highlighted)
    def _follow_cursor(self) -> None:
        self._show_detail()

    @on(RecordTable.Opened)
    def _open_clicked(self) -> None:
        self.action_fold()

    def action_fold(self) -> None:
        """Hide or show the versions of the model."""
        model = self.model
        if model is not None:
            self._folded ^= {model.name}
            self._show_rows()
            if model.name in self._folded:
                self.table.go_to(f"model {model.name}")
            self._show_detail()

    def action_refresh(self) -> None:
        """Read again."""
        self._proofs.clear()
        self.read()


def _version_key(version: ModelVersion) -> str:
    return f"version {version.number} {version.model}"


def _version_row(version: ModelVersion, now: float) -> TableRow:
    cells = (
        f"v{version.number}",
        alias_text(version.aliases),
        version.tag("run_id") or version.mlflow_run_id,
        "" if version.created is None else age(now - version.created),
        version.tag("onnx_sha256")[:_DIGEST],
        state_text(version),
    )
    return TableRow(_version_key(version), cells, {"model": "cell"}, depth=2)


def _model_sections(model: RegisteredModel) -> list[Section]:
    facts = [("versions", str(len(model.versions)))]
    if model.description:
        facts.append(("description", plain(model.description)))
    aliases = [(plain(a), f"version {n}") for a, n in sorted(model.aliases.items())]
    return [("", facts), ("aliases", aliases)]
