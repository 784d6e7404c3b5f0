"""What the keys of the screens Checkpoints, Models and Evaluate and of the jobs panel do."""

from typing import Any
from unittest.mock import patch

from heimdall_console.checkpoint_trash import list_trash
from heimdall_console.screens.checkpoints import CheckpointsScreen
from heimdall_console.screens.dialogs.action_palette import ActionPalette
from heimdall_console.screens.dialogs.choice_picker import ChoicePicker
from heimdall_console.screens.dialogs.error_page import ErrorPage
from heimdall_console.screens.dialogs.help_page import HelpPage
from heimdall_console.screens.dialogs.text_question import TextQuestion
from heimdall_console.screens.dialogs.yes_no import YesNo
from heimdall_console.screens.evaluate import EvaluateScreen
from heimdall_console.screens.jobs import JobsPanel
from heimdall_console.screens.models import ModelsScreen
from heimdall_console.widgets.detail_pane import DetailPane
from heimdall_console.widgets.record_table import RecordTable
from tests.console.key_expectations import Expectation, Session, expects


def table(s: Session) -> RecordTable:
    """The table with the focus."""
    found = s.app.focused
    assert isinstance(found, RecordTable)
    return found


def at_row(s: Session, place: int) -> RecordTable:
    found = table(s)
    found.action_go(place)
    return found


def row(s: Session) -> int:
    found = table(s)
    return [line.key for line in found.rows].index(found.key)


def moves(begin: int, end: int) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        count = len(at_row(s, begin).rows)
        assert count > 1
        await s.press(key)
        assert row(s) == end % count

    return expectation


expects("RecordTable.next line")(moves(0, 1))
expects("RecordTable.line before")(moves(1, 0))
expects("RecordTable.first line")(moves(1, 0))
expects("RecordTable.last line")(moves(0, -1))
# All of them fit on a page.
expects("RecordTable.a page down")(moves(0, -1))
expects("RecordTable.a page up")(moves(-1, 0))


def scrolls(begin: int, direction: int) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        pane = s.widget(DetailPane)
        pane.scroll_to(y=begin, animate=False, force=True, immediate=True)
        assert pane.max_scroll_y >= 1
        await s.press(key)
        await s.until(lambda: pane.scroll_y == begin + direction, "another line")

    return expectation


def scrolls_to(begin: str, end: str) -> Expectation:
    """A key that goes further than a line."""

    async def expectation(s: Session, key: str) -> None:
        pane = s.widget(DetailPane)
        last, page = pane.max_scroll_y, pane.scrollable_content_region.height
        places = {"top": 0, "page": page, "before": last - page, "end": last}
        assert last > 1
        pane.scroll_to(y=places[begin], animate=False, force=True, immediate=True)
        await s.press(key)
        await s.until(lambda: pane.scroll_y == min(max(0, places[end]), last), "another page")

    return expectation


expects("DetailPane.to the top")(scrolls_to("end", "top"))
expects("DetailPane.to the end")(scrolls_to("top", "end"))
expects("DetailPane.a page down")(scrolls_to("top", "page"))
expects("DetailPane.a page up")(scrolls_to("end", "before"))
expects("DetailPane.down")(scrolls(0, 1))
expects("DetailPane.up")(scrolls(1, -1))


# Checkpoints: the cursor begins on the best one of the finished run, which is exported.


def checkpoints(s: Session) -> CheckpointsScreen:
    return s.at(CheckpointsScreen)


def at_checkpoint(s: Session, mark: str) -> Any:
    """Put the cursor on a checkpoint with a mark; without one for empty."""
    screen = checkpoints(s)
    assert screen.shown is not None
    rows = [r for r in screen.shown.rows if (mark in r.marks if mark else not r.protection)]
    assert screen.table.go_to(str(rows[0].path))
    return rows[0]


async def of_run(s: Session, name: str) -> None:
    checkpoints(s).show_run(s.home.ids[name])
    await s.until(lambda: checkpoints(s).run_id == s.home.ids[name], "its checkpoints")


@expects("checkpoints.export")
async def _(s: Session, key: str) -> None:
    path = at_checkpoint(s, "last").path
    await s.press(key)
    (asked,) = s.app.asked
    assert asked[0] == "export"
    assert asked[1].checkpoint == path  # type: ignore[attr-defined]
    s.app.asked.clear()


