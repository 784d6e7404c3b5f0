"""The screen Runs on a home of real run directories and an MLflow database."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, Static

from heimdall_console.app import HeimdallApp
from heimdall_console.run_archive import archived_runs
from heimdall_console.screens.compare import CompareScreen
from heimdall_console.screens.dialogs.choice_picker import ChoicePicker
from heimdall_console.screens.dialogs.column_picker import ColumnPicker
from heimdall_console.screens.dialogs.error_page import ErrorPage
from heimdall_console.screens.dialogs.yes_no import YesNo
from heimdall_console.screens.runs import RunsScreen
from heimdall_console.screens.tracked_run import TrackedRunScreen
from heimdall_console.widgets.metric_chart import MetricChart
from heimdall_console.widgets.run_preview import RunPreview
from heimdall_console.widgets.run_table import RunTable
from tests.console.programs import FakeRun
from tests.console.tracked_runs import add_run, change, make_database
from training_core.contract.home import runs_folder
from training_core.contract.run_dir import RunInfo, create_run
from training_core.contract.run_log import RunLogWriter

NOW_S = 1_790_000_000.0
CONFIG = """\
[run.tags]
stage = "{stage}"
[model]
name = "receiver_set_net"
[optimizer]
learning_rate = {rate}
[checkpoint]
monitor = "val/loss"
mode = "min"
"""


def local_run(home: Path, place: int, rate: float) -> None:
    """A run of 20 steps whose loss falls from 2 to 1 times its rate, as a score rises."""
    run_id = f"20260921-12000{place}-aaaaaa"
    made = RunInfo(
        id=run_id,
        name=f"local-{place}",
        experiment="campus",
        created=NOW_S - 3600 * place,
    )
    run = create_run(home, made, CONFIG.format(stage="new" if place else "old", rate=rate))
    with RunLogWriter(run.log_path) as log:
        log.append("state", time_s=made.created, status="running")
        for step in range(20):
            values = {"val/loss": rate * (2 - step / 19), "val/score": rate * step}
            time_s = made.created + step
            log.append("metrics", time_s=time_s, step=step, epoch=step, values=values)
        log.append("state", time_s=made.created + 30, status="finished")


@pytest.fixture
def home(isolated_home: Path) -> Path:
    path = make_database(isolated_home)
    for place in range(3):
        local_run(isolated_home, place, 10.0**-place)
    for place in range(40):
        add_run(
            path,
            f"{place:032x}",
            f"other-{place:02d}",
            NOW_S - 86400 - 60 * place,
            status="FAILED" if place % 10 == 0 else "FINISHED",
            params={"lr": f"{10.0 ** -(place % 4)}"},
            tags={"mlflow.parentRunId": f"{0:032x}"} if 0 < place < 4 else {},
            metrics={"val/loss": [3.0, 0.5 + place, 1.0 + place]},
        )
    # The first local run is in MLflow, too.
    run_tag = {"heimdall.run_id": "20260921-120000-aaaaaa"}
    add_run(path, "f" * 32, "local-0", NOW_S, tags=run_tag, metrics={"val/acc": [0.5]})
    return isolated_home


def console(home: Path, **options: Any) -> HeimdallApp:
    return HeimdallApp(home, host="gpu-07", clock=lambda: NOW_S, **options)


async def until(pilot: Pilot[Any], condition: Callable[[], bool], what: str) -> None:
    for _ in range(800):
        if condition():
            return
        await pilot.pause(0.02)
    raise AssertionError(f"still waiting for {what}")


def shown(app: HeimdallApp) -> list[str]:
    """Names of the runs in the table, titles of groups among them."""
    lines = screen_of(app).table.lines
    return [line.row.name if line.row is not None else line.title for line in lines]


def screen_of(app: HeimdallApp) -> RunsScreen:
    screen = app.screen_stack[0]
    assert isinstance(screen, RunsScreen)
    return screen


def cells_of(compare: CompareScreen, name: str) -> list[str]:
    """The values of the lines of a comparison whose name begins so."""
    table = compare.query_one(DataTable)
    rows = [table.get_row_at(place) for place in range(table.row_count)]
    return [str(cell) for row in rows if str(row[0]).startswith(name) for cell in row[1:]]


def text_of(app: HeimdallApp, selector: str) -> str:
    return str(app.screen.query_one(selector, Static).content)


async def type_filter(pilot: Pilot[Any], text: str) -> None:
    screen_of(pilot.app).query_one("#runs-filter", Input).value = text  # type: ignore[arg-type]
    await pilot.pause()


async def test_a_session_of_looking_filtering_sorting_and_comparing(home: Path) -> None:
    app = console(home)
    async with app.run_test(size=(150, 40)) as pilot:
        await until(pilot, lambda: len(shown(app)) == 43, "every run once")
        screen = screen_of(app)
        assert shown(app)[:4] == ["local-0", "local-1", "local-2", "other-00"]
        first = screen.runs.rows.rows["20260921-120000-aaaaaa"]
        assert (first.mlflow_id, first.metrics) == ("f" * 32, {"val/acc": 0.5})
        await until(pilot, lambda: "learning_rate" in str(first_params(screen)), "configurations")

        # The filter: live, with a count; a half-typed one changes nothing but the hint.
        await pilot.press("slash")
        await pilot.press(*"local")
        await until(pilot, lambda: len(shown(app)) == 3, "three runs")
        assert "3 of 43" in text_of(app, "#runs-count")
        await type_filter(pilot, "lr>=0.1 -state:failed | tag:old")
        assert len(shown(app)) == 20, shown(app)
        await type_filter(pilot, "lr>=0.1 -")
        assert len(shown(app)) == 20
        problem = text_of(app, "#runs-problem")
        assert problem.strip() == "▲ what is not wanted is missing after -"
        await pilot.press("enter")
        await pilot.press("escape")
        await until(pilot, lambda: len(shown(app)) == 43, "the filter to go")

        # Marks and the cursor stay with their runs.
        table = screen.table
        await pilot.press("j", "space")
        assert table.marked == {"20260921-120001-aaaaaa"}
        cursor = table.cursor_line
        assert cursor is not None
        height = table.lines.index(cursor) - table.scroll_offset.y
        add_run(home / "mlflow.db", "e" * 32, "newest", NOW_S)
        await until(pilot, lambda: "newest" in shown(app), "the new run")
        assert shown(app)[0] in ("newest", "local-0")
        now = table.cursor_line
        assert now is not None
        assert now.key == cursor.key
        await pilot.press("G")
        assert table.cursor_line is not None
        assert shown(app)[-1] == "other-39"
        await pilot.press("g")
        assert height >= 0

        # Sorting by the best value asks for figures of runs that are not seen.
        await pilot.press("o")
        assert isinstance(app.screen, ChoicePicker)
        await pilot.press(*"best value")
        await pilot.press("enter")
        await until(pilot, lambda: shown(app)[:2] == ["local-2", "local-1"], "the best first")
        assert shown(app)[2] == "other-00", "0.5 is its best, though 1.0 its last"
        await pilot.press("v")
        assert not screen.query_one(RunPreview).display
        await pilot.press("v")

        # Comparing the marked runs.
        await type_filter(pilot, "local")
        table.focus()
        await pilot.press("g", "space", "c")
        await pilot.pause()
        compare = app.screen
        assert isinstance(compare, CompareScreen)
        await until(pilot, lambda: len(compare.query_one(MetricChart).curves) == 2, "two curves")
        names = [
            str(t.get_row_at(r)[0])
            for t in [compare.query_one(DataTable)]
            for r in range(9)
            if r < t.row_count
        ]
        assert "optimizer.learning_rate" in names
        assert "model.name" not in names, "what is the same is left out"
        await pilot.press("d")
        await pilot.pause()
        assert compare.query_one(DataTable).row_count > len(names)
        await pilot.press("right_square_bracket", "x", "L", "y")
        # Which way a metric is better is asked for where a star is missed.
        compare._metric = "val/score"
        compare._fill_table()
        assert not any("★" in cell for cell in cells_of(compare, "val/score"))
        await pilot.press("B")
        assert isinstance(app.screen, ChoicePicker)
        await pilot.press(*"large", "enter")
        await until(
            pilot,
            lambda: any("★" in cell for cell in cells_of(compare, "val/score best")),
            "the best has one",
        )
        assert app.preferences.get("runs", "directions", {}) == {"val/score": "max"}
        chart = compare.query_one(MetricChart)
        chart.focus()
        await pilot.press("left", "plus")
        await until(pilot, lambda: chart.view.x_range is not None, "zoomed around the cursor")
        # Escape takes back what only changes the view, then goes back.
        await pilot.press("escape")
        assert (chart.view.cursor_x is None, chart.view.x_range is None) == (True, False)
        await pilot.press("escape")
        assert (chart.view.cursor_x is None, chart.view.x_range is None) == (True, True)
        assert app.screen is compare
        await pilot.press("escape")
        await pilot.pause()
        assert len(app.screen_stack) == 1

        # Groups and folding.
        await type_filter(pilot, "")
        await pilot.press("z")
        await pilot.press(*"experiment")
        await pilot.press("enter")
        await until(pilot, lambda: "campus" in shown(app), "groups")
        assert {"campus", "others"} < set(shown(app))
        table.go_to("group:experiment:others")
        await pilot.press("f")
        assert len(shown(app)) == 5
        await pilot.press("z")
        await pilot.press(*"nested")
        await pilot.press("enter")
        await until(pilot, lambda: len(shown(app)) == 44, "nested runs")
        depths = {line.row.name: line.depth for line in table.lines if line.row is not None}
        assert (depths["other-00"], depths["other-01"], depths["other-09"]) == (0, 1, 0)


def first_params(screen: RunsScreen) -> dict[str, str]:
    return dict(screen.runs.rows.rows["20260921-120000-aaaaaa"].params)


async def test_columns_metrics_and_what_is_remembered(home: Path) -> None:
    app = console(home)
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: len(shown(app)) == 43, "every run")
        screen = screen_of(app)
        await until(pilot, lambda: "learning_rate" in str(first_params(screen)), "configurations")
        await pilot.press("C")
        assert isinstance(app.screen, ColumnPicker)
        await pilot.press(*"learning_rate")
        await pilot.press("enter", "ctrl+up", "ctrl+s")
        await pilot.pause()
        ids = [column.id for column in screen.runs.columns]
        assert ids[-2:] == ["param:optimizer.learning_rate", "curve"]
        assert app.preferences.get("runs", "columns", []) == ids
        # A direction that nobody has said is asked for, once.
        await pilot.press("m")
        await pilot.press(*"acc")
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press("down", "enter")
        await until(pilot, lambda: screen.runs.context.metric == "val/acc", "the metric")
        assert app.preferences.get("runs", "directions", {})["val/acc"] == "max"
        assert "val/acc" in text_of(app, "#runs-order")
        await pilot.press("y", "y", "y")
        assert app.clipboard.endswith("20260921-120000-aaaaaa"), "the path comes third"
        await pilot.press("l", "h", "pagedown", "pageup", "A", "U", "K")
        await pilot.pause()
        assert app.current_mode == "checkpoints"
        await pilot.press("1")
        await pilot.press("n")
        await pilot.pause()
        assert app.current_mode == "configure"
        app.show("runs")
        await pilot.pause()
        screen.table.focus()
        await pilot.press("enter")
        await pilot.pause()
        assert (app.current_mode, app.selection.run_ids[0]) == ("live", "20260921-120000-aaaaaa")


async def test_archiving_deleting_and_a_run_that_lives(
    home: Path, fake_run: Callable[..., FakeRun]
) -> None:
    alive = fake_run("alive", epochs=500, step_s=0.2).start()
    app = console(home)
    try:
        async with app.run_test(size=(100, 30)) as pilot:
            await until(pilot, lambda: len(shown(app)) == 44, "every run")
            table = screen_of(app).table
            table.go_to("20260921-120001-aaaaaa")
            await pilot.press("a")
            await until(pilot, lambda: len(shown(app)) == 43, "the archived one to go")
            assert archived_runs(home) == {"20260921-120001-aaaaaa"}
            await pilot.press("A")
            assert len(shown(app)) == 44
            await pilot.press("A", "u")
            await until(pilot, lambda: not archived_runs(home), "it to come back")
            table.go_to(alive.run.id)
            await pilot.press("D")
            await until(pilot, lambda: isinstance(app.screen, ErrorPage), "the refusal")
            await pilot.press("escape")
            table.go_to("20260921-120002-aaaaaa")
            await pilot.press("D")
            await until(pilot, lambda: isinstance(app.screen, YesNo), "the question")
            await pilot.press("y")
            await until(pilot, lambda: "local-2" not in shown(app), "it to be gone")
            assert not (runs_folder(home) / "20260921-120002-aaaaaa").exists()
            table.go_to(f"mlflow:{5:032x}")
            await pilot.press("D", "s", "p", "r")
            await pilot.pause()
            assert not isinstance(app.screen, YesNo), "a run of MLflow is not ours to end"
            # It opens, with what the list knows at once.
            await pilot.press("enter")
            await pilot.pause()
            assert isinstance(app.screen, TrackedRunScreen)
            charts = app.screen.query(MetricChart)
            await until(pilot, lambda: bool(charts) and bool(charts.first().curves), "its curve")
            await pilot.press("escape")
    finally:
        alive.stop()


async def test_rows_survive_an_mlflow_that_fails(home: Path) -> None:
    app = console(home, ascii_only=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(shown(app)) == 43, "every run")
        change(home / "mlflow.db", "DROP TABLE tags")
        change(home / "mlflow.db", "UPDATE runs SET status = 'RUNNING' WHERE name = 'other-05'")
        panel = app.screen.query_one("#runs-panel")
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "does not answer" in str(panel.border_subtitle), "the failure")
        assert len(shown(app)) == 43
        assert len(app.screen_stack) == 1, "no page in the way"
        text = "".join(
            segment.text
            for y in range(app.size.height)
            for segment in app.screen._compositor.render_strips()[y]
        )
        assert text.isascii()


async def test_hostile_names_are_shown_as_text(isolated_home: Path) -> None:
    path = make_database(isolated_home)
    evil = "[red]a[/] \x1b[2J\u202e \U0001f600\u200b" + "w" * 10_000
    add_run(path, "a" * 32, evil, NOW_S, params={evil: evil}, tags={"user.x": evil})
    app = console(isolated_home)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: len(shown(app)) == 1, "the run")
        await type_filter(pilot, "[red]a[/]")
        assert len(shown(app)) == 1
        await pilot.press("z")
        await pilot.press("escape")
        widths = {strip.cell_length for strip in app.screen._compositor.render_strips()}
        assert widths == {120}
        text = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
        assert "[red]a[/] \\x1b[2J\\u202e" in text
        assert "\x1b" not in text


async def test_thousands_of_rows_are_drawn_where_they_are_seen(home: Path) -> None:
    app = console(home)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: len(shown(app)) == 43, "every run")
        screen = screen_of(app)
        template = screen.runs.rows._tracked[f"{7:032x}"]
        rows = [{**template, "id": f"{n:032x}", "name": f"big-{n}"} for n in range(100, 10_100)]
        keys = screen.runs.rows.take_tracked(rows, [], is_first=False, is_last=False)
        screen.runs.learn(keys)
        screen.arrange_runs()
        await pilot.press("G")
        await pilot.pause()
        table = app.screen.query_one(RunTable)
        assert len(table.lines) == 10_043
        assert len(table.seen_lines()) < 30
        assert table.cursor_line is table.lines[-1]
