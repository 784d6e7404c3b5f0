"""The fields of a configuration form, made from the schema: kind, limits, choices, help."""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from heimdall_console.formatting import plain
from training_core.contract.config import Config
from training_core.contract.config_file import KeyPath
from training_core.contract.toml_text import parse_toml

Kind = Literal["whole", "number", "text", "switch", "choice", "choices", "table"]
"""What can be typed: a whole number, a number, text, on or off, one or several of some."""

_UNITS: Final = {
    "_m": "m",
    "_db": "dB",
    "_minutes": "min",
    "_points_per_s": "points/s",
}
_DATASET: Final = "data.dataset"
_CHECKPOINT: Final = "checkpoint.init_from"
_EXACT: Final = 1e15


@dataclass(frozen=True)
class ConfigField:
    """One key of the configuration."""

    path: KeyPath
    """Sections and key, by the names of the file."""
    kind: Kind
    default: Any
    help: str
    """What it means, in a sentence."""
    limits: str = ""
    """Which values are allowed, for a person; empty where all are."""
    choices: tuple[str, ...] = ()
    """Of `choice` and `choices`: which there are."""
    unit: str = ""
    """Empty where it has none."""

    @property
    def key(self) -> str:
        """Dotted, as `--set` takes it."""
        return ".".join(self.path)

    @property
    def name(self) -> str:
        """The key alone."""
        return self.path[-1]

    @property
    def offers(self) -> Literal["datasets", "checkpoints", "choices", ""]:
        """What the console can offer to choose from."""
        if self.key == _DATASET:
            return "datasets"
        if self.key == _CHECKPOINT:
            return "checkpoints"
        return "choices" if self.kind == "choice" else ""

    def shown(self, value: Any) -> str:
        """A value as it stands in the field."""
        if isinstance(value, str):
            return value
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return ", ".join(value)
        if isinstance(value, dict) and not value:
            return ""
        return toml_literal(value)

    def literal(self, typed: str) -> str:
        """The TOML that a typed text means; what cannot be meant becomes a string, which fails.

        Args:
            typed: As it stands in the field.
        """
        text = typed.strip()
        if self.kind in ("whole", "number"):
            return _number_literal(text, whole=self.kind == "whole")
        if self.kind == "switch":
            return text if text in ("true", "false") else toml_literal(typed)
        if self.kind == "choices":
            return toml_literal([part.strip() for part in text.split(",") if part.strip()])
        if self.kind == "table":
            for form in (text, f"{{ {text} }}"):
                if isinstance(_parsed(form), dict):
                    return form
        return toml_literal(typed)

    def next_choice(self, value: Any, step: int = 1) -> str | None:
        """The choice after a value, as TOML; None where there is nothing to step through."""
        if self.kind == "switch":
            return "false" if value is True else "true"
        if self.kind != "choice":
            return None
        place = self.choices.index(value) + step if value in self.choices else 0
        return toml_literal(self.choices[place % len(self.choices)])


@dataclass(frozen=True)
class ConfigSection:
    """One section of the form."""

    path: KeyPath
    help: str
    fields: tuple[ConfigField, ...]

    @property
    def title(self) -> str:
        """Dotted, as it stands in the file."""
        return ".".join(self.path)


@cache
def config_sections() -> tuple[ConfigSection, ...]:
    """Every section of the schema in the order of the file, an inner one after its outer one."""
    return tuple(_sections(Config, ()))


@cache
def config_fields() -> dict[str, ConfigField]:
    """Dotted key → field, in the order of the form."""
    return {field.key: field for section in config_sections() for field in section.fields}


def toml_literal(value: Any) -> str:
    """A value as TOML on one line."""
    if isinstance(value, dict):
        pairs = ", ".join(f"{_toml_key(k)} = {toml_literal(v)}" for k, v in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml_literal, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        # TOML spells what is not finite in lower case, as Python does.
        return repr(value)
    # JSON strings are TOML strings, but for DEL, which TOML wants escaped.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml_key(key: str) -> str:
    is_bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if is_bare else toml_literal(key)


def _parsed(literal: str) -> Any:
    try:
        return parse_toml(f"value = {literal}").get("value")
    except tomllib.TOMLDecodeError:
        return None


def _number_literal(text: str, *, whole: bool) -> str:
    value = _parsed(text) if "\n" not in text else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return text
    # What people write and TOML does not: `.5`, `1.`, `007`.
    try:
        return repr(int(text) if whole else float(text))
    except ValueError:
        return toml_literal(text)


def _sections(model: type[BaseModel], path: KeyPath) -> Iterator[ConfigSection]:
    inner: list[tuple[KeyPath, type[BaseModel]]] = []
    fields = []
    for name, info in model.model_fields.items():
        own = (*path, info.alias or name)
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            inner.append((own, info.annotation))
        else:
            fields.append(_field(own, info))
    if fields:
        about = (model.__doc__ or "").strip()
        yield ConfigSection(path, about, tuple(fields))
    for own, section in inner:
        yield from _sections(section, own)


def _field(path: KeyPath, info: FieldInfo) -> ConfigField:
    kind, choices = _kind(info.annotation)
    unit = next((unit for end, unit in _UNITS.items() if f"_{path[-1]}".endswith(end)), "")
    return ConfigField(
        path=path,
        kind=kind,
        default=info.get_default(call_default_factory=True),
        help=plain(info.description or ""),
        limits=_limits(info, kind, choices),
        choices=choices,
        unit=unit,
    )


def _kind(annotation: Any) -> tuple[Kind, tuple[str, ...]]:
    origin = get_origin(annotation)
    if origin is Literal:
        return "choice", tuple(map(str, get_args(annotation)))
    if origin is list:
        return "choices", tuple(map(str, get_args(get_args(annotation)[0])))
    if origin is dict:
        return "table", ()
    kinds: dict[Any, Kind] = {bool: "switch", int: "whole", float: "number"}
    return kinds.get(annotation, "text"), ()


def _limits(info: FieldInfo, kind: Kind, choices: tuple[str, ...]) -> str:
    if choices:
        return (", " if kind == "choices" else " · ").join(choices)
    if kind == "switch":
        return "true · false"
    if kind not in ("whole", "number"):
        return ""
    low = high = low_text = high_text = ""
    for limit in info.metadata:
        if isinstance(limit, Ge):
            low, low_text = _number_text(limit.ge), "≥"
        elif isinstance(limit, Gt):
            low, low_text = _number_text(limit.gt), ">"
        elif isinstance(limit, Le):
            high, high_text = _number_text(limit.le), "≤"
        elif isinstance(limit, Lt):
            high, high_text = _number_text(limit.lt), "<"
    what = "a whole number" if kind == "whole" else "a number"
    if low_text == "≥" and high_text == "≤":
        return f"{low} … {high}"
    said = ", ".join(
        f"{sign} {text}" for sign, text in ((low_text, low), (high_text, high)) if sign
    )
    return said or what


def _number_text(value: Any) -> str:
    number = float(value)
    if not number.is_integer() or abs(number) >= _EXACT:
        return f"{number:g}"
    is_round = abs(number) >= 1e5 and number == float(f"{number:.0e}")
    return f"{number:.0e}".replace("e+0", "e") if is_round else f"{int(number):,}"
