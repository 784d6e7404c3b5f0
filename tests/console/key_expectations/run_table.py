"""What the keys of the table of runs do."""

from tests.console.key_expectations.runs import place, table
from tests.console.key_expectations.session import Session, expects

# The table.


@expects("RunTable.next run")
async def _(s: Session, key: str) -> None:
    table(s).action_go(0)
    await s.press(key)
    assert place(s) == 1


@expects("RunTable.run before")
async def _(s: Session, key: str) -> None:
    table(s).action_go(2)
    await s.press(key)
    assert place(s) == 1


@expects("RunTable.first run")
async def _(s: Session, key: str) -> None:
    table(s).action_go(2)
    await s.press(key)
    assert place(s) == 0


@expects("RunTable.last run")
async def _(s: Session, key: str) -> None:
    table(s).action_go(0)
    await s.press(key)
    assert place(s) == len(table(s).lines) - 1 > 3


@expects("RunTable.a page down")
async def _(s: Session, key: str) -> None:
    table(s).action_go(0)
    await s.press(key)
    assert place(s) == len(table(s).lines) - 1, "all of them fit on a page"


@expects("RunTable.a page up")
async def _(s: Session, key: str) -> None:
    table(s).action_go(-1)
    await s.press(key)
    assert place(s) == 0


def shown_columns(s: Session) -> list[str]:
    return [placed.column.id for placed in table(s)._placed]


@expects("RunTable.columns to the right")
async def _(s: Session, key: str) -> None:
    await s.pilot.resize_terminal(60, 40)
    before = shown_columns(s)
    assert table(s).hidden_columns
    await s.press(key)
    assert set(shown_columns(s)) - set(before), "a column that was hidden is seen"
    await s.press("h")
    await s.pilot.resize_terminal(100, 40)


@expects("RunTable.columns to the left")
async def _(s: Session, key: str) -> None:
    await s.pilot.resize_terminal(60, 40)
    before = shown_columns(s)
    await s.press("l")
    assert shown_columns(s) != before
    await s.press(key)
    assert shown_columns(s) == before
    await s.pilot.resize_terminal(100, 40)
