"""A run of MLflow: its curves, parameters, tags, artifacts, and the models made from it."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.containers import ItemGrid, VerticalScroll
from textual.widgets import ContentSwitcher, Static

from heimdall_console.actions.tracked_run import ACTIONS
from heimdall_console.charts.chart_header import Header
from heimdall_console.charts.chart_view import ChartView
from heimdall_console.charts.curve_columns import Curve
from heimdall_console.formatting import metric, plain, size
from heimdall_console.screens.base import BaseScreen
from heimdall_console.screens.runs_actions import config_reader
from heimdall_console.sources.histories import MetricHistory, read_histories
from heimdall_console.widgets.artifact_tree import Artifact, ArtifactTree
from heimdall_console.widgets.link_line import LinkLine, Piece
from heimdall_console.widgets.metric_chart import MetricChart
from heimdall_console.widgets.tracked_run_text import facts_text, title_text, versions_text

if TYPE_CHECKING:
    from heimdall_console.run_rows import RunRow

_PARTS: Final = {
    "curves": "curves",
    "facts": "parameters, tags",
    "artifacts": "artifacts",
    "versions": "model versions",
}
_CHART_WIDTH, _CHART_HEIGHT = 56, 9
_MOST_CHARTS: Final = 12


class TrackedRunScreen(BaseScreen):
    """Everything that MLflow knows of a run, also of one that another program logged.

    Args:
        row: The run.
        runs: The list that it is from.
    """

    NAME = "runs"
    ACTIONS = ACTIONS
    ABOUT: ClassVar[str] = (
        "A run as MLflow has it. Whole histories of its metrics are drawn, nothing of it is "
        "changed. Escape goes back to the list."
    )
    DEFAULT_CSS = """
    TrackedRunScreen {
        & #tracked-title { height: 1; padding: 0 1; background: $surface; }
        & #tracked-parts { background: $surface; }
        & ContentSwitcher { height: 1fr; }
        & #curves { height: 1fr; grid-gutter: 0 1; }
        & #facts, & #versions { padding: 0 1; scrollbar-size: 1 1; }
        & #facts Static, & #versions Static { height: auto; }
    }
    """

    def __init__(self, row: "RunRow") -> None:
        super().__init__()
        self.row = row
        self._part = "curves"
        self._full: dict[str, Any] = {}
        self._histories: dict[str, MetricHistory] = {}
        self._models: list[dict[str, Any]] = []
        self._page = 0
        self._view = ChartView()
        self._by_time = False
        self._problem = ""

    def compose_body(self) -> ComposeResult:
        """Title, names of the parts, one part at a time."""
        yield Static(id="tracked-title", markup=False)
        yield LinkLine(id="tracked-parts")
        with ContentSwitcher(initial="curves"):
            yield ItemGrid(id="curves")
            with VerticalScroll(id="facts"):
                yield Static(id="facts-text", markup=False)
            yield ArtifactTree(id="artifacts")
            with VerticalScroll(id="versions"):
                yield Static(id="versions-text", markup=False)

    def on_mount(self) -> None:
        """Show what the list knows, and ask for the rest."""
        self._show_title()
        self._show_parts()
        self._show_facts()
        self._read()

    def _read(self) -> None:
        reader, row = self.console_app.tracking, self.row
        self.run_in_thread(
            lambda: read_histories(row, None, reader), self._take_histories, on_error=self._tell
        )
        self.run_in_thread(
            lambda: reader.answer("run", run=row.mlflow_id), self._take_full, on_error=self._tell
        )
        self.run_in_thread(
            lambda: reader.answer("versions", run=row.mlflow_id),
            self._take_versions,
            on_error=self._tell,
        )

    def _tell(self, error: Exception) -> None:
        """Say in the title that something is missing: the rest is good."""
        self.console_app.remember_error(error)
        self._problem = "something could not be read: ! shows what"
        self._show_title()

    def _take_histories(self, found: dict[str, MetricHistory]) -> None:
        self._histories = dict(
            sorted(found.items(), key=lambda entry: (entry[0].startswith("system/"), entry[0]))
        )
        self._show_curves()

    def _take_full(self, answer: dict[str, Any]) -> None:
        self._full = answer.get("run") or {}
        self._show_facts()

    def _take_versions(self, answer: dict[str, Any]) -> None:
        self._models = answer.get("versions") or []
        self._show_versions()
        self._show_parts()

    # The frame.

    def _show_title(self) -> None:
        app = self.console_app
        text = title_text(self.row, app.now(), self.app.theme_variables, ascii_only=app.ascii_only)
        if self._problem:
            text.append(f"   {self._problem}", self.app.theme_variables.get("warning", ""))
        self.query_one("#tracked-title", Static).update(text)

    def _show_parts(self) -> None:
        counts = {
            "curves": str(len(self._histories) or ""),
            "versions": str(len(self._models) or ""),
        }
        pieces = [Piece(" ")]
        for part, title in _PARTS.items():
            count = f" {counts[part]}" if counts.get(part) else ""
            name = "active" if part == self._part else "muted"
            pieces += [Piece(f" {title}{count} ", name, f"show_part('{part}')"), Piece(" ")]
        self.query_one("#tracked-parts", LinkLine).show(tuple(pieces), self._place())

    def _place(self) -> tuple[Piece, ...]:
        """Which of the curves are seen, where there are more than fit."""
        columns, rows = self._chart_grid()
        total, first = len(self._histories), self._page * columns * rows
        if self._part != "curves" or total <= columns * rows:
            return ()
        last = min(total, first + columns * rows)
        return (Piece(f"{first + 1} to {last} of {total} ", "muted", "next_page"),)

    def action_show_part(self, part: str) -> None:
        """Show a part."""
        if part not in _PARTS:
            return
        self._part = part
        self.query_one(ContentSwitcher).current = part
        self._show_parts()
        if part == "artifacts":
            self.query_one(ArtifactTree).focus_tree()
        elif part != "curves":
            self.query_one(f"#{part}").focus()

    def action_next_part(self) -> None:
        """Show the next part."""
        self._go_to_part(1)

    def action_previous_part(self) -> None:
        """Show the part before."""
        self._go_to_part(-1)

    def _go_to_part(self, by: int) -> None:
        parts = list(_PARTS)
        self.action_show_part(parts[(parts.index(self._part) + by) % len(parts)])

    def go_back(self) -> bool:
        """Drop the cursor, show the whole range again, or go back to the list."""
        if self._view.cursor_x is not None:
            self._view = replace(self._view, cursor_x=None)
            self._show_curves()
        elif self._view.x_range is not None:
            self._view = replace(self._view, x_range=None)
            self._show_curves()
        else:
            self.dismiss()
        return True

    # Curves.

    def _chart_grid(self) -> tuple[int, int]:
        width, height = self.size.width, max(1, self.size.height - 4)
        columns = max(1, width // _CHART_WIDTH)
        return columns, max(1, min(_MOST_CHARTS // columns, height // _CHART_HEIGHT))

    def on_resize(self) -> None:
        """Other charts may fit."""
        self._show_curves()

    def _show_curves(self) -> None:
        grid = self.query_one("#curves", ItemGrid)
        columns, rows = self._chart_grid()
        names = list(self._histories)
        pages = max(1, -(-len(names) // (columns * rows)))
        self._page = min(self._page, pages - 1)
        shown = names[self._page * columns * rows : (self._page + 1) * columns * rows]
        used = min(columns, max(1, len(shown)))
        grid.styles.grid_size_columns = used
        grid.styles.grid_size_rows = max(1, -(-len(shown) // used))
        charts = list(grid.query(MetricChart))
        for chart in charts[len(shown) :]:
            chart.remove()
        for _ in shown[len(charts) :]:
            grid.mount(MetricChart())
        self._show_parts()
        self.call_after_refresh(self._fill_charts, shown)

    def _fill_charts(self, names: list[str]) -> None:
        for place, (chart, name) in enumerate(
            zip(self.query("#curves MetricChart").results(MetricChart), names, strict=False)
        ):
            history = self._histories.get(name)
            if history is None:
                continue
            x = history.elapsed_s if self._by_time else history.steps
            few = len(history.values) <= 2
            style = f"series-{place % 8 + 1}"
            curve = Curve.of(plain(name), x, history.values, style, has_points=few)
            count = f"{history.total:,} points"
            if len(history.values) < history.total:
                count = f"{len(history.values):,} of {count}"
            last = history.values[-1] if len(history.values) else None
            value = "" if last is None else metric(name, float(last))
            view = replace(self._view, x_unit="time" if self._by_time else "step")
            chart.show((curve,), view, header=Header(plain(name), value, count))

    @on(MetricChart.CursorMoved)
    def _move_cursor(self, event: MetricChart.CursorMoved) -> None:
        self._view = replace(self._view, cursor_x=event.x)
        self._show_curves()

    @on(MetricChart.Zoomed)
    def _zoom(self, event: MetricChart.Zoomed) -> None:
        self._view = replace(self._view, x_range=event.range)
        self._show_curves()

    def action_next_page(self) -> None:
        """Show the next curves."""
        self._page += 1
        self._show_curves()

    def action_previous_page(self) -> None:
        """Show the curves before."""
        self._page = max(0, self._page - 1)
        self._show_curves()

    def action_toggle_axis(self) -> None:
        """Draw over steps or over time."""
        self._by_time = not self._by_time
        self._view = replace(self._view, x_range=None, cursor_x=None)
        self._show_curves()

    def action_toggle_log(self) -> None:
        """Draw on logarithmic axes or on plain ones."""
        self._view = replace(self._view, log_y=not self._view.log_y)
        self._show_curves()

    # Facts.

    def _show_facts(self) -> None:
        text = facts_text(self.row, self._full, self.app.theme_variables)
        self.query_one("#facts-text", Static).update(text)

    # Artifacts.

    @on(ArtifactTree.FolderOpened)
    def _list_folder(self, event: ArtifactTree.FolderOpened) -> None:
        reader, run_id, path = self.console_app.tracking, self.row.mlflow_id, event.path
        tree = self.query_one(ArtifactTree)

        def show(found: dict[str, Any]) -> None:
            entries = [
                Artifact(str(e["path"]), bool(e["is_folder"]), e.get("size_bytes"))
                for e in found.get("artifacts", ())
            ]
            tree.show_folder(path, entries, int(found.get("left_out", 0)))

        def tell(error: Exception) -> None:
            self.console_app.remember_error(error)
            tree.show_note(path, str(error))

        self.run_in_thread(
            lambda: reader.answer("artifacts", run=run_id, folder=path), show, on_error=tell
        )

    @on(ArtifactTree.FileChosen)
    def _preview(self, event: ArtifactTree.FileChosen) -> None:
        reader, run_id, path = self.console_app.tracking, self.row.mlflow_id, event.path
        tree = self.query_one(ArtifactTree)
        tree.show_preview("", f"reading {path}")

        def show(found: dict[str, Any]) -> None:
            total = size(int(found.get("size_bytes") or 0))
            if found.get("kind") == "binary":
                tree.show_preview("", f"{path} has {total} and is no text")
            else:
                note = f"only the beginning of {total} is shown" if found.get("is_cut") else ""
                tree.show_preview(str(found.get("text", "")), note)

        self.run_in_thread(
            lambda: reader.answer("preview", run=run_id, path=path),
            show,
            on_error=lambda error: tree.show_preview("", str(error)),
            group="preview",
            exclusive=True,
        )

    # Models.

    def _show_versions(self) -> None:
        text = versions_text(self._models, self.console_app.now(), self.app.theme_variables)
        self.query_one("#versions-text", Static).update(text)

    def action_open_model(self) -> None:
        """Show the registered model."""
        if self._models:
            self.console_app.show_models(str(self._models[0].get("name", "")))
        else:
            self.tell("No model version was made from this run")

    def action_rerun(self) -> None:
        """Configure a new run from this one's configuration."""
        self.run_in_thread(
            config_reader(self.console_app.tracking.answer, self.row),
            lambda text: self.console_app.show_configure(text=text),
        )

    def action_copy(self) -> None:
        """Copy the id."""
        self.console_app.copy(self.row.mlflow_id)

    def action_refresh(self) -> None:
        """Read everything again."""
        self._problem = ""
        self._show_title()
        self.query_one(ArtifactTree).forget()
        self._read()
