"""Configuration files: TOML text to a `Config`, with every problem named by file and line."""

import copy
import difflib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from training_core.contract.config import CombinationError, Config
from training_core.contract.errors import ConfigError, ConfigProblem
from training_core.contract.files import read_regular
from training_core.contract.sections import PATTERN_TEXTS
from training_core.contract.toml_text import parse_toml

Values = dict[str, Any]
KeyPath = tuple[str, ...]

_TABLE = re.compile(r"^\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?$")
_KEY = re.compile(
    r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_KEY_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


@dataclass(frozen=True)
class ConfigSource:
    """A configuration before validation: values, and where each came from."""

    values: Values
    file: str = ""
    lines: Mapping[KeyPath, int] | None = None
    overridden: frozenset[KeyPath] = frozenset()
    """Keys that a command line set: they stand in no line of the file."""


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read and validate a configuration file.

    Args:
        path: A TOML file.
        overrides: `section.key=value` texts that replace what the file says.

    Raises:
        ConfigError: Everything that is wrong, at once.
    """
    return validate(apply_overrides(read_source(path), overrides))


def read_source(path: Path) -> ConfigSource:
    """Parse a file without validating it.

    Raises:
        ConfigError: The file cannot be read or is not TOML.
    """
    return parse_source(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of a configuration file.

    Raises:
        ConfigError: It cannot be read, or is not UTF-8.
    """
    try:
        # Editors of other systems put a mark at the beginning; it is no part of the text.
        return read_regular(path).decode("utf-8-sig")
    except OSError as error:
        problem = ConfigProblem("", f"cannot be read: {error.strerror}", str(path))
        raise ConfigError([problem]) from error
    except UnicodeDecodeError as error:
        problem = ConfigProblem("", f"is not UTF-8 text (byte {error.start})", str(path))
        raise ConfigError([problem]) from error


def parse_source(text: str, file: str = "") -> ConfigSource:
    """Parse TOML text without validating it.

    Args:
        text: The text.
        file: Where it came from; empty for text that has no file.

    Raises:
        ConfigError: It is not TOML.
    """
    try:
        values = parse_toml(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        raise ConfigError([ConfigProblem("", f"is not TOML: {error}", file, line)]) from error
    return ConfigSource(values, file, dict(_key_lines(text)))


def apply_overrides(source: ConfigSource, overrides: Sequence[str]) -> ConfigSource:
    """Replace values by `section.key=value` texts; a value is TOML, or else a string.

    Raises:
        ConfigError: A text is not of that form.
    """
    values: Values = copy.deepcopy(source.values)
    overridden = set(source.overridden)
    problems = []
    for text in overrides:
        dotted, equals, value = text.partition("=")
        path = tuple(part.strip() for part in dotted.split("."))
        if not equals or len(path) < 2 or not all(path):
            problems.append(ConfigProblem(text, "expected section.key=value", "--set"))
            continue
        table = values
        for part in path[:-1]:
            inner = table.get(part)
            if not isinstance(inner, dict):
                inner = table[part] = {}
            table = inner
        table[path[-1]] = _toml_value(value)
        overridden.add(path)
    if problems:
        raise ConfigError(problems)
    return ConfigSource(values, source.file, source.lines, frozenset(overridden))


def validate(source: ConfigSource) -> Config:
    """Check values and what they mean together.

    Raises:
        ConfigError: Everything that is wrong, at once, each with its place.
    """
    try:
        # JSON mode: lax Python mode would read `epochs = true` as 1.
        return Config.model_validate_json(_as_json(source.values))
    except ValidationError as error:
        problems = list(_problems(error, source))
    raise ConfigError(problems)


def _as_json(values: Values) -> str:
    # The standard library's: integers of any size, and NaN stays itself (orjson: null).
    return json.dumps(values, default=str)


def _toml_value(text: str) -> object:
    try:
        return parse_toml(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _problems(error: ValidationError, source: ConfigSource) -> Iterator[ConfigProblem]:
    details = error.errors()
    pairs: list[tuple[KeyPath, str]] = []
    for detail in details:
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, CombinationError):
            pairs.extend((tuple(key.split(".")), message) for key, message in cause.problems)
        else:
            pairs.append(_explain(detail))
    if not any(isinstance(d.get("ctx", {}).get("error"), CombinationError) for d in details):
        # Fields were wrong, so the combinations were not looked at: look at the rest.
        pairs.extend(_combinations_of_the_rest(source.values, [path for path, _ in pairs]))
    for path, message in sorted(pairs, key=lambda pair: line_of(source, pair[0]) or 0):
        yield ConfigProblem(
            ".".join(path),
            message,
            "--set" if path in source.overridden else source.file,
            line_of(source, path),
        )


def line_of(source: ConfigSource, path: KeyPath) -> int | None:
    """The line of a key, or of the nearest table that holds it."""
    if path in source.overridden or not source.lines:
        return None
    while path:
        if path in source.lines:
            return source.lines[path]
        path = path[:-1]
    return None


def _combinations_of_the_rest(
    values: Values, wrong: list[KeyPath]
) -> Iterator[tuple[KeyPath, str]]:
    rest: Values = copy.deepcopy(values)
    for path in wrong:
        table: Any = rest
        for part in path[:-1]:
            table = table.get(part) if isinstance(table, dict) else None
        if isinstance(table, dict):
            table.pop(path[-1], None)
    try:
        Config.model_validate_json(_as_json(rest))
    except ValidationError as error:
        for detail in error.errors():
            cause = detail.get("ctx", {}).get("error")
            if isinstance(cause, CombinationError):
                for key, message in cause.problems:
                    yield tuple(key.split(".")), message


def _explain(detail: ErrorDetails) -> tuple[KeyPath, str]:
    path = tuple(str(part) for part in detail["loc"])
    if detail["type"] == "extra_forbidden":
        kind = "section" if len(path) == 1 else "key"
        return path, f"unknown {kind}; {_nearest(path)}"
    given = _as_written(detail["input"])
    if len(given) > 60:
        given = given[:57] + "…"
    expected = PATTERN_TEXTS.get(detail.get("ctx", {}).get("pattern", ""))
    if expected is None:
        expected = detail["msg"].replace("an object", "a table")
        for words in ("Input ", "String ", "should be ", "should "):
            expected = expected.removeprefix(words)
    return path, f"expected {expected}, found {given}"


def _as_written(value: object) -> str:
    """A value as it stands in a TOML file, where that is short to say."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _nearest(path: KeyPath) -> str:
    known = known_keys(path[:-1])
    near = difflib.get_close_matches(path[-1], known, n=1, cutoff=0.5)
    if near:
        return f"did you mean {near[0]}?"
    elsewhere = [p for p in all_keys() if p[-1] == path[-1]]
    if not elsewhere:
        names = {p[-1]: p for p in all_keys()}
        close = difflib.get_close_matches(path[-1], list(names), n=1, cutoff=0.8)
        elsewhere = [names[close[0]]] if close else []
    if elsewhere:
        return f"did you mean {'.'.join(elsewhere[0])}?"
    return f"expected one of {', '.join(known)}"


def known_keys(section: KeyPath) -> list[str]:
    """The keys that stand in a section, by the names of the file."""
    return [path[-1] for path in all_keys() if path[:-1] == section]


def all_keys() -> list[KeyPath]:
    """Every key and section of the schema, in its order."""
    return list(_keys(Config, ()))


def _keys(model: type[BaseModel], prefix: KeyPath) -> Iterator[KeyPath]:
    for name, field in model.model_fields.items():
        path = (*prefix, field.alias or name)
        yield path
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _keys(field.annotation, path)


def _key_lines(text: str) -> Iterator[tuple[KeyPath, int]]:
    """Where each key and table stands; TOML libraries do not say.

    Text inside multi-line strings is skipped; keys inside inline tables have the line of
    the table.
    """
    table: KeyPath = ()
    quote = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if quote:
            if quote in line:
                quote = ""
            continue
        header = _TABLE.match(line)
        if header:
            table = _parts(header[1])
            for end in range(1, len(table) + 1):
                yield table[:end], number
            continue
        key = _KEY.match(line)
        if key:
            yield (*table, *_parts(key[1])), number
        for mark in ('"""', "'''"):
            if line.count(mark) % 2:
                quote = mark


def _parts(dotted: str) -> KeyPath:
    return tuple(part.strip("\"'") for part in _KEY_PART.findall(dotted))
