"""Errors meant for a person, as lines."""

import textwrap

from heimdall_console.formatting import plain
from heimdall_console.layout import Column, table_lines
from heimdall_console.terminal import Terminal
from training_core.contract.errors import ConfigError, HeimdallError

_LABEL = "error  "


def error_lines(error: HeimdallError, terminal: Terminal) -> list[str]:
    """What failed, why, what is unharmed and what to do: one line each, wrapped."""
    parts = [error.what, error.why, error.unharmed, error.action]
    problems: list[str] = []
    if isinstance(error, ConfigError):
        problems = problem_lines(error, terminal)
    lines: list[str] = []
    for part in parts:
        if not part:
            continue
        for piece in plain(_sentence(part), keep_lines=True).splitlines():
            indent = " " * len(_LABEL)
            lines.extend(
                textwrap.wrap(
                    piece,
                    terminal.width - 1,
                    initial_indent=indent if lines else "",
                    subsequent_indent=indent,
                    break_on_hyphens=False,
                    break_long_words=False,
                )
                if lines
                else _first(piece, terminal)
            )
        if part is error.what:
            lines.extend(problems)
    return lines


def problem_lines(error: ConfigError, terminal: Terminal) -> list[str]:
    """The problems of a configuration as a table: place, key, message."""
    rows = [
        (
            plain(problem.file if problem.line is None else f"{problem.file}:{problem.line}"),
            plain(problem.key),
            plain(problem.message),
        )
        for problem in error.problems
    ]
    columns = [Column("where"), Column("key", style="bold"), Column("problem")]
    return ["", *table_lines(columns, rows, terminal), ""]


def _first(piece: str, terminal: Terminal) -> list[str]:
    lines = textwrap.wrap(
        piece,
        terminal.width - 1,
        initial_indent=_LABEL,
        subsequent_indent=" " * len(_LABEL),
        break_on_hyphens=False,
        break_long_words=False,
    )
    lines[0] = terminal.style(_LABEL, "bad") + lines[0].removeprefix(_LABEL)
    return lines


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else text + "."
