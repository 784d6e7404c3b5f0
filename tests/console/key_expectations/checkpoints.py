"""What the keys of the screen Checkpoints do."""

from typing import Any
from unittest.mock import patch

from heimdall_console.checkpoint_trash import list_trash
from heimdall_console.screens.checkpoints import CheckpointsScreen
from heimdall_console.screens.dialogs.choice_picker import ChoicePicker
from heimdall_console.screens.dialogs.text_question import TextQuestion
from heimdall_console.screens.dialogs.yes_no import YesNo
from heimdall_console.widgets.detail_pane import DetailPane
from tests.console.key_expectations.session import Expectation, Session, expects
from tests.console.key_expectations.tables import at_row, table

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


def shows_trash(s: Session) -> bool:
    shown = checkpoints(s).shown
    return shown is not None and bool(shown.trash)


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
    await s.until(lambda: shows_trash(s), "this is shown")
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
    await s.until(lambda: not shows_trash(s), "it is shown")


@expects("checkpoints.empty_trash")
async def _(s: Session, key: str) -> None:
    run = s.home.run("crashed")
    at_checkpoint(s, "")
    await s.press("d")
    await s.gives(YesNo)
    await s.press("y")
    await s.until(lambda: shows_trash(s), "it is in the trash")
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