@expects("checkpoints.register")
async def _(s: Session, key: str) -> None:
    at_checkpoint(s, "best")
    await s.press(key)
    await s.gives(TextQuestion)
    await s.types("campus")
    await s.until(lambda: "alias" in str(s.app.screen.query_one(".dialog").border_title), "alias")
    await s.types("champion")
    await s.until(lambda: s.app.asked, "a job")
    kind, arguments = s.app.asked.pop()
    assert (kind, arguments.name, arguments.alias) == (  # type: ignore[attr-defined]
        "register",
        "campus",
        "champion",
    )


@expects("checkpoints.resume")
async def _(s: Session, key: str) -> None:
    path = at_checkpoint(s, "best").path
    await s.press(key)
    await s.gives(YesNo)
    # Its dataset is not here.
    with patch("heimdall_console.screens.checkpoints_actions._resume", return_value=True) as resume:
        await s.press("y")
        await s.goes_to("live")
    assert resume.call_args.args == (path, s.home.path)


@expects("checkpoints.evaluate")
async def _(s: Session, key: str) -> None:
    at_checkpoint(s, "best")
    with patch.object(s.app, "show_evaluate") as show:
        await s.press(key)
    path = checkpoints(s).row.path  # type: ignore[union-attr]
    assert show.call_args.args == (checkpoints(s).run_id, str(path))


@expects("checkpoints.prune")
async def _(s: Session, key: str) -> None:
    run = s.home.run("crashed")
    await of_run(s, "crashed")
    path = at_checkpoint(s, "").path
    await s.press(key)
    await s.gives(YesNo)
    assert path.exists()
    await s.press("y")
    await s.until(lambda: list_trash(run) and not path.exists(), "it is in the trash")
    await s.until(lambda: checkpoints(s).shown and checkpoints(s).shown.trash, "this is shown")
    if key != "d":
        checkpoints(s).action_restore()
        await s.until(lambda: path.exists(), "it is back")


@expects("checkpoints.restore")
async def _(s: Session, key: str) -> None:
    run = s.home.run("crashed")
    before = len(list(run.checkpoints.glob("*.ckpt")))
    assert list_trash(run)
    await s.press(key)
    await s.until(lambda: not list_trash(run), "the trash is empty")
    assert len(list(run.checkpoints.glob("*.ckpt"))) > before
    await s.until(lambda: checkpoints(s).shown and not checkpoints(s).shown.trash, "it is shown")


@expects("checkpoints.empty_trash")
async def _(s: Session, key: str) -> None:
    run = s.home.run("crashed")
    at_checkpoint(s, "")
    await s.press("d")
    await s.gives(YesNo)
    await s.press("y")
    await s.until(lambda: checkpoints(s).shown and checkpoints(s).shown.trash, "it is in the trash")
    await s.until(lambda: s.app.screen is s.screen, "the screen")
    await s.press(key)
    await s.gives(YesNo)
    await s.press("y")
    await s.until(lambda: not (run.checkpoints / ".trash").exists(), "it is gone")
    await of_run(s, "finished")


@expects("checkpoints.mark")
async def _(s: Session, key: str) -> None:
    at_row(s, 0)
    marked = table(s).key
    await s.press(key)
    assert table(s).marked == {marked}
    at_row(s, 0)
    await s.press(key)
    assert not table(s).marked


@expects("checkpoints.choose_run")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.gives(ChoicePicker)
    await s.types("long-first")
    await s.until(lambda: checkpoints(s).run_id == s.home.ids["crashed"], "the run")
    await of_run(s, "finished")


def steps_run(direction: int) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        await of_run(s, "crashed")
        ids = [run_id for run_id, _ in checkpoints(s).run_names()]
        wanted = ids[ids.index(s.home.ids["crashed"]) + direction]
        await s.press(key)
        await s.until(lambda: checkpoints(s).run_id == wanted, "the other run")
        await of_run(s, "finished")

    return expectation


expects("checkpoints.next_run")(steps_run(1))
expects("checkpoints.previous_run")(steps_run(-1))


@expects("checkpoints.sort")
async def _(s: Session, key: str) -> None:
    before = (table(s).sort_id, table(s).is_descending)
    order = [line.key for line in table(s).rows]
    await s.press(key)
    assert (table(s).sort_id, table(s).is_descending) != before
    assert [line.key for line in table(s).rows] != order


@expects("checkpoints.show_tensors")
async def _(s: Session, key: str) -> None:
    at_checkpoint(s, "best")
    screen = checkpoints(s)
    sha256 = screen.row.sidecar.sha256  # type: ignore[union-attr]
    await s.until(lambda: sha256 in screen._details, "it is looked into")

    def titles() -> int:
        return len(str(screen.query_one("#checkpoints-detail", DetailPane)._shown))

    before = titles()
    await s.press(key)
    assert titles() > before
    await s.press(key)
    assert titles() == before


