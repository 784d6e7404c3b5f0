"""TOML text → values; whatever is wrong with it is one kind of error."""

import tomllib
from typing import Any


def parse_toml(text: str) -> dict[str, Any]:
    """The values of a TOML document.

    Raises:
        tomllib.TOMLDecodeError: It is none, or nests so deep that it exhausts the stack.
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise tomllib.TOMLDecodeError("nested too deeply") from None
