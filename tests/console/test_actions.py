"""Every action is named once, and is reachable by key, palette, key card and command line."""

import re
import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from textual.binding import BindingsMap

from heimdall_console.actions import action as names_of_keys
from heimdall_console.actions import (
    checkpoints,
    compare,
    configure,
    evaluate,
    everywhere,
    jobs,
    live,
    models,
    runs,
    tracked_run,
)
from heimdall_console.actions.action import Action, key_text, keys_text
from heimdall_console.app import HeimdallApp
from heimdall_console.screens.base import BaseScreen
from heimdall_console.screens.checkpoints import CheckpointsScreen
from heimdall_console.screens.compare import CompareScreen
from heimdall_console.screens.configure import ConfigureScreen
from heimdall_console.screens.dialogs.action_palette import ActionPalette
from heimdall_console.screens.evaluate import EvaluateScreen
from heimdall_console.screens.jobs import JobsPanel
from heimdall_console.screens.live import LiveScreen
from heimdall_console.screens.models import ModelsScreen
from heimdall_console.screens.runs import RunsScreen
from heimdall_console.screens.tracked_run import TrackedRunScreen
from heimdall_console.widgets.artifact_tree import ArtifactTree
from heimdall_console.widgets.config_editor import ConfigEditor
from heimdall_console.widgets.detail_pane import DetailPane
from heimdall_console.widgets.form_rows import FormRows
from heimdall_console.widgets.hardware_panel import HardwarePanel
from heimdall_console.widgets.log_pane import LogPane
from heimdall_console.widgets.map_view import MapView
from heimdall_console.widgets.metric_chart import MetricChart
from heimdall_console.widgets.preflight_panel import PreflightPanel
from heimdall_console.widgets.record_table import RecordTable
from heimdall_console.widgets.run_preview import RunPreview
from heimdall_console.widgets.run_table import RunTable
from scripts.write_key_card import TARGET, card
from tests.test_docs import command_tree, problem_with

PLACES: dict[str, tuple[tuple[Action, ...], type[Any]]] = {
    "app": (everywhere.ACTIONS, HeimdallApp),
    "runs": (runs.ACTIONS, RunsScreen),
    "configure": (configure.ACTIONS, ConfigureScreen),
    "live": (live.ACTIONS, LiveScreen),
    "checkpoints": (checkpoints.ACTIONS, CheckpointsScreen),
    "models": (models.ACTIONS, ModelsScreen),
    "evaluate": (evaluate.ACTIONS, EvaluateScreen),
    "jobs": (jobs.ACTIONS, JobsPanel),
    "compare": (compare.ACTIONS, CompareScreen),
    "tracked_run": (tracked_run.ACTIONS, TrackedRunScreen),
}
FILES = {path.stem for path in Path(names_of_keys.__file__).parent.glob("*.py")}
ON_SCREENS = {place: value for place, value in PLACES.items() if issubclass(value[1], BaseScreen)}
LOOKING = {
    ("attach",),
    ("checkpoints", "list"),
    ("checkpoints", "show"),
    ("config", "validate"),
    ("doctor",),
    ("jobs", "list"),
    ("jobs", "show"),
    ("models", "list"),
    ("runs", "list"),
    ("runs", "log"),
    ("runs", "output"),
    ("runs", "show"),
    ("tour",),
}
"""Commands that change nothing of the home or of a server."""
every_place = pytest.mark.parametrize("place", PLACES)


def keys_of(action: Action) -> list[str]:
    return [key.strip() for key in action.keys.split(",")]


def test_every_file_of_actions_is_tested() -> None:
    modules = {f"heimdall_console.actions.{name}" for name in FILES - {"__init__", "action"}}
    with_actions = {name for name in modules if hasattr(import_module(name), "ACTIONS")}
    tested = {"everywhere" if place == "app" else place for place in PLACES}
    assert with_actions == {f"heimdall_console.actions.{name}" for name in tested}


@every_place
def test_names_and_keys_are_used_once(place: str) -> None:
    actions, _ = PLACES[place]
    names = [action.name for action in actions]
    keys = [key for action in actions for key in keys_of(action)]
    assert len(set(names)) == len(names)
    assert len(set(keys)) == len(keys)
    assert all(keys), "every action has a key"
    assert all(action.title.strip() == action.title != "" for action in actions)


