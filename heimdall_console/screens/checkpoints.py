"""The screen Checkpoints."""

from heimdall_console.screens.base import BaseScreen


class CheckpointsScreen(BaseScreen):
    """Its owner fills it."""

    NAME = "checkpoints"