@expects("checkpoints.copy")
async def _(s: Session, key: str) -> None:
    sidecar = at_checkpoint(s, "best").sidecar
    found = []
    for _turn in range(3):
        await s.press(key)
        found.append(s.copied())
    assert found[0] == checkpoints(s).table.key
    assert found[1] == sidecar.sha256
    assert found[2].endswith(f"checkpoints show {checkpoints(s).run_id} {sidecar.file}")


@expects("checkpoints.open")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.goes_to("live")
    assert s.app.selection.run_ids == (checkpoints(s).run_id,)


# Models: campus with three versions, the third of which is the champion.


def models(s: Session) -> ModelsScreen:
    return s.at(ModelsScreen)


def at_version(s: Session, number: int = 3) -> None:
    assert models(s).table.go_to(f"version {number} campus")


def moved(s: Session) -> tuple[str, int]:
    """The alias that a job is to move, and to which version."""
    kind, arguments = s.app.asked.pop()
    assert kind == "set-alias"
    assert not s.app.asked
    return arguments.alias, arguments.version  # type: ignore[attr-defined]


@expects("models.alias")
async def _(s: Session, key: str) -> None:
    at_version(s)
    await s.press(key)
    await s.gives(TextQuestion)
    await s.types("challenger")
    await s.until(lambda: s.app.asked, "a job")
    assert moved(s) == ("challenger", 3)


@expects("models.rollback")
async def _(s: Session, key: str) -> None:
    at_version(s)
    await s.press(key)
    await s.gives(YesNo)
    await s.press("y")
    await s.until(lambda: s.app.asked, "a job")
    assert moved(s) == ("champion", 1), "the second one is not complete"


@expects("models.remove_alias")
async def _(s: Session, key: str) -> None:
    at_version(s)
    await s.press(key)
    await s.gives(YesNo)
    await s.press("y")
    await s.until(lambda: s.app.asked, "a job")
    assert moved(s) == ("champion", 0)


@expects("models.download")
async def _(s: Session, key: str) -> None:
    at_version(s)
    await s.press(key)
    await s.gives(TextQuestion)
    target = s.home.path / "fetched"
    await s.types(str(target))
    await s.until(lambda: s.app.asked, "a job")
    kind, arguments = s.app.asked.pop()
    assert (kind, arguments.model, arguments.target) == (  # type: ignore[attr-defined]
        "download",
        "campus@v3",
        target,
    )


@expects("models.evaluate")
async def _(s: Session, key: str) -> None:
    at_version(s)
    with patch.object(s.app, "show_evaluate") as show:
        await s.press(key)
    assert show.call_args.args == ("", "campus@v3")


@expects("models.checkpoints")
async def _(s: Session, key: str) -> None:
    at_version(s)
    tags: Any = models(s).version.tags  # type: ignore[union-attr]
    with patch.dict(tags, {"heimdall.run_id": s.home.ids["finished"]}):
        await s.press(key)
    await s.goes_to("checkpoints")
    assert s.app.selection.run_ids == (s.home.ids["finished"],)


@expects("models.fold")
async def _(s: Session, key: str) -> None:
    at_version(s)
    every = len(models(s).table.rows)
    await s.press(key)
    assert len(models(s).table.rows) == every - 3
    assert models(s).table.key == "model campus"
    await s.press(key)
    assert len(models(s).table.rows) == every


@expects("models.copy")
async def _(s: Session, key: str) -> None:
    at_version(s)
    found = []
    for _turn in range(2):
        await s.press(key)
        found.append(s.copied())
    assert found == ["campus@v3", "c" * 64]


@expects("models.refresh")
async def _(s: Session, key: str) -> None:
    before = s.reader.requests.count("models")
    await s.press(key)
    await s.until(lambda: s.reader.requests.count("models") > before, "MLflow is read again")


# Evaluate: one recorded evaluation, and one that has failed.


def evaluate(s: Session) -> EvaluateScreen:
    return s.at(EvaluateScreen)


@expects("evaluate.new")
async def _(s: Session, key: str) -> None:
    (s.home.path / "datasets" / "site").mkdir(parents=True, exist_ok=True)
    (s.home.path / "datasets" / "site" / "dataset.toml").write_text("")
    await s.press(key)
    await s.gives(ChoicePicker)
    await s.types("long-first")
    await s.until(
        lambda: "which dataset" in str(s.app.screen.query_one(".dialog").border_title), ""
    )
    await s.types("site")
    await s.until(lambda: "sessions" in str(s.app.screen.query_one(".dialog").border_title), "part")
    await s.press("enter")
    await s.until(lambda: s.app.asked, "a job")
    kind, arguments = s.app.asked.pop()
    assert (kind, arguments.split) == ("evaluate", "val")  # type: ignore[attr-defined]
    assert s.home.ids["crashed"] in str(arguments.model)  # type: ignore[attr-defined]