ONE_THING: dict[str, tuple[str, ...]] = {
    "sorting": ("runs.choose_sort", "checkpoints.sort"),
    "why it failed": ("live.traceback", "jobs.show_error"),
    "the direction of a metric": ("live.direction", "compare.direction"),
    "stopping a run": ("runs.stop", "live.stop"),
    "pausing a run": ("runs.pause", "live.pause"),
    "taking something back": ("runs.undo", "configure.undo", "checkpoints.restore"),
    "ending a job": ("configure.cancel_trial", "evaluate.cancel", "jobs.cancel"),
    "the metric": ("runs.choose_metric", "compare.choose_metric"),
    "folding": ("runs.fold", "models.fold"),
    "a page of charts": ("live.next_page", "tracked_run.next_page"),
}
"""What can be done on several screens → its actions, which have a key in common."""
FINAL: dict[str, set[str]] = {
    "s": {"runs.stop", "live.stop"},
    "D": {"runs.delete", "checkpoints.empty_trash"},
}
"""Keys of what ends or removes something → all actions that may have them, on any screen."""


def keys_by_action() -> dict[str, set[str]]:
    return {
        f"{place}.{action.name}": set(keys_of(action))
        for place, (actions, _) in PLACES.items()
        for action in actions
    }


@pytest.mark.parametrize("thing", ONE_THING)
def test_one_thing_has_one_key_on_every_screen(thing: str) -> None:
    known = keys_by_action()
    assert set.intersection(*(known[name] for name in ONE_THING[thing]))


@pytest.mark.parametrize("key", FINAL)
def test_a_key_that_ends_something_means_nothing_else_anywhere(key: str) -> None:
    assert {name for name, keys in keys_by_action().items() if key in keys} == FINAL[key]


@pytest.mark.parametrize("place", ON_SCREENS)
def test_no_screen_takes_a_key_that_counts_everywhere(place: str) -> None:
    always = {key for action in everywhere.ACTIONS for key in keys_of(action)}
    own = {key for action in PLACES[place][0] for key in keys_of(action)}
    assert not own & always


KEYS_OF_WIDGETS: dict[str, tuple[type[Any], ...]] = {
    "runs": (RunTable, RunPreview),
    "configure": (FormRows, ConfigEditor, PreflightPanel),
    "live": (MetricChart, LogPane, HardwarePanel),
    "checkpoints": (RecordTable, DetailPane),
    "models": (RecordTable, DetailPane),
    "evaluate": (RecordTable, DetailPane, MapView),
    "jobs": (RecordTable, DetailPane),
    "compare": (MetricChart,),
    "tracked_run": (MetricChart, ArtifactTree),
}
ON_PURPOSE: dict[type[Any], set[str]] = {
    # What it is called there: the next match, a page, searching. All else is one key away.
    LogPane: {"n", "slash", "pageup", "pagedown"},
    # The chart with the focus does what the screen would have it do.
    MetricChart: {
        "left",
        "right",
        "shift+left",
        "shift+right",
        "plus",
        "equals_sign",
        "minus",
        "0",
    },
}


@pytest.mark.parametrize("place", KEYS_OF_WIDGETS)
def test_no_widget_takes_a_key_of_its_screen(place: str) -> None:
    own = {key for action in PLACES[place][0] for key in keys_of(action)}
    always = {key for action in everywhere.ACTIONS for key in keys_of(action)}
    for widget in KEYS_OF_WIDGETS[place]:
        taken = {key for key, _ in BindingsMap(widget.__dict__.get("BINDINGS", ()))}
        assert taken & (own | always) <= ON_PURPOSE.get(widget, set()), widget


@every_place
def test_help_is_one_sentence(place: str) -> None:
    for action in PLACES[place][0]:
        assert re.fullmatch(r"[A-Z][^\n]*[^.\s]\.", action.help), action
        assert not re.search(r"\w{3,}[.!?] [A-Z]", action.help), f"two sentences: {action}"


@every_place
def test_every_action_has_its_method(place: str) -> None:
    actions, owner = PLACES[place]
    missing = [a.name for a in actions if not callable(getattr(owner, f"action_{a.name}", None))]
    assert not missing


