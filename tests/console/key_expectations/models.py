"""What the keys of the screen Models do."""

from typing import Any
from unittest.mock import patch

from heimdall_console.screens.dialogs.text_question import TextQuestion
from heimdall_console.screens.dialogs.yes_no import YesNo
from heimdall_console.screens.models import ModelsScreen
from tests.console.key_expectations.session import Session, expects

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
