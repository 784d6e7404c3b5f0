"""Going from screen to screen, and what one screen has chosen for another one to show."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from textual.screen import Screen

from heimdall_console.actions import everywhere
from heimdall_console.actions.action import Action
from heimdall_console.app_services import Services
from heimdall_console.screens.base import BaseScreen


@dataclass
class Selection:
    """What a person has chosen on one screen for another one to show."""

    run_ids: tuple[str, ...] = ()
    """Runs to watch; the first is the one that checkpoints and evaluations are shown of."""
    checkpoint: str = ""
    """Path of a checkpoint to evaluate."""
    config_from: str = ""
    """Run whose configuration is to be changed and launched again."""
    config_text: str = ""
    """Configuration, as TOML, that no run of this disk has."""
    config_title: str = ""
    """Where that comes from, for people."""
    model: str = ""
    """Registered model."""
    evaluation: str = ""
    """Job of an evaluation to show."""


class Navigation(Services):
    """The part of the app that knows which screens there are."""

    readonly: bool
    selection: Selection
    _trail: list[str]

    def delay_update(self, delay: float = 0.001) -> None:
        """Draw a screen as soon as it stands.

        Textual would wait for 50 ms after each change of mode, lest somebody saw half a screen.
        """
        super().delay_update(delay)

    def open_screens(self) -> list[BaseScreen]:
        """The screens of all modes that exist so far."""
        return [
            screen
            for stack in self._screen_stacks.values()
            for screen in stack
            if isinstance(screen, BaseScreen) and screen.is_running
        ]

    def show(self, mode: str) -> None:
        """Show one of the six screens."""
        if mode != self.current_mode:
            self._trail = [*self._trail, self.current_mode][-20:]
            self.switch_mode(mode)
        elif isinstance(self.screen, BaseScreen):
            self.screen.on_shown()

    def actions_elsewhere(self, here: str) -> list[tuple[str, Action]]:
        """What the other ones of the six screens do: the name of the screen, and the action."""
        found: list[tuple[str, Action]] = []
        for mode in everywhere.MODES:
            if mode != here:
                actions = import_module(f"heimdall_console.actions.{mode}").ACTIONS
                found += [(mode, action) for action in self.with_keys(mode, actions)]
        return [(mode, a) for mode, a in found if not (a.writes and self.readonly)]

    def go_back(self) -> None:
        """Show the screen before this one."""
        if self._trail:
            self.switch_mode(self._trail.pop())

    def show_live(self, *run_ids: str) -> None:
        """Watch some runs; those that were watched before when none is given."""
        self.selection.run_ids = run_ids or self.selection.run_ids
        self.show("live")

    def show_checkpoints(self, run_id: str = "") -> None:
        """Browse the checkpoints of a run."""
        self.selection.run_ids = (run_id,) if run_id else self.selection.run_ids
        self.show("checkpoints")

    def show_configure(
        self, from_run: str = "", text: str = "", title: str = "a run in MLflow"
    ) -> None:
        """Set up a run, from another one or from TOML that comes from somewhere."""
        self.selection.config_from, self.selection.config_text = from_run, text
        self.selection.config_title = title
        self.show("configure")

    def show_models(self, name: str = "") -> None:
        """Browse a registered model."""
        self.selection.model = name or self.selection.model
        self.show("models")

    def show_evaluate(self, run_id: str = "", checkpoint: str = "") -> None:
        """Judge a checkpoint."""
        self.selection.run_ids = (run_id,) if run_id else self.selection.run_ids
        self.selection.checkpoint = checkpoint
        self.show("evaluate")

    def action_show_runs(self) -> None:
        """Key 1."""
        self.show("runs")

    def action_show_configure(self) -> None:
        """Key 2."""
        self.show("configure")

    def action_show_live(self) -> None:
        """Key 3."""
        self.show("live")

    def action_show_checkpoints(self) -> None:
        """Key 4."""
        self.show("checkpoints")

    def action_show_models(self) -> None:
        """Key 5."""
        self.show("models")

    def action_show_evaluate(self) -> None:
        """Key 6."""
        self.show("evaluate")

    def action_help(self) -> None:
        """Explain what has the focus."""
        if isinstance(self.screen, BaseScreen):
            self.screen.explain_focus()

    async def action_back(self) -> None:
        """Leave a text field, close what is open, or go to the screen before."""
        if isinstance(self.screen, BaseScreen):
            self.screen.step_back()

    def action_show_jobs(self) -> None:
        """Show the jobs panel."""
        from heimdall_console.screens.jobs import JobsPanel

        self.push_screen(JobsPanel())


def screen_maker(mode: str) -> Callable[[], Screen[Any]]:
    """Importing a screen waits until it is shown: only the first one counts at the start."""

    def make() -> Screen[Any]:
        module = import_module(f"heimdall_console.screens.{mode}")
        screen: Screen[Any] = getattr(module, f"{mode.capitalize()}Screen")()
        return screen

    return make
