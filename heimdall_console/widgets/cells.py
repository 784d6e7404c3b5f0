"""Lines of text in cells of their own style, of which only those that change are sent."""

from typing import ClassVar, Final

from rich.style import Style

from heimdall_console.status_text import STATUS_STYLES
from heimdall_console.widgets.chart import Chart

_STATES: Final = tuple(f"state-{status}" for status in STATUS_STYLES)
_SERIES: Final = tuple(f"series-{number}" for number in range(1, 9))
_NAMES: Final = (
    *("plain", "strong", "muted", "accent", "success", "warning", "error"),
    *("rule", "selected", "match"),
    *_STATES,
    *_SERIES,
)


class Cells(Chart, can_focus=False):
    """Base of widgets that write their lines with the names of styles."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"cells--{name}" for name in _NAMES}
    DEFAULT_CSS = """
    Cells {
        & > .cells--plain { color: $foreground; }
        & > .cells--strong { color: $foreground; text-style: bold; }
        & > .cells--muted { color: $muted; }
        & > .cells--accent { color: $accent; }
        & > .cells--success { color: $success; }
        & > .cells--warning { color: $warning; }
        & > .cells--error { color: $error; }
        & > .cells--rule { color: $chart-grid; }
        & > .cells--selected { color: $foreground; background: $panel; text-style: bold; }
        & > .cells--match { color: $accent; text-style: underline; }
        & > .cells--series-1 { color: $series-1; }
        & > .cells--series-2 { color: $series-2; }
        & > .cells--series-3 { color: $series-3; }
        & > .cells--series-4 { color: $series-4; }
        & > .cells--series-5 { color: $series-5; }
        & > .cells--series-6 { color: $series-6; }
        & > .cells--series-7 { color: $series-7; }
        & > .cells--series-8 { color: $series-8; }
        & > .cells--state-queued { color: $state-queued; }
        & > .cells--state-starting { color: $state-starting; }
        & > .cells--state-running { color: $state-running; }
        & > .cells--state-paused { color: $state-paused; }
        & > .cells--state-finished { color: $state-finished; }
        & > .cells--state-stopped { color: $state-stopped; }
        & > .cells--state-failed { color: $state-failed; }
        & > .cells--state-killed { color: $state-killed; }
        & > .cells--state-crashed { color: $state-crashed; }
    }
    """

    def _resolve(self, name: str) -> Style:
        if name in _NAMES:
            return self.get_component_rich_style(f"cells--{name}")
        return super()._resolve(name)


# Those of charts are not looked up here. Widgets do not take the keyword that says so.
Cells._inherit_component_classes = False
