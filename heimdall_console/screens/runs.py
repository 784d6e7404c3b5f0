"""The screen Runs."""

from heimdall_console.screens.base import BaseScreen


class RunsScreen(BaseScreen):
    """Its owner fills it."""

    NAME = "runs"
