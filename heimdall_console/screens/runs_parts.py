"""What the parts of the screen Runs know of one another."""

from abc import abstractmethod
from typing import TYPE_CHECKING

from heimdall_console.screens.base import BaseScreen

if TYPE_CHECKING:
    from heimdall_console.run_list import RunList
    from heimdall_console.run_rows import RunRow
    from heimdall_console.widgets.run_table import RunTable


class RunsParts(BaseScreen):
    """The list, its table, and what brings both up to date."""

    runs: "RunList"

    @property
    @abstractmethod
    def table(self) -> "RunTable":
        """The table."""

    @abstractmethod
    def arrange_runs(self) -> None:
        """Filter, sort and group anew."""

    @abstractmethod
    def current_row(self) -> "RunRow | None":
        """The run under the cursor."""

    @abstractmethod
    def sort_by(self, column_id: str) -> None:
        """Sort by a column."""

    @abstractmethod
    def want_figures(self) -> None:
        """Read the figures of what is seen."""

    @abstractmethod
    def show_order(self) -> None:
        """Say what is sorted by."""

    @abstractmethod
    def show_count(self) -> None:
        """Say how many runs there are, and how many are marked."""

    @abstractmethod
    def start_tracking(self) -> None:
        """Read MLflow, from its beginning."""

    @abstractmethod
    def read_again(self) -> None:
        """Read MLflow again."""
