"""The two ways in for somebody who has nothing yet: the tour and the quickstart."""

import sys
from typing import Final

from textual import on
from textual.app import SuspendNotSupported

from heimdall_console.screens.base import BaseScreen
from heimdall_console.widgets.welcome import Welcome

_DATASET: Final = "campus"
_SESSIONS: Final = 2000
_PRESET: Final = "quick"


class FirstRun(BaseScreen):
    """The part of a screen that leads into the tour and the quickstart."""

    @on(Welcome.Chosen)
    async def _go(self, event: Welcome.Chosen) -> None:
        is_own = hasattr(self, f"action_{event.action}")
        await self.app.run_action(event.action, default_namespace=self if is_own else self.app)

    def action_take_tour(self) -> None:
        """Give the terminal to the tour; this console is there again when it is left."""
        if self.console_app.guide is not None:
            self.tell("This is the tour")
        elif self.console_app.runs:
            self.start(self._offer_tour())
        else:
            self._take_tour()

    async def _offer_tour(self) -> None:
        if await self.ask_yes_no(
            "Take the tour?",
            "It takes this terminal and a home of its own; what runs here goes on meanwhile.",
            "Take it",
        ):
            self._take_tour()

    def _take_tour(self) -> None:
        import subprocess

        command = [sys.executable, "-m", "heimdall_console", "tour"]
        if self.console_app.ascii_only:
            command.append("--ascii")
        try:
            with self.app.suspend():
                subprocess.run(command, check=False)
        except SuspendNotSupported:
            self.tell("Leave the console and type `heimdall-console tour`")
        self.app.refresh(layout=True)

    def action_quickstart(self) -> None:
        """Make a small dataset in the background, and open a configuration for it."""
        from training_core.contract.config_template import preset_config, render_template
        from training_core.contract.home import datasets_folder
        from training_core.contract.jobs import SynthArguments

        app = self.console_app
        target = datasets_folder(app.home) / _DATASET
        if not target.exists():
            arguments = SynthArguments(target=target, sessions=_SESSIONS, seed=1)
            app.start_job("synth", arguments, f"making the dataset {_DATASET}")
        config = preset_config(_PRESET)
        data = config.data.model_copy(update={"dataset": _DATASET})
        text = render_template(config.model_copy(update={"data": data}))
        app.show_configure(text=text, title="the quickstart")
