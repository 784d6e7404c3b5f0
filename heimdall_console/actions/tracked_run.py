"""Actions of a run of MLflow."""

from typing import Final

from heimdall_console.actions.action import Action

ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        name="next_part",
        title="next part",
        keys="right_square_bracket",
        help="Show the next part: curves, facts, artifacts, model versions.",
        in_footer=True,
    ),
    Action(
        name="previous_part",
        title="part before",
        keys="left_square_bracket",
        help="Show the part before.",
        in_footer=True,
    ),
    Action(
        name="next_page",
        title="more curves",
        keys="full_stop,pagedown",
        help="Show the next curves, where there are more than fit.",
        in_footer=True,
    ),
    Action(
        name="previous_page",
        title="curves before",
        keys="comma,pageup",
        help="Show the curves before.",
    ),
    Action(
        name="toggle_axis",
        title="step/time",
        keys="x",
        help="Draw over steps, or over the time since the beginning.",
    ),
    Action(
        name="toggle_log",
        title="log",
        keys="L",
        help="Draw the values on logarithmic axes, or on plain ones.",
    ),
    Action(
        name="rerun",
        title="rerun",
        keys="n",
        help="Configure a new run from the configuration that this one carries.",
        in_footer=True,
        writes=True,
    ),
    Action(
        name="open_model",
        title="model",
        keys="M",
        help="Show the registered model that was made from this run.",
    ),
    Action(
        name="copy",
        title="copy",
        keys="y",
        help="Copy MLflow's id of the run.",
    ),
    Action(
        name="refresh",
        title="refresh",
        keys="ctrl+l",
        help="Read everything of the run again.",
    ),
)
"""In the order of the footer and of the help."""
