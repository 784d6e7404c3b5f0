"""Lines of text in cells of their own style, of which only those that change are sent."""

from typing import ClassVar

from heimdall_console.widgets.chart import Chart
from heimdall_console.widgets.ink import SERIES, STATES, Ink


class Cells(Chart, can_focus=False):
    """Base of widgets that write their lines with the names of styles."""

    INKS: ClassVar[dict[str, Ink]] = {
        "plain": Ink(),
        "strong": Ink(bold=True),
        "muted": Ink("muted"),
        "accent": Ink("accent"),
        "success": Ink("success"),
        "warning": Ink("warning"),
        "error": Ink("error"),
        "rule": Ink("chart-grid"),
        "selected": Ink(background="panel", bold=True),
        "match": Ink("accent", underline=True),
        **SERIES,
        **STATES,
    }
