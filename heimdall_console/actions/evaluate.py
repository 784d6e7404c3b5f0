"""Actions of the screen Evaluate."""

from typing import Final

from heimdall_console.actions.action import Action

ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        name="new",
        title="new",
        keys="n",
        help="Choose a model, a dataset and a part of its split, and measure the model there.",
        command="evaluate MODEL DATASET --split val",
        in_footer=True,
        writes=True,
    ),
    Action(
        name="show_distribution",
        title="errors",
        keys="c",
        help="Show which share of the sessions lies within each distance, for every method.",
        in_footer=True,
    ),
    Action(
        name="show_map",
        title="map",
        keys="m",
        help="Show true and estimated positions with receivers and the errors between them.",
        in_footer=True,
    ),
    Action(
        name="show_calibration",
        title="calibration",
        keys="b",
        help="Show how much the uncertainty ellipses hold of what they should.",
        in_footer=True,
    ),
    Action(
        name="show_sessions",
        title="worst",
        keys="w",
        help="Show the sessions with the largest errors; the one under the cursor is on the map.",
        in_footer=True,
    ),
    Action(
        name="show_notes",
        title="notes",
        keys="i",
        help="Show what belongs beside the numbers: split, leakage, warnings.",
        in_footer=True,
    ),
    Action(
        name="retry",
        title="again",
        keys="r",
        help="Measure the same model on the same sessions again.",
        command="jobs retry JOB",
        writes=True,
    ),
    Action(
        name="cancel",
        title="cancel",
        keys="x",
        help="End the evaluation under the cursor while it is at work.",
        command="jobs cancel JOB",
        writes=True,
    ),
    Action(
        name="copy",
        title="copy",
        keys="y",
        help="Copy the path of the result as JSON; again the command that repeats it.",
    ),
    Action(
        name="open",
        title="why",
        keys="enter",
        help="Show why the evaluation under the cursor failed; else the checkpoints of its run.",
    ),
)
"""In the order of the footer and of the help."""
