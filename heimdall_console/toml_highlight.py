"""What the parts of a line of TOML are, for an editor that colors them."""

import re
from collections.abc import Iterator
from typing import Final, Literal

Part = Literal["comment", "section", "key", "string", "number", "boolean"]

_SECTION: Final = re.compile(r"^\s*\[[^#]*\]")
_KEY: Final = re.compile(
    r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_TOKEN: Final = re.compile(
    r"""(?P<comment>\#.*)
    |(?P<string>"(?:[^"\\]|\\.)*"?|'[^']*'?)
    |(?P<boolean>\b(?:true|false)\b)
    |(?P<number>(?<![\w.])[+-]?(?:\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?|inf|nan)\b)""",
    re.VERBOSE,
)


def parts_of(line: str) -> Iterator[tuple[int, int, Part]]:
    """First and last place and kind of each part; lines inside a long string look like others."""
    start = 0
    section = _SECTION.match(line)
    if section is not None and "=" not in section[0]:
        yield section.start(), section.end(), "section"
        start = section.end()
    else:
        key = _KEY.match(line)
        if key is not None:
            yield key.start(1), key.end(1), "key"
            start = key.end()
    for match in _TOKEN.finditer(line, start):
        yield match.start(), match.end(), match.lastgroup  # type: ignore[misc]  # one of Part
