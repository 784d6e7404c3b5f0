"""The screen Evaluate."""

from heimdall_console.screens.base import BaseScreen


class EvaluateScreen(BaseScreen):
    """Its owner fills it."""

    NAME = "evaluate"
