"""What `data check` found, as lines."""

import textwrap
from collections.abc import Mapping
from typing import Any

from heimdall_console.formatting import count, counted, percent, plain
from heimdall_console.layout import Column, table_lines
from heimdall_console.terminal import Style, Terminal

_STYLES: dict[str, Style] = {"error": "bad", "warning": "warning"}
_LABEL_WIDTH = 8


def has_errors(result: Mapping[str, Any]) -> bool:
    """Whether anything found makes the dataset unfit for training."""
    return bool(result.get("errors"))


def check_lines(result: Mapping[str, Any], terminal: Terminal) -> list[str]:
    """Findings, the worst first, and the sizes of the splits."""
    lines = ["", f" {terminal.style(plain(result.get('name', '')), 'bold')}", ""]
    for finding in result.get("findings", []):
        lines += _finding_lines(finding, terminal)
    if not result.get("findings"):
        lines.append(" nothing was found")
    splits: Mapping[str, Mapping[str, Any]] = result.get("splits", {})
    if splits:
        lines += ["", *_split_table(splits, terminal)]
    errors, warnings = int(result.get("errors", 0)), int(result.get("warnings", 0))
    verdict = "unfit for training" if errors else "fit for training"
    found = f"{counted(errors, 'kind')} of error, {counted(warnings, 'kind')} of warning"
    style: Style = "bad" if errors else "good"
    return [*lines, "", f" {terminal.style(verdict, style)}: {found}", ""]


def _finding_lines(finding: Mapping[str, Any], terminal: Terminal) -> list[str]:
    severity = plain(finding.get("severity", ""))
    number = finding.get("count", 0)
    text = plain(finding.get("what", ""))
    if number > 1:
        text += f" ({count(number)})"
    pieces = textwrap.wrap(text, terminal.width - _LABEL_WIDTH - 4) or [""]
    label = terminal.style(f"{severity:<{_LABEL_WIDTH}}", _STYLES.get(severity, "dim"))
    lines = [f" {label}  {pieces[0]}"]
    indent = " " * (_LABEL_WIDTH + 3)
    lines += [indent + piece for piece in pieces[1:]]
    examples = ", ".join(plain(example) for example in finding.get("examples", []) if example)
    for piece in textwrap.wrap(examples, terminal.width - _LABEL_WIDTH - 4):
        lines.append(indent + terminal.style(piece, "dim"))
    return lines


def _split_table(splits: Mapping[str, Mapping[str, Any]], terminal: Terminal) -> list[str]:
    columns = [
        Column("split"),
        *(Column(part, right=True) for part in ("train", "val", "test")),
        Column("val near train", right=True),
        Column("test near train", right=True),
        Column(""),
    ]
    rows = [
        [
            plain(name),
            *(count(int(split.get(part, 0))) for part in ("train", "val", "test")),
            percent(split.get("val_share")),
            percent(split.get("test_share")),
            "leaks" if split.get("leaking") else "",
        ]
        for name, split in splits.items()
    ]
    return table_lines(columns, rows, terminal)
