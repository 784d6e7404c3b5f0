"""Actions that every screen has."""

from typing import Final

from heimdall_console.actions.action import Action

MODES: Final[dict[str, str]] = {
    "runs": "Runs",
    "configure": "Configure",
    "live": "Live",
    "checkpoints": "Checkpoints",
    "models": "Models",
    "evaluate": "Evaluate",
}
"""Name of each screen → its title, in the order of the keys 1 to 6."""

MODE_ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        name="show_runs",
        title="Runs",
        keys="1,f1",
        help="Show every run, local and in MLflow.",
        command="runs list",
    ),
    Action(
        name="show_configure",
        title="Configure",
        keys="2,f2",
        help="Set up a run and launch it.",
        command="config init",
    ),
    Action(
        name="show_live",
        title="Live",
        keys="3,f3",
        help="Watch a run: its curves, its log, its hardware.",
        command="attach RUN",
    ),
    Action(
        name="show_checkpoints",
        title="Checkpoints",
        keys="4,f4",
        help="Browse the checkpoints of a run.",
        command="checkpoints list RUN",
    ),
    Action(
        name="show_models",
        title="Models",
        keys="5,f5",
        help="Browse registered models, their versions and aliases.",
        command="models list",
    ),
    Action(
        name="show_evaluate",
        title="Evaluate",
        keys="6,f6",
        help="Judge a model on held-out data, beside the classical methods.",
        command="evaluate MODEL DATASET",
    ),
)
"""One action a screen; the function keys work inside text fields, too."""

QUIT: Final = Action(
    name="quit",
    title="quit",
    keys="q",
    help="Leave the console, and say what keeps running.",
)
"""Leaving."""

ACTIONS: Final[tuple[Action, ...]] = (
    *MODE_ACTIONS,
    Action(
        name="help",
        title="help",
        keys="question_mark",
        help="Explain what has the focus, with every key.",
        in_footer=True,
    ),
    Action(
        name="command_palette",
        title="all actions",
        keys="ctrl+p",
        help="Find any action by typing a part of its name; one of another screen leads there.",
        in_footer=True,
        priority=True,
    ),
    Action(
        name="show_jobs",
        title="jobs",
        keys="J",
        help="Show exports, registrations, evaluations and preflights, with progress and cancel.",
        command="jobs list",
    ),
    Action(
        name="choose_theme",
        title="theme",
        keys="ctrl+t",
        help="Choose colors, seen at once: dark, light, high contrast, color-blind safe, your own.",
    ),
    Action(
        name="save_picture",
        title="picture",
        keys="ctrl+o",
        help="Save a picture of this screen as SVG.",
    ),
    Action(
        name="last_error",
        title="last error",
        keys="exclamation_mark",
        help="Show the last error again, with its traceback.",
    ),
    Action(
        name="show_doctor",
        title="doctor",
        keys="H",
        help="Look at terminal, versions, home, queue, GPUs and servers; say what to do about it.",
        command="doctor",
    ),
    Action(
        name="back",
        title="back",
        keys="escape",
        help="Leave a text field, then go back to the screen before.",
    ),
    Action(
        name="suspend_process",
        title="suspend",
        keys="ctrl+z",
        help="Give the shell back for a while; `fg` returns to the console.",
    ),
    QUIT,
)
"""Every action that does not depend on the screen."""
