"""Reading what a terminal sends, also where it is no UTF-8.

Textual decodes strictly, and one wrong byte ends the program: an old mouse report, a paste or a
letter typed in a Latin-1 terminal.
"""

import codecs
from collections.abc import Callable
from functools import partial

from textual.drivers import linux_driver


def _lenient_decoder(encoding: str) -> Callable[[], codecs.IncrementalDecoder]:
    return partial(codecs.getincrementaldecoder(encoding), errors="replace")


def accept_any_bytes() -> None:
    """Let wrong bytes become replacement characters, once for the process."""
    # The driver looks its decoder up among the names of its module.
    vars(linux_driver)["getincrementaldecoder"] = _lenient_decoder
