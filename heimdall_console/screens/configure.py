"""The screen Configure."""

from heimdall_console.screens.base import BaseScreen


class ConfigureScreen(BaseScreen):
    """Its owner fills it."""

    NAME = "configure"
