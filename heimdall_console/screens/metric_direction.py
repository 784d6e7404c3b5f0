"""Asking which way a metric is better."""

from typing import TYPE_CHECKING

from heimdall_console.formatting import plain
from heimdall_console.said_directions import KEY, SECTION, WAYS, said_directions

if TYPE_CHECKING:
    from heimdall_console.screens.base import BaseScreen

_LONGEST = 60


async def ask_direction(screen: "BaseScreen", name: str, known: str | None) -> bool:
    """Ask, and remember what is said; False where nothing was.

    Args:
        screen: Where it is asked, from a flow that `start` runs.
        name: The metric.
        known: `min` or `max`, where one is known.
    """
    from heimdall_console.screens.dialogs.choice_picker import ChoicePicker

    app = screen.console_app
    title = f"{plain(name)[:_LONGEST]}: which way is better?"
    way = await app.push_screen_wait(ChoicePicker(title, list(WAYS.items()), known or ""))
    if not way:
        return False
    app.remember(SECTION, KEY, {**said_directions(app.preferences), name: way})
    return True
