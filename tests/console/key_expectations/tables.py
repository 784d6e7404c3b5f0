"""What the keys of a table of records and of the pane beside it do."""

from heimdall_console.widgets.detail_pane import DetailPane
from heimdall_console.widgets.record_table import RecordTable
from tests.console.key_expectations.session import Expectation, Session, expects


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
