"""A scrolled table with a header and a cursor, of which only the lines that are seen are drawn."""

from textual import events
from textual.scroll_view import ScrollView


class LineTable(ScrollView, can_focus=True):
    """Moves the cursor and keeps it in sight.

    A subclass says what the lines are, draws them, and names the keys in its own words.
    """

    DEFAULT_CSS = """
    LineTable {
        height: 1fr;
        width: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        background: $background;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._places: dict[str, int] = {}
        """Key of a line → its place."""
        self._cursor = 0

    # What a subclass says.

    @property
    def count(self) -> int:
        """How many lines there are."""
        raise NotImplementedError

    def tell_cursor(self) -> None:
        """Post that the cursor is on another line."""
        raise NotImplementedError

    def tell_opened(self, place: int) -> None:
        """Post that a line was clicked twice."""
        raise NotImplementedError

    def tell_title(self, x: int) -> None:
        """Post which title stands at a column of the header; nothing where none does."""
        raise NotImplementedError

    def fit_columns(self) -> None:
        """Choose the columns that fit, and their widths."""
        raise NotImplementedError

    # The cursor.

    def go_to(self, key: str) -> bool:
        """Put the cursor on a line; False where it is not there."""
        place = self._places.get(key)
        if place is None:
            return False
        self.move_to(place)
        return True

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self.move_to(self._cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by what is seen."""
        self.move_to(self._cursor + by * self.page)

    def action_go(self, place: int) -> None:
        """Move the cursor to the first or the last line."""
        self.move_to(place if place >= 0 else self.count - 1)

    def move_to(self, place: int) -> None:
        """Put the cursor on a line, or on the one nearest to a place."""
        place = min(max(0, place), max(0, self.count - 1))
        if place != self._cursor:
            self._cursor = place
            self.show_cursor()
            self.refresh()
            self.tell_cursor()

    @property
    def page(self) -> int:
        """Lines below the header."""
        return max(1, self.size.height - 1)

    def show_cursor(self) -> None:
        """Scroll until the cursor is seen."""
        if self.size.height < 2:
            return
        top = self.scroll_offset.y
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, force=True, immediate=True)
        elif self._cursor >= top + self.page:
            below = self._cursor - self.page + 1
            self.scroll_to(y=below, animate=False, force=True, immediate=True)

    def on_resize(self) -> None:
        """Other columns may fit."""
        self.fit_columns()
        self.show_cursor()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor, or tell which title was clicked; twice opens."""
        if event.y == 0:
            self.tell_title(event.x)
            return
        place = self.scroll_offset.y + event.y - 1
        if place < self.count:
            self.move_to(place)
            if event.chain == 2:
                self.tell_opened(place)
