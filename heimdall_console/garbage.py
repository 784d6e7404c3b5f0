"""When Python looks for garbage in the console: seldom while it starts, and never in what stays.

Imports, stylesheets and the records of a long log make hundreds of thousands of objects, of which
next to none are garbage. Python's usual thresholds go through all of them again and again, which is
a sixth of the time that opening a long run takes.
"""

import gc
from typing import Final

_STARTING: Final = (100_000, 50, 100)
_WORKING: Final = (10_000, 20, 20)


def begin() -> None:
    """The console starts: collect next to never."""
    gc.set_threshold(*_STARTING)


def settle() -> None:
    """It has started: what there is stays, and only what comes now is looked at."""
    gc.freeze()
    gc.set_threshold(*_WORKING)
