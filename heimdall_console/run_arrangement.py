"""The lines of the table of runs: rows in groups, and runs under the run they belong to."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from heimdall_console.run_rows import RunRow

NESTED: Final = "nested"
_GROUP_KEY: Final = "group:"
_DEEPEST: Final = 12


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: a run, or the title of a group."""

    key: str
    row: "RunRow | None"
    """None for the title of a group."""
    depth: int = 0
    count: int = 0
    """Runs of the group, or runs below this one."""
    is_open: bool = True
    title: str = ""
    """Of a group."""


def group_getter(by: str) -> "Callable[[RunRow], str]":
    """What rows are grouped by: `experiment`, `state`, `user`, `host`, `param:NAME`, `tag:NAME`."""
    kind, _, name = by.partition(":")
    if kind == "param":
        return lambda row: row.params.get(name, "")
    if kind == "tag":
        return lambda row: row.tags.get(name, "")
    attribute = {"state": "status"}.get(by, by)
    return lambda row: str(getattr(row, attribute, ""))


def arrange(
    rows: "Sequence[RunRow]",
    by: str,
    closed: frozenset[str] | set[str],
    parent_of: "Callable[[RunRow], str]",
) -> list[Line]:
    """The lines of sorted rows.

    Args:
        rows: In their order; groups stand in the order of their first row.
        by: What they are grouped by; `nested`, or empty for no groups.
        closed: Keys of lines whose content is hidden.
        parent_of: Key of the row that a row belongs under.
    """
    if not by:
        return [Line(row.key, row) for row in rows]
    if by == NESTED:
        return _nested(rows, closed, parent_of)
    get = group_getter(by)
    groups: dict[str, list[RunRow]] = {}
    for row in rows:
        groups.setdefault(get(row), []).append(row)
    lines: list[Line] = []
    for value, members in groups.items():
        key = f"{_GROUP_KEY}{by}:{value}"
        is_open = key not in closed
        lines.append(Line(key, None, 0, len(members), is_open, value))
        if is_open:
            lines += [Line(row.key, row, 1) for row in members]
    return lines


def _nested(
    rows: "Sequence[RunRow]",
    closed: frozenset[str] | set[str],
    parent_of: "Callable[[RunRow], str]",
) -> list[Line]:
    shown = {row.key for row in rows}
    children: dict[str, list[RunRow]] = {}
    roots: list[RunRow] = []
    for row in rows:
        parent = parent_of(row)
        if parent and parent != row.key and parent in shown:
            children.setdefault(parent, []).append(row)
        else:
            roots.append(row)
    lines: list[Line] = []
    placed: set[str] = set()

    def add(row: "RunRow", depth: int) -> None:
        if row.key in placed:
            return
        placed.add(row.key)
        below = children.get(row.key, ())
        is_open = row.key not in closed
        lines.append(Line(row.key, row, depth, len(below), is_open))
        for child in below:
            if is_open and depth < _DEEPEST:
                add(child, depth + 1)
            elif not is_open:
                _skip(child, children, placed)

    for row in roots:
        add(row, 0)
    # Runs that are each other's parents, or too deep, have no root: they stand by themselves.
    for row in rows:
        if row.key not in placed:
            add(row, 0)
    return lines


def _skip(row: "RunRow", children: "dict[str, list[RunRow]]", placed: set[str]) -> None:
    waiting = [row]
    while waiting:
        hidden = waiting.pop()
        if hidden.key not in placed:
            placed.add(hidden.key)
            waiting += children.get(hidden.key, ())
