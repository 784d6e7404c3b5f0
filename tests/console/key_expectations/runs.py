"""What the keys of the screen Runs do."""

import shutil
from typing import Any
from unittest.mock import patch

from textual.widgets import Input

from heimdall_console.run_archive import archived_runs
from heimdall_console.screens.compare import CompareScreen
from heimdall_console.screens.dialogs.choice_picker import ChoicePicker
from heimdall_console.screens.dialogs.column_picker import ColumnPicker
from heimdall_console.screens.dialogs.sort_picker import SortPicker
from heimdall_console.screens.dialogs.stop_run import StopRun
from heimdall_console.screens.dialogs.text_question import TextQuestion
from heimdall_console.screens.dialogs.yes_no import YesNo
from heimdall_console.screens.runs import RunsScreen
from heimdall_console.widgets.run_preview import RunPreview
from heimdall_console.widgets.run_table import RunTable
from tests.console.key_expectations.session import Session, expects


def table(s: Session) -> RunTable:
    return s.at(RunsScreen).table


def at_run(s: Session, name: str) -> str:
    """Put the cursor on a run of the recorded home."""
    assert table(s).go_to(s.home.ids[name])
    return s.home.ids[name]


def place(s: Session) -> int:
    line = table(s).cursor_line
    assert line is not None
    return table(s).lines.index(line)


# Looking.


@expects("runs.open")
async def _(s: Session, key: str) -> None:
    run_id = at_run(s, "crashed")
    await s.press(key)
    await s.goes_to("live")
    assert s.app.selection.run_ids == (run_id,)


@expects("runs.filter")
async def _(s: Session, key: str) -> None:
    every = len(table(s).lines)
    await s.press(key)
    await s.types("state:failed")
    assert 0 < len(table(s).lines) < every
    assert all(line.row and line.row.status == "failed" for line in table(s).lines)
    s.app.screen.query_one("#runs-filter", Input).value = ""
    await s.until(lambda: len(table(s).lines) == every, "every run")


@expects("runs.mark")
async def _(s: Session, key: str) -> None:
    run_id = at_run(s, "failed")
    await s.press(key)
    assert table(s).marked == {run_id}
    at_run(s, "failed")
    await s.press(key)
    assert table(s).marked == set()


@expects("runs.compare")
async def _(s: Session, key: str) -> None:
    ids = {at_run(s, name) for name in ("failed", "finished")}
    table(s).marked = set(ids)
    await s.press(key)
    screen = await s.gives(CompareScreen)
    assert {row.key for row in screen.rows} == ids
    table(s).marked.clear()


@expects("runs.choose_sort")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.gives(SortPicker)
    await s.types("name")
    await s.until(lambda: s.at(RunsScreen).runs.sort_id == "name", "sorted by name")
    names = [line.row.name for line in table(s).lines if line.row is not None]
    assert names in (sorted(names), sorted(names, reverse=True))


@expects("runs.choose_columns")
async def _(s: Session, key: str) -> None:
    before = [column.id for column in s.at(RunsScreen).runs.columns]
    await s.press(key)
    picker = await s.gives(ColumnPicker)
    await s.press("enter")
    assert picker._shown == before[1:]
    await s.press("ctrl+s")
    await s.pilot.pause()
    assert before[0] not in [column.id for column in s.at(RunsScreen).runs.columns[1:]]
    await s.press(key)
    await s.gives(ColumnPicker)
    await s.press("ctrl+r", "ctrl+s")
    await s.pilot.pause()
    assert [column.id for column in s.at(RunsScreen).runs.columns] == before


@expects("runs.choose_metric")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    picker = await s.gives(ChoicePicker)
    name = s.at(RunsScreen).runs.metric_names()[-1]
    await s.types(name)
    context = s.at(RunsScreen).runs.context
    await s.until(lambda: context.metric == name or s.app.screen is not picker, "an answer")
    if isinstance(s.app.screen, ChoicePicker):
        await s.press("enter")
        await s.until(lambda: context.metric == name, "the metric")
    assert s.app.preferences.get("runs", "metric", "") == name


# Runs.


@expects("runs.pause")
async def _(s: Session, key: str) -> None:
    at_run(s, "running")
    await s.press(key)
    await s.asks(name="pause")


@expects("runs.stop")
async def _(s: Session, key: str) -> None:
    at_run(s, "running")
    await s.press(key)
    await s.gives(StopRun)
    await s.press("e")
    await s.asks(name="stop", when="epoch")


@expects("runs.resume")
async def _(s: Session, key: str) -> None:
    run_id = at_run(s, "finished")
    await s.press(key)
    await s.gives(TextQuestion)
    # Its dataset is not here.
    with patch("heimdall_console.screens.run_control._resume", return_value=True) as resume:
        await s.types("100")
        await s.says("goes on")
    assert resume.call_args.args == (s.home.path, run_id, 100, 60)


