"""What is chosen of how the runs are shown: order, columns, metric, groups, the MLflow server."""

from heimdall_console.said_directions import WAYS, said_directions
from heimdall_console.screens.metric_direction import ask_direction
from heimdall_console.screens.runs_parts import RunsParts


class RunsChoices(RunsParts):
    """The part of the screen Runs that asks how to show them."""

    def action_choose_sort(self) -> None:
        """Choose what is sorted by."""
        from heimdall_console.run_columns import possible_columns
        from heimdall_console.screens.dialogs.sort_picker import SortPicker

        def take(column_id: str | None) -> None:
            if column_id:
                self.sort_by(column_id)

        self.app.push_screen(
            SortPicker(
                possible_columns(self.runs.names),
                self.runs.sort_id,
                is_descending=self.runs.is_descending,
            ),
            take,
        )

    def action_choose_columns(self) -> None:
        """Choose which columns are shown."""
        from heimdall_console.run_columns import DEFAULT_COLUMNS, possible_columns
        from heimdall_console.run_list import usable_columns
        from heimdall_console.screens.dialogs.column_picker import ColumnPicker

        def take(ids: list[str] | None) -> None:
            if ids is not None:
                self.runs.columns = usable_columns(ids)
                self.console_app.remember("runs", "columns", ids)
                self.table.set_columns(self.runs.seen_columns())
                self.want_figures()

        shown = [column.id for column in self.runs.columns]
        every = possible_columns(self.runs.names)
        self.app.push_screen(ColumnPicker(every, shown, DEFAULT_COLUMNS), take)

    def action_choose_metric(self) -> None:
        """Choose the metric, and ask which way it is better where nobody has said so."""
        self.start(self._choose_metric())

    async def _choose_metric(self) -> None:
        from heimdall_console.screens.dialogs.choice_picker import ChoicePicker

        figures = self.runs.figures
        choices = [
            (name, WAYS.get(figures.directions.get(name, ""), ""))
            for name in self.runs.metric_names()
        ]
        name = await self.app.push_screen_wait(
            ChoicePicker("Metric of best, last, min, max", choices, self.runs.context.metric)
        )
        if not name:
            return
        known = figures.directions.get(name)
        is_asked = name == self.runs.context.metric or known is None
        if is_asked and await ask_direction(self, name, known):
            figures.hear(said_directions(self.console_app.preferences))
        self.runs.choose_metric(name)
        self.console_app.remember("runs", "metric", name)
        self.show_order()
        self.arrange_runs()
        self.table.redraw()
        self.want_figures()

    def action_group(self) -> None:
        """Choose what runs are grouped by."""
        from heimdall_console.screens.dialogs.choice_picker import ChoicePicker

        choices = [
            ("none", "one list"),
            ("experiment", "group of runs"),
            ("nested", "under the run that they belong to or repeat"),
            ("state", "what it does, or how it ended"),
            ("user", "who made it"),
            ("host", "machine"),
            *((f"param:{name}", "parameter") for name in sorted(self.runs.names.params)),
            *((f"tag:{name}", "tag") for name in sorted(self.runs.names.tags)),
        ]

        def take(by: str | None) -> None:
            if by:
                self.runs.group_by = "" if by == "none" else by
                self.console_app.remember("runs", "group", self.runs.group_by)
                self.arrange_runs()

        current = self.runs.group_by or "none"
        self.app.push_screen(ChoicePicker("Group by", choices, current), take)

    def action_choose_server(self) -> None:
        """Choose which MLflow is read."""
        self.start(self._choose_server())

    async def _choose_server(self) -> None:
        app = self.console_app
        uri = await self.ask_text(
            "MLflow server",
            "Address, such as http://mlflow:5000. Empty reads the database of this home, or what "
            "MLFLOW_TRACKING_URI names. Name and password belong into the environment or into "
            "credentials.toml of the home.",
            app.preferences.get("tracking", "uri", ""),
            _address_problem,
        )
        if uri is not None:
            await app.read_tracking_at(uri.strip())
            self.runs.learn(self.runs.rows.forget_tracked())
            self.start_tracking()
            self.arrange_runs()


def _address_problem(text: str) -> str:
    text = text.strip()
    if not text or text.startswith(("http://", "https://", "sqlite:///", "postgresql", "mysql")):
        return "leave the password out" if "@" in text else ""
    return "an address begins with http://, https:// or sqlite:///"
