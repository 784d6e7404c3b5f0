"""Changing one value in TOML text; everything else of the text stays as it was."""

import contextlib
import copy
import json
import re
import tomllib
from typing import Any, Final

import tomlkit
from tomlkit.exceptions import TOMLKitError

from training_core.contract.config_file import KeyPath, parse_source
from training_core.contract.errors import HeimdallError
from training_core.contract.toml_text import parse_toml

Values = dict[str, Any]

_ASSIGNMENT = re.compile(
    r"""^(?P<before>[^=]+=\s*)(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s#"'\[{,]+)(?P<after>\s*(?:\#.*)?)$"""
)
_HEADER = re.compile(r"^\s*\[")


def with_value(text: str, path: KeyPath, literal: str) -> str:
    """The text with one value set.

    Args:
        text: TOML.
        path: Sections and key.
        literal: The value as TOML.

    Raises:
        HeimdallError: The text is laid out so that this value cannot be set in it.
    """
    values = parse_toml(text)
    wanted = copy.deepcopy(values)
    table = wanted
    for part in path[:-1]:
        inner = table.get(part)
        if not isinstance(inner, dict):
            inner = table[part] = {}
        table = inner
    table[path[-1]] = parse_toml(f"value = {literal}")["value"]
    place = _at(values, path[:-1])
    ways = (
        (_replaced_on_its_line, _replaced)
        if isinstance(place, dict) and path[-1] in place
        else _NEW
    )
    return _first_that_holds(text, path, literal, wanted, ways)


def without_value(text: str, path: KeyPath) -> str:
    """The text without one key, where it has it.

    Raises:
        HeimdallError: The text is laid out so that this key cannot be taken out of it.
    """
    values = parse_toml(text)
    table = _at(values, path[:-1])
    if not isinstance(table, dict) or path[-1] not in table:
        return text
    del table[path[-1]]
    if not table and path[:-1]:
        # The last dotted key of a section takes the section along.
        rest = _without_table(values, path[:-1])
        with contextlib.suppress(HeimdallError):
            return _first_that_holds(text, path, "", rest, (_removed,))
    return _first_that_holds(text, path, "", values, (_removed,))


def _without_table(values: Values, path: KeyPath) -> Values:
    rest = copy.deepcopy(values)
    table = _at(rest, path[:-1])
    del table[path[-1]]
    return rest


def _first_that_holds(
    text: str, path: KeyPath, literal: str, wanted: Values, ways: tuple[Any, ...]
) -> str:
    for way in ways:
        try:
            made: str = way(text, path, literal)
            # What stands in the text counts: a way that meant another key is not taken.
            if _same(parse_toml(made), wanted):
                return made
        except (TOMLKitError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError):
            continue
    raise HeimdallError(
        f"{'.'.join(path)} could not be changed",
        why="The text is laid out in a way that the form cannot edit",
        unharmed="The text is as it was",
        action="Change it in the TOML view",
    )


def _replaced_on_its_line(text: str, path: KeyPath, literal: str) -> str:
    """The usual case, a hundred times faster than reading the whole text with its layout."""
    lines = text.split("\n")
    number = (parse_source(text).lines or {})[path] - 1
    match = _ASSIGNMENT.match(lines[number])
    if match is None:
        raise ValueError
    lines[number] = f"{match['before']}{literal}{match['after']}"
    return "\n".join(lines)


def _replaced(text: str, path: KeyPath, literal: str) -> str:
    document = tomlkit.parse(text)
    table: Any = document
    for part in path[:-1]:
        table = table[part]
    # An item keeps the way in which its number was written.
    table[path[-1]] = tomlkit.parse(f"value = {literal}").item("value")
    return tomlkit.dumps(document)


def _removed(text: str, path: KeyPath, _: str) -> str:
    document = tomlkit.parse(text)
    table: Any = document
    for part in path[:-1]:
        table = table[part]
    del table[path[-1]]
    return tomlkit.dumps(document)


def _inserted(text: str, path: KeyPath, literal: str) -> str:
    """A line at the end of the key's section, above what belongs to the next one."""
    lines = text.removesuffix("\n").split("\n")
    header = re.compile(r"^\s*\[\s*" + r"\s*\.\s*".join(map(re.escape, path[:-1])) + r"\s*\]")
    own = next((i for i, line in enumerate(lines) if header.match(line)), None)
    if own is None:
        gap = [""] if lines and lines[-1].strip() else []
        return "\n".join([*lines, *gap, f"[{'.'.join(path[:-1])}]", f"{path[-1]} = {literal}", ""])
    return _line_put(lines, own + 1, f"{path[-1]} = {literal}")


def _inserted_above(text: str, path: KeyPath, literal: str) -> str:
    """A dotted key above the first section."""
    lines = text.removesuffix("\n").split("\n")
    return _line_put(lines, 0, f"{'.'.join(path)} = {literal}")


def _line_put(lines: list[str], start: int, line: str) -> str:
    """A line put where the section ends that has its first line at `start`."""
    end = next((i for i in range(start, len(lines)) if _HEADER.match(lines[i])), len(lines))
    while end > start and (not lines[end - 1].strip() or lines[end - 1].lstrip()[0] == "#"):
        end -= 1
    return "\n".join([*lines[:end], line, *lines[end:], ""])


def _appended(text: str, path: KeyPath, literal: str) -> str:
    document = tomlkit.parse(text)
    table: Any = document
    for part in path[:-1]:
        if part not in table:
            table[part] = tomlkit.table()
        table = table[part]
    table[path[-1]] = tomlkit.parse(f"value = {literal}").item("value")
    return tomlkit.dumps(document)


_NEW: Final = (_inserted, _appended, _inserted_above)


def _at(values: Values, path: KeyPath) -> Any:
    table: Any = values
    for part in path:
        table = table.get(part) if isinstance(table, dict) else None
    return table


def _same(values: Values, wanted: Values) -> bool:
    return _plain(values) == _plain(wanted)


def _plain(values: Values) -> str:
    # As text: NaN differs from itself, and 1 must not pass for true.
    return json.dumps(values, sort_keys=True, default=repr)