def shows_pane(name: str) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        other = "map" if name != "map" else "notes"
        evaluate(s)._choose_pane(other)
        pane = evaluate(s).query_one(f"#evaluate-{name}")
        assert not pane.display
        await s.press(key)
        assert pane.display
        assert pane.size.height > 3

    return expectation


for _name in ("distribution", "map", "calibration", "sessions", "notes"):
    expects(f"evaluate.show_{_name}")(shows_pane(_name))


@expects("evaluate.retry")
async def _(s: Session, key: str) -> None:
    job = evaluate(s).job
    assert job is not None
    with patch("heimdall_console.job_control.retry_job") as retry:
        await s.press(key)
        await s.until(lambda: retry.called, "another job")
    assert retry.call_args.args == (s.home.path, job.path)


@expects("evaluate.cancel")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.says("It has ended")
    job = evaluate(s).job
    assert job is not None
    living: Any = type("Living", (), {"status": type("S", (), {"has_ended": False}), "path": 7})()
    with (
        patch.object(EvaluateScreen, "job", living),
        patch("heimdall_console.job_control.cancel_job") as cancel,
    ):
        await s.press(key)
        await s.until(lambda: cancel.called, "it is ended")
    assert cancel.call_args.args == (7,)


@expects("evaluate.copy")
async def _(s: Session, key: str) -> None:
    job = evaluate(s).job
    assert job is not None
    await s.press(key)
    assert s.copied() == str(job.path / "result.json")
    await s.press(key)
    assert s.copied().startswith("heimdall-console evaluate ")


@expects("evaluate.open")
async def _(s: Session, key: str) -> None:
    at_row(s, 0)
    await s.press(key)
    page = await s.gives(ErrorPage)
    assert "It broke" in str(page.error)
    await s.return_to_screen()
    at_row(s, 1)
    await s.press(key)
    await s.goes_to("checkpoints")
    assert s.app.selection.run_ids == (s.home.ids["finished"],)
    s.app.show("evaluate")
    await s.return_to_screen()


# The jobs panel, over the screen Evaluate's two jobs.


def jobs(s: Session) -> JobsPanel:
    found = s.app.screen
    assert isinstance(found, JobsPanel)
    return found


@expects("jobs.open_result")
async def _(s: Session, key: str) -> None:
    at_row(s, 1)
    job_id = jobs(s).table.key
    await s.press(key)
    await s.goes_to("evaluate")
    await s.until(lambda: getattr(s.app.screen, "table", None), "the screen")
    await s.until(lambda: s.app.screen.table.key == job_id, "its result")  # type: ignore[attr-defined]


@expects("jobs.cancel")
async def _(s: Session, key: str) -> None:
    path = jobs(s)._jobs[at_row(s, 0).key].path
    with patch("heimdall_console.job_control.cancel_job") as cancel:
        await s.press(key)
        await s.until(lambda: cancel.called, "it is ended")
    assert cancel.call_args.args == (path,)


@expects("jobs.retry")
async def _(s: Session, key: str) -> None:
    path = jobs(s)._jobs[at_row(s, 0).key].path
    with patch("heimdall_console.job_control.retry_job") as retry:
        await s.press(key)
        await s.until(lambda: retry.called, "another job")
    assert retry.call_args.args == (s.home.path, path)


@expects("jobs.show_error")
async def _(s: Session, key: str) -> None:
    at_row(s, 0)
    await s.press(key)
    page = await s.gives(ErrorPage)
    assert "It broke" in str(page.error)


@expects("jobs.copy")
async def _(s: Session, key: str) -> None:
    path = jobs(s)._jobs[at_row(s, 0).key].path
    await s.press(key)
    assert s.copied() == str(path)


@expects("jobs.help")
async def _(s: Session, key: str) -> None:
    await s.press(key)
    await s.gives(HelpPage)


@expects("jobs.command_palette")
async def _(s: Session, key: str) -> None:
    path = jobs(s)._jobs[at_row(s, 0).key].path
    await s.press(key)
    palette = await s.gives(ActionPalette)
    assert "cancel" in {action.name for action in palette._actions.values()}
    await s.types("copy")
    await s.until(lambda: s.copied() == str(path), "what the action does")


@expects("jobs.close")
async def _(s: Session, key: str) -> None:
    panel = jobs(s)
    await s.press(key)
    assert panel not in s.app.screen_stack
