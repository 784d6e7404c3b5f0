"""The screens Checkpoints, Models and Evaluate, and the jobs panel, driven by their keys."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

import heimdall_console.app
from heimdall_console.app import HeimdallApp
from heimdall_console.checkpoint_rows import CheckpointRow, checkpoint_rows
from heimdall_console.screens.checkpoints import CheckpointsScreen
from heimdall_console.screens.dialogs.choice_picker import ChoicePicker
from heimdall_console.screens.dialogs.error_page import ErrorPage
from heimdall_console.screens.dialogs.text_question import TextQuestion
from heimdall_console.screens.dialogs.yes_no import YesNo
from heimdall_console.screens.evaluate import EvaluateScreen
from heimdall_console.screens.jobs import JobsPanel
from heimdall_console.screens.models import ModelsScreen
from heimdall_console.widgets.detail_pane import DetailPane
from heimdall_console.widgets.map_view import MapView
from heimdall_console.widgets.record_layout import TableColumn, TableRow
from heimdall_console.widgets.record_table import RecordTable
from tests.console.recorded_home import held_lock
from tests.console.records import evaluated, export_of, saved_run
from tests.console.test_jobs import job_of, started
from tests.console.test_models import PROOF, answer
from training_core.contract.checkpoints import list_checkpoints, sidecar_path
from training_core.contract.errors import TrackingError
from training_core.contract.jobs import (
    DownloadArguments,
    EvaluateArguments,
    ExportArguments,
    JobArguments,
    RegisterArguments,
    SetAliasArguments,
)
from training_core.contract.run_log import RunLogWriter
from training_core.contract.run_status import RunStatus


class Console(HeimdallApp):
    """The app, whose jobs are noted instead of started: a worker loads PyTorch for seconds."""

    CSS_PATH = str(Path(heimdall_console.app.__file__).with_name("app.tcss"))

    def __init__(self, home: Path, **options: Any) -> None:
        super().__init__(home, host="gpu-07", **options)
        self.asked: list[tuple[str, JobArguments]] = []

    def start_job(self, kind: str, arguments: JobArguments, title: str) -> None:
        self.asked.append((kind, arguments))


class Reader:
    """Answers as the process that reads MLflow does."""

    shown_uri = "http://mlflow.test"

    def __init__(self) -> None:
        self.is_down = False

    def stream(self, request: str, **asked: Any) -> Iterator[dict[str, Any]]:
        if self.is_down:
            raise TrackingError("MLflow could not be read", why="Nothing listens there")
        assert request == "models"
        yield answer()

    def answer(self, request: str, **asked: Any) -> dict[str, Any]:
        return {"text": orjson.dumps(PROOF).decode()} if request == "preview" else {}

    def close(self) -> None:
        pass


async def until(pilot: Pilot[Any], is_so: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.01)
        await pilot.pause()


async def seen(pilot: Pilot[Any], words: str) -> None:
    await until(pilot, lambda: words in shown(pilot.app), words)


def shown(app: App[Any]) -> str:
    return app.export_screenshot().replace("&#160;", " ")


def said(app: App[Any]) -> str:
    return "\n".join(str(notification.message) for notification in app._notifications)


async def typed(pilot: Pilot[Any], text: str) -> None:
    field = pilot.app.screen.query_one(Input)
    field.value = text
    await pilot.press("enter")
    await pilot.pause()


async def test_checkpoints_are_chosen_pruned_and_brought_back(isolated_home: Path) -> None:
    older = saved_run(isolated_home, [9.0], name="older [b]", created=1e9)
    run = saved_run(isolated_home, [3.0, 2.0, 1.0, 4.0, 5.0], {3: "request"}, created=1.1e9)
    sha256 = export_of(run, checkpoint_rows(run, isolated_home)[0], "first")
    app = Console(isolated_home)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("4")
        screen = app.screen
        assert isinstance(screen, CheckpointsScreen)
        await until(pilot, lambda: len(screen.table.rows) == 5, "the newest run")
        assert screen.row is not None
        assert screen.row.sidecar.epoch == 2, "the cursor begins at the best one"
        text = shown(app)
        for word in ("morning", "5 checkpoints", "best", "val/loss"):
            assert word in text
        await until(pilot, lambda: "cannot be looked into" in str(screen._details.values()), "why")
        await pilot.press("d")
        assert isinstance(app.screen, ErrorPage), "the best one is refused"
        assert f"checkpoints list {run.id}" in str(app.screen.error)
        assert "Not done" in shown(app)
        assert "traceback" not in shown(app)
        await pilot.press("t", "escape")
        await pilot.press("g", "j", "space", "G", "k", "space")
        assert [row.sidecar.epoch for row in screen.chosen_rows()] == [1, 3]
        await pilot.press("d")
        await pilot.pause()
        assert isinstance(app.screen, YesNo)
        assert "2.0 kB will be free" in shown(app)
        await pilot.press("y")
        await until(pilot, lambda: len(screen.table.rows) == 3, "they are in the trash")
        assert "removed" not in said(app), "who prunes is told so, not that something is missing"
        assert [s.epoch for s in list_checkpoints(run.checkpoints)] == [0, 2, 4]
        assert "trash: 2" in shown(app)
        await pilot.press("u")
        await until(pilot, lambda: len(screen.table.rows) == 5, "they are back")
        await pilot.press("g", "j", "d")
        await pilot.pause()
        await pilot.press("y")
        await until(pilot, lambda: len(screen.table.rows) == 4, "one is in the trash")
        await pilot.press("D")
        await pilot.pause()
        await pilot.press("y")
        await until(pilot, lambda: not (run.checkpoints / ".trash").exists(), "it is gone")
        # What a job does is asked of a job.
        await pilot.press("G", "e")
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, TextQuestion), "the name")
        await typed(pilot, "campus")
        await until(pilot, lambda: "Which alias" in shown(app), "the alias")
        await typed(pilot, "champion")
        await pilot.press("k", "m")
        await until(pilot, lambda: isinstance(app.screen, TextQuestion), "the name")
        await typed(pilot, "campus")
        await until(pilot, lambda: "Which alias" in shown(app), "the alias")
        await typed(pilot, "")
        first, second = run.checkpoints.glob("epoch=000*.ckpt"), screen.row
        assert second is not None
        assert app.asked == [
            ("export", ExportArguments(checkpoint=next(first))),
            (
                "register",
                RegisterArguments(export=run.exports / "first", name="campus", alias="champion"),
            ),
            (
                "register",
                RegisterArguments(
                    export=run.exports / second.path.stem, name="campus", checkpoint=second.path
                ),
            ),
        ]
        assert sha256 in str(screen.row and screen.shown and screen.shown.rows[0].exports)
        # Sorting, tensors, copying, runs.
        for key in ("o", "o", "t", "y", "y"):
            await pilot.press(key)
        assert app.clipboard == second.sidecar.sha256
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: screen.run_id == older.id, "the older run")
        assert "older [b]" in shown(app)
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(app.screen, ChoicePicker), "the runs")
        await pilot.press("escape")
        await pilot.press("r")
        await pilot.pause()
        assert isinstance(app.screen, YesNo)
        await pilot.press("n")
        await pilot.press("v")
        await pilot.pause()
        assert app.current_mode == "evaluate"
        await pilot.press("escape")


async def test_a_key_means_no_other_checkpoint_than_the_one_that_was_seen(
    isolated_home: Path,
) -> None:
    """The training removes the one under the cursor: it is said, and the first key does nothing."""
    run = saved_run(isolated_home, [3.0, 2.0, 1.0, 4.0, 5.0, 6.0, 7.0, 8.0], created=1.1e9)
    with RunLogWriter(run.log_path) as log:
        log.append("state", status="running")
    app = Console(isolated_home)
    with held_lock(run):
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await pilot.press("4")
            screen = app.screen
            assert isinstance(screen, CheckpointsScreen)
            await until(pilot, lambda: len(screen.table.rows) == 8, "the newest run")
            await until(pilot, lambda: any(not r.status.has_ended for r in app.runs or ()), "lives")

            async def removed() -> tuple[CheckpointRow, CheckpointRow]:
                before, left = screen.row, len(screen.table.rows) - 1
                assert before is not None
                sidecar_path(before.path).unlink()
                before.path.unlink()
                screen.read()
                await until(pilot, lambda: len(screen.table.rows) == left, "it was removed")
                assert screen.row is not None
                assert f"{before.name} was removed by the training" in said(app)
                return before, screen.row

            await pilot.press("g", "j")
            for key in "emdve":
                _, other = await removed()
                await pilot.press(key)
                assert app.screen is screen, "nothing is asked of another checkpoint"
                assert f"The cursor is on {other.name} now" in said(app)
            assert app.asked == []
            await pilot.press("e")
            assert app.asked == [("export", ExportArguments(checkpoint=other.path))]
            # Who moves the cursor sees where it is; what was pruned here is no news.
            await removed()
            await pilot.press("k", "e")
            assert len(app.asked) == 2


@pytest.mark.parametrize("ascii_only", [False, True])
async def test_every_screen_says_what_to_do_where_nothing_is(
    isolated_home: Path, ascii_only: bool
) -> None:
    app = Console(isolated_home, ascii_only=ascii_only)
    app._tracking = Reader()  # type: ignore[assignment]
    reader = app.tracking
    reader.is_down = True  # type: ignore[attr-defined]
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.jobs is not None, "the jobs")
        for key, words in (
            ("4", "No runs yet"),
            ("5", "Nothing listens there"),
            ("6", "Nothing was evaluated yet"),
            ("J", "No job yet"),
        ):
            await pilot.press(key)
            await seen(pilot, words)
            if ascii_only:
                lines = "".join(
                    segment.text
                    for strip in app.screen._compositor.render_strips()
                    for segment in strip
                )
                assert lines.replace("\n", "").isascii()
        await pilot.press("escape")


async def test_models_show_chain_and_proof_and_move_aliases(isolated_home: Path) -> None:
    app = Console(isolated_home)
    app._tracking = reader = Reader()  # type: ignore[assignment]
    async with app.run_test(size=(140, 50)) as pilot:
        await pilot.press("5")
        screen = app.screen
        assert isinstance(screen, ModelsScreen)
        await until(pilot, lambda: screen.models, "the models")
        await pilot.press("g", "j")
        assert screen.version is not None
        assert screen.version.number == 3
        await until(pilot, lambda: "2.0 times as fast" in shown(app), "the proof from MLflow")
        text = shown(app)
        for word in ("a" * 20, "b" * 20, "c" * 20, "@champion", "2 models"):
            assert word in text
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, TextQuestion), "the alias")
        await typed(pilot, "v1")
        assert isinstance(app.screen, TextQuestion), "a reserved alias is refused"
        await typed(pilot, "challenger")
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, YesNo), "the question")
        assert "From version 3 to version 1" in shown(app)
        await pilot.press("y")
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, YesNo), "the question")
        await pilot.press("y")
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, TextQuestion), "the folder")
        await typed(pilot, str(isolated_home / "fetched"))
        await until(pilot, lambda: len(app.asked) == 4, "four jobs")
        assert app.asked == [
            (
                "set-alias",
                SetAliasArguments(name="campus", alias="challenger", version=3, expected=0),
            ),
            (
                "set-alias",
                SetAliasArguments(name="campus", alias="champion", version=1, expected=3),
            ),
            (
                "set-alias",
                SetAliasArguments(name="campus", alias="champion", version=0, expected=3),
            ),
            (
                "download",
                DownloadArguments(model="campus@v3", target=isolated_home / "fetched"),
            ),
        ]
        await pilot.press("y", "y")
        assert app.clipboard == "c" * 64
        await pilot.press("K", "enter")
        assert screen.table.key == "model campus", "its versions are folded"
        reader.is_down = True
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "does not answer" in shown(app), "the failure is said")
        assert screen.models, "what was read before stays"


async def test_an_evaluation_is_shown_whole_and_a_new_one_asked_for(isolated_home: Path) -> None:
    run = saved_run(isolated_home, [1.0])
    (isolated_home / "datasets" / "campus").mkdir(parents=True)
    (isolated_home / "datasets" / "campus" / "dataset.toml").write_text("")
    evaluated(isolated_home, "campus@champion")
    time.sleep(0.002)
    evaluated(isolated_home, str(run.checkpoints / "x.ckpt"), "test")
    app = Console(isolated_home)
    async with app.run_test(size=(150, 44)) as pilot:
        await pilot.press("6")
        screen = app.screen
        assert isinstance(screen, EvaluateScreen)
        await until(pilot, lambda: len(screen.table.rows) == 2, "the evaluations")
        await pilot.press("G")
        await until(pilot, lambda: "campus@champion on campus, val" in shown(app), "the first")
        text = shown(app)
        for word in ("61.5 m", "training centroid", "s039", "t[0]", "Only [a few]", "receiver"):
            assert word in text
        map_view = screen.query_one(MapView)
        await until(pilot, lambda: len(map_view.points.truths) == 40, "the positions")
        await pilot.press("w", "j")
        assert map_view.viewport.chosen == 38
        _, row = screen.query_one("#evaluate-sessions", RecordTable).rows[1].cells[:2]
        await until(pilot, lambda: f"session s038  {row} off" in shown(app), "as the table has it")
        await pilot.press("m", "k")
        await until(
            pilot,
            lambda: screen.query_one("#evaluate-sessions", RecordTable).key == "37",
            "the session of the map",
        )
        await pilot.press("escape", "g")
        await until(pilot, lambda: "morning x on campus, test" in shown(app), "the run's name")
        await pilot.press("c", "b", "i", "escape", "y")
        assert app.clipboard.endswith("result.json")
        await pilot.resize_terminal(80, 24)
        for key, name in (("m", "map"), ("c", "distribution"), ("w", "sessions"), ("i", "notes")):
            await pilot.press(key)
            await pilot.pause()
            assert screen.query_one(f"#evaluate-{name}").display
            assert screen.query_one(f"#evaluate-{name}").region.height > 3
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, ChoicePicker), "the models")
        app.screen.query_one(OptionList).highlighted = 1
        await pilot.press("enter")
        await until(pilot, lambda: "on which dataset" in shown(app), "the datasets")
        await pilot.press("enter")
        await until(pilot, lambda: "On which sessions" in shown(app), "the parts")
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, YesNo), "test sessions are asked for")
        await pilot.press("y")
        await until(pilot, lambda: app.asked, "the job")
        kind, arguments = app.asked[0]
        assert kind == "evaluate"
        assert isinstance(arguments, EvaluateArguments)
        assert arguments.split == "test"
        assert arguments.model.endswith("epoch=000-step=0000010.ckpt")


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_the_table_of_methods_has_the_rows_that_it_needs(
    isolated_home: Path, size: tuple[int, int]
) -> None:
    """Nine methods are all seen, and no row is empty above them."""
    job = evaluated(isolated_home, "campus@champion")
    result = job.read_result()
    result["methods"] |= {f"m{n}": result["methods"]["network"] for n in range(2, 9)}
    job.result_path.write_bytes(orjson.dumps(result))
    app = Console(isolated_home)
    async with app.run_test(size=size) as pilot:
        await pilot.press("6")
        screen = app.screen
        assert isinstance(screen, EvaluateScreen)
        methods = screen.query_one("#evaluate-methods", RecordTable)
        await until(pilot, lambda: len(methods.rows) == 9, "the methods")
        await until(pilot, lambda: methods.size.height == 10, "a row for each, and the titles")
        if size[0] < 120:
            assert screen.table.size.height == 2, "no empty rows above it"


async def test_a_table_that_begins_to_scroll_cuts_no_number() -> None:
    """The scroll bar takes a cell: the columns make room for it, whenever it comes."""
    columns = (
        TableColumn("method", "method", shrinks=True),
        TableColumn("coverage", "90 % ellipse", is_right=True),
    )
    table = RecordTable(columns, has_cursor=False)

    class Bare(App[None]):
        def get_theme_variable_defaults(self) -> dict[str, str]:
            states = {f"state-{status}": "white" for status in RunStatus}
            return {"muted": "white", **states}

        def compose(self) -> ComposeResult:
            yield table

    app = Bare()
    async with app.run_test(size=(30, 5)) as pilot:
        for number in (3, 9, 4, 8):
            rows = [TableRow(str(n), (f"a long name of {n} " * 2, "89.9 %"), {}) for n in range(9)]
            table.show(rows[:number])
            await pilot.pause()
            room = table.scrollable_content_region.width
            assert room == (30 if number < 5 else 29)
            lines = [table.render_line(y).text for y in range(2)]
            assert [line[:room].split()[-2:] for line in lines] == [["%", "ellipse"], ["89.9", "%"]]


async def test_the_jobs_panel_follows_cancels_and_explains(isolated_home: Path) -> None:
    evaluated(isolated_home, "campus@champion")
    worker = started(job := job_of(isolated_home))
    app = HeimdallApp(isolated_home, host="gpu-07")
    try:
        async with app.run_test(size=(100, 30)) as pilot:
            await pilot.press("J")
            panel = app.screen
            assert isinstance(panel, JobsPanel)
            await until(pilot, lambda: len(panel.table.rows) == 2, "the jobs")
            text = shown(app)
            for word in ("running", "25 %", "1 at work", "median 61.5 m"):
                assert word in text
            assert panel.table.key == job.id
            await pilot.press("y")
            assert app.clipboard == str(job.path)
            await pilot.press("x")
            await until(pilot, lambda: "stopped" in shown(app), "it was asked to stop")
            assert "none at work" in shown(app)
            assert panel.query_one(DetailPane).query_one(Static) is not None
            await pilot.press("T", "j", "enter")
            await pilot.pause()
            assert app.current_mode == "evaluate"
    finally:
        worker.kill()
        worker.wait()
