"""An examination, as lines."""

import textwrap
from typing import Final

from heimdall_console.doctor.finding import Finding, Group, Status
from heimdall_console.formatting import counted, plain
from heimdall_console.layout import padded
from heimdall_console.terminal import Style, Terminal

_SIGNS: Final[dict[Status, tuple[str, str, Style]]] = {
    "ok": ("✓", "ok", "good"),
    "warning": ("!", "!", "warning"),
    "failed": ("✗", "X", "bad"),
    "skipped": ("·", "-", "dim"),
}
_NAME_WIDTH: Final = 12


Line = list[tuple[str, Style]]
"""A line in pieces, each in its style."""


def group_lines(group: Group, terminal: Terminal) -> list[str]:
    """The title of a group and a row for each finding; advice stands below what needs it."""
    lines = group_pieces(group, terminal.width, unicode=terminal.unicode)
    return [_printed(line, terminal) for line in lines]


def verdict_line(groups: list[Group], terminal: Terminal) -> str:
    """How many things are wrong."""
    return _printed(verdict_pieces(groups), terminal)


def group_pieces(group: Group, width: int, *, unicode: bool) -> list[Line]:
    """What `group_lines` prints, for who draws it in colors of another kind.

    Args:
        group: Findings.
        width: Columns.
        unicode: Whether more than ASCII may be drawn.
    """
    lines: list[Line] = [[(" ", "plain"), (group.name, "bold")]]
    for finding in group.findings:
        lines += _finding_pieces(finding, width, unicode=unicode)
    return [*lines, []]


def verdict_pieces(groups: list[Group]) -> Line:
    """How many things are wrong, in pieces."""
    statuses = [finding.status for group in groups for finding in group.findings]
    failed, warnings = statuses.count("failed"), statuses.count("warning")
    parts: Line = []
    if failed:
        parts.append((f"{failed} failed", "bad"))
    if warnings:
        parts += [(", ", "plain")] if parts else []
        parts.append((counted(warnings, "warning"), "warning"))
    if not parts:
        return [(" ", "plain"), ("all is well", "good")]
    return [(" ", "plain"), *parts, (f", {statuses.count('ok')} in order", "plain")]


def _printed(line: Line, terminal: Terminal) -> str:
    return "".join(terminal.style(text, style) for text, style in line).rstrip(" ")


def _finding_pieces(finding: Finding, width: int, *, unicode: bool) -> list[Line]:
    sign, ascii_sign, style = _SIGNS[finding.status]
    shown = f"{sign if unicode else ascii_sign:<2}"
    indent = " " * (3 + 2 + 1 + _NAME_WIDTH + 2)
    room = max(30, width - len(indent) - 1)
    text = _wrapped(finding.text, room)
    head = f" {padded(finding.name, _NAME_WIDTH)}  {text[0]}"
    lines: list[Line] = [[("   ", "plain"), (shown, style), (head, "plain")]]
    lines += [[(indent + piece, "plain")] for piece in text[1:]]
    if finding.advice:
        pieces = _wrapped(finding.advice, room - 2)
        arrow = "→ " if unicode else "> "
        lines += [
            [(indent, "plain"), ((arrow if i == 0 else "  ") + piece, "accent")]
            for i, piece in enumerate(pieces)
        ]
    return lines


def _wrapped(text: str, room: int) -> list[str]:
    pieces = textwrap.wrap(plain(text), room, break_on_hyphens=False, break_long_words=False)
    return pieces or [""]
