"""Actions of the jobs panel."""

from typing import Final

from heimdall_console.actions.action import Action

ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        name="open_result",
        title="open result",
        keys="enter",
        help="Go to what the job made: an evaluation, a checkpoint, a registered model.",
        command="jobs show JOB",
        in_footer=True,
    ),
    Action(
        name="cancel",
        title="cancel",
        keys="x",
        help="End the job under the cursor; it is killed where it does not stop by itself.",
        command="jobs cancel JOB",
        in_footer=True,
        writes=True,
    ),
    Action(
        name="retry",
        title="again",
        keys="r",
        help="Do the job under the cursor again, with the same arguments.",
        command="jobs retry JOB",
        in_footer=True,
        writes=True,
    ),
    Action(
        name="show_error",
        title="why",
        keys="T",
        help="Show why the job under the cursor failed, with its traceback.",
        in_footer=True,
    ),
    Action(
        name="copy",
        title="copy",
        keys="y",
        help="Copy the path of the job's folder, with its log and its result.",
        in_footer=True,
    ),
    Action(
        name="help",
        title="help",
        keys="question_mark",
        help="Explain the panel, with every key.",
        in_footer=True,
    ),
    Action(
        name="command_palette",
        title="all actions",
        keys="ctrl+p",
        help="Find an action of the panel by typing a part of its name.",
        priority=True,
    ),
    Action(
        name="close",
        title="close",
        keys="escape,J,q",
        help="Close the panel; jobs go on.",
        in_footer=True,
    ),
)
"""In the order of the footer and of the help."""
