"""What the parts of the screen Live share: what was chosen, and what is shown."""

from abc import abstractmethod
from typing import TYPE_CHECKING

from textual.widgets import Input

from heimdall_console.live_charts import LiveChoices
from heimdall_console.live_memory import SECTION, choices_to_keep
from heimdall_console.screens.base import BaseScreen

if TYPE_CHECKING:
    from heimdall_console.sources.run import RunView
    from heimdall_console.widgets.log_pane import LogPane
    from heimdall_console.widgets.metric_grid import MetricGrid


class LiveBase(BaseScreen):
    """Choices of a person, and the parts that the screen fills."""

    choices: LiveChoices
    smoothing: float = 0.0
    grid_shape: tuple[int, int] = (0, 0)
    hardware_wish: str = "auto"
    wants_ghost: bool = True
    current_id: str = ""
    ghost_id: str = ""
    gpu: int | None = None
    shows_output: bool = False
    shows_hardware: bool = False
    read_alerts: frozenset[object] = frozenset()
    """What was read and stands in the banner no longer."""
    _chosen_ghost: str = ""

    @property
    @abstractmethod
    def grid(self) -> "MetricGrid":
        """The charts."""

    @property
    @abstractmethod
    def log_pane(self) -> "LogPane":
        """The log."""

    @property
    @abstractmethod
    def views(self) -> "list[RunView]":
        """The runs that are read."""

    @property
    @abstractmethod
    def current(self) -> "RunView | None":
        """The run that keys mean."""

    @abstractmethod
    def watch_chosen(self) -> None:
        """Read the chosen runs."""

    @abstractmethod
    def use_smoothing(self) -> None:
        """Let every run be smoothed as chosen."""

    @abstractmethod
    def draw_all(self) -> None:
        """Draw what has changed."""

    @abstractmethod
    def draw_charts(self) -> None:
        """Draw charts and hardware."""

    @abstractmethod
    def draw_log(self) -> None:
        """Draw the log."""

    @abstractmethod
    def arrange_parts(self) -> None:
        """Give every part its room."""

    def forget_place(self) -> None:
        """Another run is watched: what belonged to the one before does not count."""
        self.choices.cursor_x = self.choices.x_range = None
        self.gpu, self._chosen_ghost = None, ""
        search = self.query_one("#live-search", Input)
        search.value, search.display = "", False

    def keep_choices(self) -> None:
        """Remember what was chosen."""
        for key, value in choices_to_keep(self).items():
            self.console_app.remember(SECTION, key, value)