@every_place
def test_every_command_exists_and_takes_what_is_named(place: str) -> None:
    problems = [
        f"{action.name}: {problem}"
        for action in PLACES[place][0]
        if action.command
        and (problem := problem_with(f"heimdall-console {action.command}") or misfit(action))
    ]
    assert not problems


def misfit(action: Action) -> str:
    """Say what arguments are missing or too many, or return ""."""
    words, command = shlex.split(action.command), command_tree()
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    if getattr(command, "commands", None) is not None:
        return "is a group of commands"
    takes_value = {
        option
        for param in command.params
        if param.param_type_name == "option" and not param.is_flag
        for option in param.opts
    }
    given = 0
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            given += 1
        elif word in takes_value:
            if not words:
                return f"{word} needs a value"
            words.pop(0)
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    required = sum(bool(param.required) for param in arguments)
    is_open = any(param.nargs == -1 for param in arguments)
    if given < required or (given > len(arguments) and not is_open):
        return f"{given} arguments for {[param.name for param in arguments]}"
    return ""


@pytest.mark.parametrize("place", [place for place in PLACES if place != "app"])
def test_what_changes_something_is_refused_where_the_console_only_reads(place: str) -> None:
    for action in PLACES[place][0]:
        if not action.command:
            continue
        words = tuple(word for word in shlex.split(action.command) if word.islower())
        options = {word for word in shlex.split(action.command) if word.startswith("--")}
        looks = words[:2] in LOOKING or words[:1] in LOOKING
        if words[:2] == ("config", "init"):
            looks = "--out" not in options
        assert action.writes is not looks, action


@pytest.mark.parametrize("readonly", [False, True])
async def test_the_palette_offers_every_possible_action(
    isolated_home: Path, readonly: bool
) -> None:
    app = HeimdallApp(isolated_home, readonly=readonly)
    async with app.run_test(size=(80, 24)) as pilot:
        for mode in everywhere.MODES:
            app.show(mode)
            await pilot.pause()
            screen = app.screen
            assert isinstance(screen, BaseScreen)
            own = screen.possible_actions()
            looking = {action.name for action in screen.ACTIONS if not action.writes}
            assert looking - OF_SOME_RUNS <= {action.name for action in own}
            await pilot.press("ctrl+p")
            palette = app.screen
            assert isinstance(palette, ActionPalette)
            offered = {action for mode, action in palette._actions.values() if not mode}
            assert offered == {*own, *everywhere.ACTIONS} - {PALETTE}
            others = {(m, a) for m, a in palette._actions.values() if m}
            assert others == {
                (other, action)
                for other, (actions, _) in PLACES.items()
                if other in everywhere.MODES and other != mode
                for action in actions
                if not (readonly and action.writes)
            }
            await pilot.press("escape")


async def test_the_palette_leads_to_what_another_screen_does(isolated_home: Path) -> None:
    app = HeimdallApp(isolated_home)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.press("ctrl+p", *"roll back")
        palette = app.screen
        assert isinstance(palette, ActionPalette)
        assert palette.highlighted().startswith("Models: ")
        await pilot.press("enter")
        await pilot.pause()
        assert app.current_mode == "models"
        (said,) = app._notifications
        rollback = next(a for m, a in app.actions_elsewhere("runs") if a.name == "rollback")
        assert said.message == f"{keys_text(rollback.keys)}  {rollback.help}"
        # What can be done here stays in front of it.
        await pilot.press("ctrl+p", *"models")
        palette = app.screen
        assert isinstance(palette, ActionPalette)
        assert palette.highlighted() == "Models  (5 f5)"


OF_SOME_RUNS = {"alerts", "traceback", "previous_run", "next_run"}
"""Actions of the screen Live that an empty home does not offer."""
PALETTE = next(action for action in everywhere.ACTIONS if action.name == "command_palette")


def test_the_key_card_is_what_the_actions_say() -> None:
    assert TARGET.read_text(encoding="utf-8") == card(), "run `make docs`"
    rows = [row.replace("\\|", "|") for row in card().splitlines() if row.startswith("| `")]
    for place, (actions, owner) in PLACES.items():
        prefix = owner.NAME if place in ON_SCREENS else place
        for action in actions:
            keys = " ".join(f"`{key_text(key)}`" for key in keys_of(action))
            wanted = f"| {keys} | {action.help} | `{prefix}.{action.name}` |"
            assert any(row.startswith(wanted) for row in rows), wanted
