"""Commands that are listed at once and imported when they are called."""

import importlib
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


class LazyCommand(TyperCommand):
    """Name and one line of help of a command whose module is not loaded yet.

    The module has an `app`; making a context, for a call or for shell completion, hands over
    to the command built from it.
    """

    def __init__(self, name: str, help_line: str, module: str) -> None:
        super().__init__(name, short_help=help_line, help=help_line)
        self._module = module

    def load(self) -> TyperCommand | TyperGroup:
        """Import the module and build its command."""
        app: typer.Typer = importlib.import_module(self._module).app
        command: Any = typer.main.get_command(app)
        command.name = self.name
        return command  # type: ignore[no-any-return]  # a class of typer's vendored click

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """Parse with the real command."""
        return self.load().make_context(*args, **extra)


class SpellingCommand(TyperCommand):
    """A command whose flags may be written with underscores too: `--batch_size`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Rewrite underscores in flag names, never in their values."""
        return super().parse_args(ctx, hyphenated(args))


def hyphenated(arguments: list[str]) -> list[str]:
    """Arguments with `--some_flag` written as `--some-flag`; what follows `--` is left alone."""
    result: list[str] = []
    for position, argument in enumerate(arguments):
        if argument == "--":
            return result + arguments[position:]
        flag, equals, value = argument.partition("=")
        if flag.startswith("--"):
            argument = flag.replace("_", "-") + equals + value
        result.append(argument)
    return result
