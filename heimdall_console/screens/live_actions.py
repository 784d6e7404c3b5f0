"""Everything that can be done on the screen Live."""

from typing import Final

from textual.widgets import Input

from heimdall_console.actions.action import Action
from heimdall_console.run_lines import LEVELS, Level
from heimdall_console.screens.live_chart_actions import LiveChartActions
from heimdall_console.screens.live_run_actions import LiveRunActions

_LEVEL_TURN: Final[tuple[Level, ...]] = ("info", "warning", "error", "debug")
_SAID: Final[dict[Level, str]] = {
    "info": "All lines",
    "warning": "Warnings and errors only",
    "error": "Errors only",
    "debug": "All lines, with debugging",
}
_DROP_CURSOR: Final = Action(
    name="back",
    title="drop cursor",
    keys="escape",
    help="Take the cursor away; the log follows its end again.",
    in_footer=True,
)


class LiveActions(LiveRunActions, LiveChartActions):
    """The part of the screen Live that acts: on runs, on charts, on hardware and log."""

    # Hardware and log.

    def action_hardware(self) -> None:
        """Show or hide the hardware."""
        self.hardware_wish = "off" if self.shows_hardware else "on"
        self.keep_choices()
        self.arrange_parts()
        self.draw_all()

    def action_next_gpu(self) -> None:
        """The next GPU."""
        current = self.current
        gpus = current.history.hardware.gpus if current is not None else ()
        if len(gpus) < 2:
            self.tell("There is no other GPU" if gpus else "This run's log tells of no GPU")
            return
        place = gpus.index(self.gpu) if self.gpu in gpus else 0
        self.gpu = gpus[(place + 1) % len(gpus)]
        self.draw_charts()

    def action_search_log(self) -> None:
        """Type what to find."""
        self.type_into("#live-search")

    def action_log_level(self) -> None:
        """Show other levels."""
        pane = self.log_pane
        pane.show_level(_LEVEL_TURN[(_LEVEL_TURN.index(pane.level) + 1) % len(LEVELS)])
        self.tell(_SAID[pane.level], timeout=2)

    def action_follow_log(self) -> None:
        """Hold or follow."""
        self.log_pane.hold()

    def action_show_output(self) -> None:
        """Show what was printed, or the log."""
        self.shows_output = not self.shows_output
        self.watch_chosen()

    # Leaving.

    def leave_text_field(self) -> None:
        """Give the focus to what was searched; an empty field goes away."""
        left = self.focused
        if isinstance(left, Input):
            left.display = bool(left.value)
            if left.id == "live-search":
                self.log_pane.focus()
                return
        charts = self.grid.charts
        if charts:
            charts[0].focus()
        else:
            self.set_focus(None)

    def go_back(self) -> bool:
        """Undo the last thing that changes only the view."""
        choices = self.choices
        search, filtered = (
            self.query_one("#live-search", Input),
            self.query_one("#live-filter", Input),
        )
        if choices.cursor_x is not None:
            self._drop_cursor()
        elif self.grid.full_name:
            self.action_full_chart()
        elif not self.log_pane.is_following:
            self._drop_cursor()
        elif choices.x_range is not None:
            self.action_zoom_reset()
        elif search.value:
            search.value, search.display = "", False
        elif filtered.value:
            filtered.value, filtered.display = "", False
        else:
            return False
        return True

    def _drop_cursor(self) -> None:
        self.choices.cursor_x = None
        self.log_pane.action_follow()
        self.draw_charts()

    def hinted_actions(self) -> list[Action]:
        """What the footer shows; the way to drop the cursor comes first where there is one."""
        hinted = super().hinted_actions()
        return hinted if self.choices.cursor_x is None else [_DROP_CURSOR, *hinted]
