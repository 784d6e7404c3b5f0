"""Actions of the screen Checkpoints."""

from typing import Final

from heimdall_console.actions.action import Action

ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        name="export",
        title="export",
        keys="e",
        help="Export the checkpoint to ONNX and prove it against PyTorch on validation rows.",
        command="export CHECKPOINT",
        in_footer=True,
        writes=True,
    ),
    Action(
        name="register",
        title="register",
        keys="m",
        help="Register it as a version of a model in MLflow; it is exported first where needed.",
        command="export CHECKPOINT --register NAME --alias ALIAS",
        in_footer=True,
        writes=True,
    ),
    Action(
        name="resume",
        title="resume",
        keys="r",
        help="Let the run go on from this checkpoint; what it did after it is dropped.",
        command="run --resume CHECKPOINT",
        in_footer=True,
        writes=True,
    ),
    Action(
        name="evaluate",
        title="evaluate",
        keys="v",
        help="Measure it on held-out data, beside methods without a network.",
        command="evaluate CHECKPOINT DATASET",
        in_footer=True,
        writes=True,
    ),
    Action(
        name="prune",
        title="prune",
        keys="d,delete",
        help="Move the marked checkpoints, or this one, to the trash, after a question.",
        command="checkpoints prune RUN CHECKPOINT",
        in_footer=True,
        writes=True,
    ),
    Action(
        name="restore",
        title="undo",
        keys="u",
        help="Bring back what was pruned last.",
        command="checkpoints restore RUN",
        in_footer=True,
        writes=True,
    ),
    Action(
        name="empty_trash",
        title="empty trash",
        keys="D",
        help="Remove for good what was pruned, after a question that says what it frees.",
        command="checkpoints empty-trash RUN",
        writes=True,
    ),
    Action(
        name="mark",
        title="mark",
        keys="space",
        help="Mark the checkpoint for pruning, or take the mark away.",
    ),
    Action(
        name="choose_run",
        title="run",
        keys="slash",
        help="Choose whose checkpoints are shown.",
        command="checkpoints list RUN",
        in_footer=True,
    ),
    Action(
        name="next_run",
        title="next run",
        keys="right_square_bracket,l,right",
        help="Show the checkpoints of the next older run.",
    ),
    Action(
        name="previous_run",
        title="run before",
        keys="left_square_bracket,h,left",
        help="Show the checkpoints of the next newer run.",
    ),
    Action(
        name="sort",
        title="sort",
        keys="o",
        help="Sort by the next column; a click on a title sorts by it.",
    ),
    Action(
        name="show_tensors",
        title="tensors",
        keys="t",
        help="Show the name, shape and type of every tensor of the weights, or hide them.",
        command="checkpoints show RUN CHECKPOINT --tensors",
        in_footer=True,
    ),
    Action(
        name="copy",
        title="copy",
        keys="y",
        help="Copy the checkpoint's path; again its SHA-256, again its command line.",
    ),
    Action(
        name="open",
        title="watch run",
        keys="enter",
        help="Watch the run that saved it.",
        command="attach RUN",
    ),
)
"""In the order of the footer and of the help."""
