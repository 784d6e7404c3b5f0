"""The screen Live."""

from heimdall_console.screens.base import BaseScreen


class LiveScreen(BaseScreen):
    """Its owner fills it."""

    NAME = "live"
