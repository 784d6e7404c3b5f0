"""One of several offers, each with a label of its own, chosen from a searched list."""

from typing import TYPE_CHECKING

from rich.text import Text

from heimdall_console.formatting import cell_width, plain, shortened
from heimdall_console.screens.dialogs.choice_picker import ChoicePicker
from heimdall_console.widgets.form_rows import ascii_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from heimdall_console.config_offers import Offer

_LABEL_CELLS = 38
_NO_ID = "\x00"


class OfferPicker(ChoicePicker):
    """Enter chooses, escape leaves everything as it is; the answer is the id of the offer.

    Args:
        title: What is chosen.
        offers: What there is.
        current: Id of what is chosen now.
    """

    DEFAULT_CSS = """
    OfferPicker > .dialog { width: 104; }
    """

    def __init__(self, title: str, offers: "Sequence[Offer]", current: str = "") -> None:
        # The search looks into ids and explanations: the label is what people search for.
        choices = [(offer.id or _NO_ID, f"{offer.label} {offer.about}") for offer in offers]
        super().__init__(title, choices, current or _NO_ID)
        self._offers = {offer.id or _NO_ID: offer for offer in offers}

    def line(self, name: str, about: str) -> Text:
        """One offer."""
        offer = self._offers[name]
        label = shortened(self._drawable(offer.label), _LABEL_CELLS)
        text = Text(label + " " * (_LABEL_CELLS + 1 - cell_width(label)), no_wrap=True)
        room = min(104, int(self.size.width * 0.96)) - _LABEL_CELLS - 9
        text.append(
            shortened(self._drawable(offer.about), max(8, room)),
            self.app.theme_variables.get("muted", ""),
        )
        return text

    def _drawable(self, text: str) -> str:
        shown = plain(text)
        return ascii_text(shown) if getattr(self.app, "ascii_only", False) else shown

    def dismiss(self, result: str | None = None) -> "object":  # type: ignore[override]
        """Answer with the id as it was given."""
        return super().dismiss("" if result == _NO_ID else result)
