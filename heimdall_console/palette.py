"""The palette: every action that is possible here, found by a part of its name."""

from collections.abc import Iterator
from functools import partial

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from heimdall_console.actions import everywhere
from heimdall_console.actions.action import Action, keys_text
from heimdall_console.screens.base import BaseScreen
from heimdall_console.screens.dialogs.leaving import LeavesOnce


class ActionPalette(LeavesOnce, CommandPalette):
    """Textual's palette, which two quick keys would leave twice."""


class ActionProvider(Provider):
    """Actions of the screen first, then those of every screen."""

    async def discover(self) -> Hits:
        """Everything, before anything is typed."""
        for action in self._possible():
            yield DiscoveryHit(_label(action), partial(self._do, action), help=_says(action))

    async def search(self, query: str) -> Hits:
        """What holds every word of the query, in its title first.

        Textual's own matcher tries every way to find the letters: a few words take it minutes.
        """
        words = query.lower().split()
        for action in self._possible():
            label = _label(action)
            score = match_score(words, label, f"{action.name} {action.command}", action.help)
            if score > 0:
                shown = _highlighted(label, words)
                yield Hit(score, shown, partial(self._do, action), help=_says(action))

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


def match_score(words: list[str], *texts: str) -> float:
    """How well some words are found in texts, the first of which counts most; 0 is not at all."""
    score = 0.0
    for word in words:
        found = [weight for weight, text in _weighted(texts) if word in text]
        if not found:
            return 0.0
        begins = _weighted(texts)[0][1].startswith(word)
        score += found[0] + (1.0 if begins else 0.0)
    return score / max(1, len(words)) / (len(texts) + 1.0)


def _weighted(texts: tuple[str, ...]) -> list[tuple[float, str]]:
    return [(float(len(texts) - place), text.lower()) for place, text in enumerate(texts)]


def _highlighted(label: str, words: list[str]) -> Content:
    shown, lower = Content(label), label.lower()
    for word in words:
        start = lower.find(word)
        if start >= 0:
            shown = shown.stylize("bold underline", start, start + len(word))
    return shown


def _label(action: Action) -> str:
    title = action.title[:1].upper() + action.title[1:]
    return f"{title}  ({keys_text(action.keys)})" if action.keys else title


def _says(action: Action) -> str:
    if not action.command:
        return action.help
    return f"{action.help}  $ heimdall-console {action.command}"