@expects("runs.rerun")
async def _(s: Session, key: str) -> None:
    run_id = at_run(s, "finished")
    await s.press(key)
    await s.goes_to("configure")
    screen: Any = s.app.screen
    await s.until(
        lambda: getattr(screen, "document", None) and screen.document.origin.name == run_id,
        "its configuration",
    )


@expects("runs.archive")
async def _(s: Session, key: str) -> None:
    run_id = at_run(s, "failed")
    await s.press(key)
    await s.says("archived; u takes them out again")
    assert archived_runs(s.home.path) == {run_id}
    assert run_id not in {line.key for line in table(s).lines}


@expects("runs.undo")
async def _(s: Session, key: str) -> None:
    assert archived_runs(s.home.path), "the key before has put one away"
    await s.press(key)
    await s.says("taken out of the archive")
    assert not archived_runs(s.home.path)


@expects("runs.show_archived")
async def _(s: Session, key: str) -> None:
    run_id = at_run(s, "failed")
    every = len(table(s).lines)
    s.at(RunsScreen).action_archive()
    await s.until(lambda: len(table(s).lines) == every - 1, "it is put away")
    await s.press(key)
    assert run_id in {line.key for line in table(s).lines}
    await s.press(key)
    assert run_id not in {line.key for line in table(s).lines}
    s.at(RunsScreen).action_undo()
    await s.until(lambda: len(table(s).lines) == every, "it is there again")


@expects("runs.delete")
async def _(s: Session, key: str) -> None:
    run = s.home.run("hostile" if key == "D" else "crashed")
    assert table(s).go_to(run.id)
    await s.press(key)
    await s.gives(YesNo)
    assert run.path.exists()
    await s.press("y")
    await s.until(lambda: not run.path.exists(), "it is removed")
    await s.until(lambda: run.id not in {line.key for line in table(s).lines}, "its line goes")


@expects("runs.copy")
async def _(s: Session, key: str) -> None:
    run = s.home.run("finished")
    table(s).go_to(run.id)
    found = []
    for _turn in range(3):
        await s.press(key)
        found.append(s.copied())
    assert found == [run.id, run.read_info().name, str(run.path)]


@expects("runs.group")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.gives(ChoicePicker)
    await s.types("what it does")
    await s.until(lambda: any(line.row is None for line in table(s).lines), "groups")
    titles = {line.title for line in table(s).lines if line.row is None}
    assert {"running", "failed"} <= titles


@expects("runs.fold")
async def _(s: Session, key: str) -> None:
    assert table(s).lines[0].row is None, "the key before has made groups"
    every = len(table(s).lines)
    table(s).action_go(0)
    await s.press(key)
    assert len(table(s).lines) < every
    await s.press(key)
    assert len(table(s).lines) == every
    s.at(RunsScreen).runs.group_by = ""
    s.at(RunsScreen).arrange_runs()


@expects("runs.checkpoints")
async def _(s: Session, key: str) -> None:
    run_id = at_run(s, "finished")
    await s.press(key)
    await s.goes_to("checkpoints")
    assert s.app.selection.run_ids == (run_id,)


@expects("runs.toggle_preview")
async def _(s: Session, key: str) -> None:
    preview = s.at(RunsScreen).query_one(RunPreview)
    before = preview.display
    await s.press(key)
    assert preview.display is not before
    await s.press(key)
    assert preview.display is before


@expects("runs.clear_marks")
async def _(s: Session, key: str) -> None:
    table(s).marked = {s.home.ids["failed"], s.home.ids["finished"]}
    await s.press(key)
    assert not table(s).marked


@expects("runs.refresh")
async def _(s: Session, key: str) -> None:
    before = s.reader.requests.count("runs")
    await s.press(key)
    await s.until(lambda: s.reader.requests.count("runs") > before, "MLflow is read again")


@expects("runs.choose_server")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.gives(TextQuestion)
    with patch.object(s.app, "read_tracking_at") as read:
        await s.types("nonsense")
        assert isinstance(s.app.screen, TextQuestion), "no address"
        await s.types("http://mlflow.test:5000")
        await s.until(lambda: read.called, "another server is read")
    assert read.call_args.args == ("http://mlflow.test:5000",)


@expects("runs.take_tour")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.gives(YesNo)
    await s.press("y")
    # A terminal that cannot be given away says how else.
    await s.says("heimdall-console tour")


@expects("runs.quickstart")
async def _(s: Session, key: str) -> None:
    shutil.rmtree(s.app.home / "datasets" / "campus")
    await s.press(key)
    await s.goes_to("configure")
    assert [kind for kind, _ in s.app.asked] == ["synth"]
    s.app.asked.clear()
    screen: Any = s.app.screen
    await s.until(
        lambda: screen.document and screen.document.flat["data.dataset"] == "campus",
        "a configuration for it",
    )
