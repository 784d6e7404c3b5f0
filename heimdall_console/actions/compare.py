"""Actions of the comparison of runs."""

from typing import Final

from heimdall_console.actions.action import Action

ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        name="choose_metric",
        title="metric",
        keys="m",
        help="Choose the metric whose curves are laid over one another.",
        in_footer=True,
    ),
    Action(
        name="next_metric",
        title="next",
        keys="right_square_bracket",
        help="Show the next metric.",
        in_footer=True,
    ),
    Action(
        name="previous_metric",
        title="before",
        keys="left_square_bracket",
        help="Show the metric before.",
        in_footer=True,
    ),
    Action(
        name="toggle_differences",
        title="all parameters",
        keys="d",
        help="Show every parameter, or only those that differ.",
        in_footer=True,
    ),
    Action(
        name="toggle_axis",
        title="step/time",
        keys="x",
        help="Draw over steps, or over the time since the beginning.",
        in_footer=True,
    ),
    Action(
        name="toggle_log",
        title="log",
        keys="L",
        help="Draw the values on a logarithmic axis, or on a plain one.",
    ),
    Action(
        name="direction",
        title="direction",
        keys="B",
        help="Say whether small or large values of the metric are good: then the best has a star.",
    ),
    Action(
        name="copy",
        title="copy",
        keys="y",
        help="Copy the table, tab-separated.",
    ),
)
"""In the order of the footer and of the help."""
