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


def group_lines(group: Group, terminal: Terminal) -> list[str]:
    """The title of a group and a row for each finding; advice stands below what needs it."""
    lines = [f" {terminal.style(group.name, 'bold')}"]
    for finding in group.findings:
        lines += _finding_lines(finding, terminal)
    return [*lines, ""]


def verdict_line(groups: list[Group], terminal: Terminal) -> str:
    """How many things are wrong."""
    statuses = [finding.status for group in groups for finding in group.findings]
    failed, warnings = statuses.count("failed"), statuses.count("warning")
    parts = []
    if failed:
        parts.append(terminal.style(f"{failed} failed", "bad"))
    if warnings:
        parts.append(terminal.style(counted(warnings, "warning"), "warning"))
    if not parts:
        return f" {terminal.style('all is well', 'good')}"
    return f" {', '.join(parts)}, {statuses.count('ok')} in order"


def _finding_lines(finding: Finding, terminal: Terminal) -> list[str]:
    sign, ascii_sign, style = _SIGNS[finding.status]
    shown = f"{sign if terminal.unicode else ascii_sign:<2}"
    indent = " " * (3 + 2 + 1 + _NAME_WIDTH + 2)
    room = max(30, terminal.width - len(indent) - 1)
    text = _wrapped(finding.text, room)
    head = f"   {terminal.style(shown, style)} {padded(finding.name, _NAME_WIDTH)}  {text[0]}"
    lines = [head.rstrip(), *(indent + piece for piece in text[1:])]
    if finding.advice:
        pieces = _wrapped(finding.advice, room - 2)
        arrow = "→ " if terminal.unicode else "> "
        lines += [
            indent + terminal.style((arrow if i == 0 else "  ") + piece, "accent")
            for i, piece in enumerate(pieces)
        ]
    return lines


def _wrapped(text: str, room: int) -> list[str]:
    pieces = textwrap.wrap(plain(text), room, break_on_hyphens=False, break_long_words=False)
    return pieces or [""]
