"""What the keys of the log do."""

from heimdall_console.screens.dialogs.text_page import TextPage
from tests.console.key_expectations.live import log
from tests.console.key_expectations.session import Expectation, Session, expects

# The log.


def points(begin: str, line: int) -> Expectation:
    """A key of the log that points at another line; lines are counted as in a list."""

    async def expectation(s: Session, key: str) -> None:
        pane = log(s)
        pane.action_follow()
        if begin == "first":
            pane.action_point_at_first()
        elif begin == "last":
            pane.action_point(1)
        await s.press(key)
        assert pane.pointed_line is pane._shown[line]

    return expectation


expects("LogPane.next line")(points("first", 1))
expects("LogPane.line before")(points("last", -2))
expects("LogPane.first line")(points("last", 0))


@expects("LogPane.follow the end")
async def _(s: Session, key: str) -> None:
    log(s).action_point_at_first()
    assert not log(s).is_following
    await s.press(key)
    assert log(s).is_following


@expects("LogPane.page down")
async def _(s: Session, key: str) -> None:
    log(s).action_point_at_first()
    await s.press(key)
    assert log(s)._pointed == log(s).size.height - 2 > 1


@expects("LogPane.page up")
async def _(s: Session, key: str) -> None:
    log(s).action_point_at_first()
    log(s).action_point(log(s).size.height)
    await s.press(key)
    assert log(s)._pointed == 2


def finds(direction: int) -> Expectation:
    async def expectation(s: Session, key: str) -> None:
        pane = log(s)
        pane.search("validation")
        matches = pane._matches()
        assert len(matches) > 2
        pane._point(matches[1])
        await s.press(key)
        assert pane._pointed == matches[1 + direction]
        pane.search("")

    return expectation


expects("LogPane.next match")(finds(1))
expects("LogPane.match before")(finds(-1))


@expects("LogPane.show the whole line")
async def _(s: Session, key: str) -> None:
    log(s).action_point_at_first()
    line = log(s).pointed_line
    assert line is not None
    await s.press(key)
    page = await s.gives(TextPage)
    assert line.text in page._text
