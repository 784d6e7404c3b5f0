"""Every key that the help names does what the help says of it."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import pytest
from textual.binding import BindingsMap
from textual.widget import Widget

import heimdall_console.widgets
from heimdall_console.actions.action import Action
from heimdall_console.screens import dialogs
from heimdall_console.screens.checkpoints import CheckpointsScreen
from heimdall_console.screens.compare import CompareScreen
from heimdall_console.screens.configure import ConfigureScreen
from heimdall_console.screens.dialogs.dialog import Dialog
from heimdall_console.screens.dialogs.help_page import HelpPage
from heimdall_console.screens.evaluate import EvaluateScreen
from heimdall_console.screens.jobs import JobsPanel
from heimdall_console.screens.live import LiveScreen
from heimdall_console.screens.models import ModelsScreen
from heimdall_console.screens.runs import RunsScreen
from heimdall_console.screens.tracked_run import TrackedRunScreen
from heimdall_console.widgets.detail_pane import DetailPane
from heimdall_console.widgets.form_rows import FormRows
from heimdall_console.widgets.log_pane import LogPane
from heimdall_console.widgets.map_view import MapView
from heimdall_console.widgets.metric_chart import MetricChart
from heimdall_console.widgets.record_table import RecordTable
from heimdall_console.widgets.run_table import RunTable
from tests.console.key_expectations.dialogs import DIALOGS
from tests.console.key_expectations.session import EXPECTED, Console, Session
from tests.console.recorded_home import RecordedHome
from tests.console.records import evaluated
from tests.console.test_actions import PLACES
from training_core.contract.run_log import RunLogWriter

for _path in (Path(__file__).parent / "key_expectations").glob("*.py"):
    # Each fills its part of the table.
    import_module(f"tests.console.key_expectations.{_path.stem}")

WIDGETS: tuple[type[Any], ...] = (
    RunTable,
    RecordTable,
    DetailPane,
    LogPane,
    FormRows,
    MetricChart,
    MapView,
)
"""Whose keys the help lists beside those of the screen."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures and CSV files go where a person is."""
    monkeypatch.chdir(tmp_path)


@contextlib.asynccontextmanager
async def session(
    home: RecordedHome, mode: str, focus: str, size: tuple[int, int] = (120, 40), **options: Any
) -> AsyncIterator[Session]:
    """The console on one of its screens."""
    app = Console(home.path, **options)
    async with app.run_test(size=size) as pilot:
        s = Session(app, pilot, home, mode=mode, focus=focus)
        await s.until(lambda: app.runs is not None and app.jobs is not None, "runs and jobs")
        app.show(mode)
        await pilot.pause()
        s.screen = app.screen
        await s.return_to_screen()
        yield s


async def test_keys_that_count_everywhere(recorded_home: RecordedHome) -> None:
    async with session(recorded_home, "runs", "#runs-table", (80, 24)) as s:
        await s.walk_everywhere()
        assert s.walked == {f"app.{action.name}" for action in PLACES["app"][0]}


async def test_keys_of_runs(recorded_home: RecordedHome) -> None:
    async with session(recorded_home, "runs", "#runs-table", (100, 40)) as s:
        assert isinstance(s.screen, RunsScreen)
        table = s.screen.table
        await s.until(lambda: len(table.lines) == 7, "local runs and the one of MLflow")
        await s.walk("runs")
        assert {f"runs.{action.name}" for action in PLACES["runs"][0]} <= s.walked


async def test_keys_over_runs(recorded_home: RecordedHome) -> None:
    ids = recorded_home.ids
    async with session(recorded_home, "runs", "#runs-table", (120, 30)) as s:
        runs = s.screen
        assert isinstance(runs, RunsScreen)
        await s.until(lambda: len(runs.table.lines) == 7, "local runs and the one of MLflow")
        runs.table.marked = {ids["finished"], ids["crashed"]}
        await s.press("c")
        compared = s.screen = await s.gives(CompareScreen)
        await s.until(lambda: len(compared._histories) == 2, "both curves")
        s.focus = "#compare-table"
        await s.walk("compare")
        assert {f"compare.{action.name}" for action in PLACES["compare"][0]} <= s.walked
        await s.walk_widget("#compare-chart")
        await s.press("escape")
        runs.table.marked.clear()
        assert runs.table.go_to(f"mlflow:{s.reader.RUN_ID}")
        await s.press("enter")
        tracked = s.screen = await s.gives(TrackedRunScreen)
        await s.until(lambda: len(tracked._histories) == 30, "its curves")
        s.focus = ""
        await s.walk("tracked_run")
        assert {f"tracked_run.{action.name}" for action in PLACES["tracked_run"][0]} <= s.walked


async def test_keys_of_live(recorded_home: RecordedHome) -> None:
    ids = recorded_home.ids
    async with session(recorded_home, "live", "MetricChart", (100, 30)) as s:
        screen = s.screen
        assert isinstance(screen, LiveScreen)

        async def watch(*names: str) -> None:
            s.app.show_live(*(ids[name] for name in names))
            await s.until(lambda: len(screen.views) == len(names), "the runs are read")
            await s.until(lambda: screen.current and screen.grid.charts, "charts")

        await watch("running")
        await s.walk("live")
        await s.walk_widget("#live-log")
        s.focus = "MetricChart"
        await watch("failed")
        await s.walk("live", only_new=True)
        await watch("running", "crashed")
        await s.walk("live", only_new=True)
        assert {f"live.{action.name}" for action in PLACES["live"][0]} <= s.walked


