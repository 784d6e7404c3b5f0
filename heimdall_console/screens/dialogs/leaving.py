"""Leaving a screen that lies over another one, once."""

from typing import TYPE_CHECKING, Any

from textual.await_complete import AwaitComplete

if TYPE_CHECKING:
    from textual.screen import Screen

    _Base = Screen[Any]
else:
    _Base = object


class LeavesOnce(_Base):
    """Before Textual's screen class: whoever types fast leaves it once.

    A second key finds the screen gone; Textual would take away whatever lies below it then.
    """

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """Leave with a result, where the screen is on top; one that is not there yet, a bit later."""
        if not self.is_mounted:
            self.call_later(self.dismiss, result)
            return AwaitComplete()
        return super().dismiss(result) if self.is_active else AwaitComplete()
