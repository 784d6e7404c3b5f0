"""Actions of the screen Models."""

from typing import Final

from heimdall_console.actions.action import Action

ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        name="alias",
        title="alias",
        keys="a",
        help="Let an alias, such as champion, mean the version under the cursor.",
        command="models alias NAME ALIAS VERSION",
        in_footer=True,
        writes=True,
    ),
    Action(
        name="rollback",
        title="roll back",
        keys="b",
        help="Let an alias mean the complete version before the one that it means now.",
        command="models rollback NAME ALIAS",
        in_footer=True,
        writes=True,
    ),
    Action(
        name="remove_alias",
        title="remove alias",
        keys="A",
        help="Take an alias away; the version stays.",
        command="models alias NAME ALIAS 0",
        writes=True,
    ),
    Action(
        name="download",
        title="download",
        keys="w",
        help="Fetch all files of the version into a new folder.",
        command="models download MODEL --out FOLDER",
        in_footer=True,
        writes=True,
    ),
    Action(
        name="evaluate",
        title="evaluate",
        keys="v",
        help="Measure the version on held-out data, beside methods without a network.",
        command="evaluate MODEL DATASET",
        in_footer=True,
        writes=True,
    ),
    Action(
        name="checkpoints",
        title="checkpoints",
        keys="K",
        help="Browse the checkpoints of the run that made the version.",
        command="checkpoints list RUN",
        in_footer=True,
    ),
    Action(
        name="fold",
        title="fold",
        keys="enter,space,f",
        help="Hide or show the versions of the model.",
    ),
    Action(
        name="copy",
        title="copy",
        keys="y",
        help="Copy the reference name@v3; again its SHA-256, again where it is stored.",
        in_footer=True,
    ),
    Action(
        name="refresh",
        title="refresh",
        keys="ctrl+l",
        help="Read the registered models again.",
        command="models list",
    ),
)
"""In the order of the footer and of the help."""
