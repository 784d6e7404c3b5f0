"""The palette: every action that is possible here, found by a part of its name."""

from collections.abc import Iterator
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from heimdall_console.actions import everywhere
from heimdall_console.actions.action import Action, keys_text
from heimdall_console.screens.base import BaseScreen


class ActionProvider(Provider):
    """Actions of the screen first, then those of every screen."""

    async def discover(self) -> Hits:
        """Everything, before anything is typed."""
        for action in self._possible():
            yield DiscoveryHit(_label(action), partial(self._do, action), help=_says(action))

    async def search(self, query: str) -> Hits:
        """What matches."""
        matcher = self.matcher(query)
        for action in self._possible():
            label = _label(action)
            score = matcher.match(f"{label} {action.name} {action.command}")
            if score > 0:
                yield Hit(
                    score, matcher.highlight(label), partial(self._do, action), help=_says(action)
                )

    def _possible(self) -> Iterator[Action]:
        screen = self.screen
        if isinstance(screen, BaseScreen):
            yield from screen.possible_actions()
            always = screen.console_app.with_keys("app", everywhere.ACTIONS)
            yield from (action for action in always if action.name != "command_palette")

    async def _do(self, action: Action) -> None:
        screen = self.screen
        namespace = screen if hasattr(screen, f"action_{action.name}") else self.app
        await self.app.run_action(action.name, default_namespace=namespace)


def _label(action: Action) -> str:
    title = action.title[:1].upper() + action.title[1:]
    return f"{title}  ({keys_text(action.keys)})" if action.keys else title


def _says(action: Action) -> str:
    if not action.command:
        return action.help
    return f"{action.help}  $ heimdall-console {action.command}"
