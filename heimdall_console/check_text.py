"""What `data check` found, as lines."""

from typing import Any

from heimdall_console.terminal import Terminal


def has_errors(result: dict[str, Any]) -> bool:
    """Whether anything found makes the dataset unfit for training."""
    return bool(result.get("errors"))


def check_lines(result: dict[str, Any], terminal: Terminal) -> list[str]:
    """The findings as a table."""
    return [str(result)]
