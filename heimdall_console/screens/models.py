"""The screen Models."""

from heimdall_console.screens.base import BaseScreen


class ModelsScreen(BaseScreen):
    """Its owner fills it."""

    NAME = "models"
