"""The command line that does what the form would do, exactly."""

import re
import shlex
import tomllib
from collections.abc import Iterable
from typing import Any, Final

from heimdall_console.config_changes import Difference
from heimdall_console.config_fields import toml_literal
from training_core.contract.toml_text import parse_toml

PROGRAM: Final = "heimdall-console"

_BARE = re.compile(r"[\w./:@+-]+", re.ASCII)


def run_words(start: tuple[str, ...], changes: Iterable[Difference], *more: str) -> tuple[str, ...]:
    """The words of a `run` command.

    Args:
        start: What it begins from: `("--from", RUN)`, `("--config", FILE)`, or nothing.
        changes: What is set beside that.
        more: Further flags.
    """
    sets = [word for change in changes for word in ("--set", _setting(change))]
    return (PROGRAM, "run", *start, *sets, *more)


def as_line(words: Iterable[str]) -> str:
    """The words as a shell reads them."""
    return shlex.join(words)


def _setting(change: Difference) -> str:
    return f"{change.key}={_set_text(change.here)}"


def _set_text(value: Any) -> str:
    """A value as `--set` reads it: TOML, or text where that cannot be mistaken for TOML."""
    if isinstance(value, str) and _BARE.fullmatch(value):
        try:
            parse_toml(f"value = {value}")
        except tomllib.TOMLDecodeError:
            return value
    return toml_literal(value)