async def test_keys_of_checkpoints(recorded_home: RecordedHome) -> None:
    async with session(recorded_home, "checkpoints", "#checkpoints-table", (100, 24)) as s:
        screen = s.screen
        assert isinstance(screen, CheckpointsScreen)
        screen.show_run(recorded_home.ids["finished"])
        await s.until(lambda: screen.run_id == recorded_home.ids["finished"], "the finished run")
        await s.walk("checkpoints")
        await s.walk_widget("#checkpoints-detail")
        assert {f"checkpoints.{action.name}" for action in PLACES["checkpoints"][0]} <= s.walked


async def test_keys_of_models(recorded_home: RecordedHome) -> None:
    async with session(recorded_home, "models", "#models-table", (100, 24)) as s:
        screen = s.screen
        assert isinstance(screen, ModelsScreen)
        await s.until(lambda: screen.models, "the models")
        await s.walk("models")
        assert {f"models.{action.name}" for action in PLACES["models"][0]} <= s.walked


async def test_keys_of_evaluate_and_of_the_jobs_panel(recorded_home: RecordedHome) -> None:
    failed = evaluated(recorded_home.path, "campus@champion")
    positions = orjson.loads(failed.result_path.read_bytes())["positions"]
    (recorded,) = (recorded_home.path / "jobs").glob("20261123-*/result.json")
    result = {**orjson.loads(recorded.read_bytes()), "positions": positions}
    recorded.write_bytes(orjson.dumps(result))
    failed.result_path.unlink()
    failed.log_path.unlink()
    with RunLogWriter(failed.log_path) as log:
        log.append("state", status="running")
        log.append("state", status="failed", reason="It broke", exit_code=1)
    async with session(recorded_home, "evaluate", "#evaluate-table", (100, 30)) as s:
        screen = s.screen
        assert isinstance(screen, EvaluateScreen)
        await s.until(lambda: len(screen.table.rows) == 2, "the evaluations")
        await s.walk("evaluate")
        assert {f"evaluate.{action.name}" for action in PLACES["evaluate"][0]} <= s.walked
        screen.table.action_go(-1)
        await s.press("m")
        shown = screen.query_one(MapView)
        await s.until(lambda: len(shown.points.truths) == 40, "the recorded evaluation")
        await s.walk_widget("#evaluate-map")
        s.focus = "#evaluate-table"

        async def open_panel() -> None:
            await s.press("J")
            panel = await s.gives(JobsPanel)
            await s.until(lambda: len(panel.table.rows) == 2, "the jobs")

        for action in await help_of(s, open_panel):
            for key in action.keys.split(","):
                await open_panel()
                await s.press_expected(f"jobs.{action.name}", key)
                s.app.show("evaluate")
                await s.return_to_screen()
        assert {f"jobs.{action.name}" for action in PLACES["jobs"][0]} <= s.walked


async def test_keys_of_configure(recorded_home: RecordedHome) -> None:
    async with session(recorded_home, "configure", "#form-rows", (100, 30)) as s:
        screen = s.screen
        assert isinstance(screen, ConfigureScreen)
        await s.until(lambda: screen.document is not None, "the document")
        await s.walk("configure")
        assert {f"configure.{action.name}" for action in PLACES["configure"][0]} <= s.walked


async def help_of(s: Session, open_panel: Callable[[], Awaitable[None]]) -> Sequence[Action]:
    """What the help of the panel names."""
    await open_panel()
    await s.press("question_mark")
    page = await s.gives(HelpPage)
    await s.return_to_screen()
    return page._own


def own_keys(kind: type[Any], *, only_shown: bool = False) -> list[tuple[str, str]]:
    """Keys that a class itself declares and describes: the key, and what it does."""
    bindings = BindingsMap(kind.__dict__.get("BINDINGS", ()))
    return [
        (key, binding.description)
        for key, binding in bindings
        if binding.description and (binding.show or not only_shown)
    ]


def with_keys(package: ModuleType, kind: type[Any]) -> set[type[Any]]:
    """The classes of a package that have keys of their own."""
    for module in Path(package.__path__[0]).glob("*.py"):
        import_module(f"{package.__name__}.{module.stem}")
    kinds = {kind, *subclasses(kind)}
    return {k for k in kinds if k.__module__.startswith(package.__name__) and own_keys(k)}


async def test_keys_of_dialogs(recorded_home: RecordedHome) -> None:
    assert with_keys(dialogs, Dialog) == set(DIALOGS)
    async with session(recorded_home, "runs", "#runs-table", (80, 24)) as s:
        for dialog in DIALOGS:
            for key, says in own_keys(dialog):
                await s.press_expected(f"{dialog.__name__}.{says}", key)


def subclasses(kind: type[Any]) -> Iterator[type[Any]]:
    """All of them, near and far."""
    for found in kind.__subclasses__():
        yield found
        yield from subclasses(found)


def test_the_table_names_every_action_and_nothing_else() -> None:
    actions = {f"{place}.{action.name}" for place, found in PLACES.items() for action in found[0]}
    widgets = {
        f"{widget.__name__}.{says}"
        for widget in (*WIDGETS, *DIALOGS)
        for _, says in own_keys(widget, only_shown=widget in WIDGETS)
    }
    assert EXPECTED.keys() == actions | widgets
    assert with_keys(heimdall_console.widgets, Widget) == set(WIDGETS)
