"""The line at the bottom: what the keys do here."""

from collections.abc import Sequence

from rich.cells import cell_len

from heimdall_console.actions.action import Action, key_text
from heimdall_console.widgets.link_line import LinkLine, Piece


class KeyHints(LinkLine):
    """As many hints as there is room for; help and palette are always among them."""

    def __init__(self) -> None:
        super().__init__(id="key-hints")
        self._own: tuple[Action, ...] = ()
        self._always: tuple[Action, ...] = ()

    def show_actions(self, own: Sequence[Action], always: Sequence[Action]) -> None:
        """Show the actions of a screen, and those that every screen ends with."""
        self._own, self._always = tuple(own), tuple(always)
        self._arrange()

    def on_resize(self) -> None:
        """Fill the line again."""
        self._arrange()

    def _arrange(self) -> None:
        always = [piece for action in self._always for piece in _hint(action)]
        room = self.size.width - sum(cell_len(piece.text) for piece in always)
        pieces: list[Piece] = []
        for action in self._own:
            hint = _hint(action)
            room -= sum(cell_len(piece.text) for piece in hint)
            if room < 0:
                break
            pieces += hint
        self.show((*pieces, *always))


def _hint(action: Action) -> list[Piece]:
    key = key_text(action.keys.split(",")[0])
    return [
        Piece(f" {key}", "key", action.name),
        Piece(f" {action.title} ", "muted", action.name),
    ]
