"""Configurations as text: the documented template, presets, resolved files and the schema."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import tomlkit
from pydantic import BaseModel
from tomlkit.container import Container
from tomlkit.items import Item, Table

from training_core.contract.config import Config
from training_core.contract.files import read_regular

PRESETS: Final[dict[str, tuple[str, dict[str, dict[str, Any]]]]] = {
    "default": ("ReceiverSetNet on a dataset of ours", {}),
    "quick": (
        "a minute on a CPU, to see that everything works",
        {
            "run": {"name_prefix": "quick"},
            "model": {"receiver_set_net": {"width": 64, "depth": 2, "heads": 4}},
            "optimizer": {"learning_rate": 2e-3},
            "trainer": {"epochs": 30, "batch_size": 64, "max_minutes": 1.0, "accelerator": "cpu"},
        },
    ),
    "localization-net": (
        "ConvNeXt over spectrograms of IQ recordings",
        {
            "model": {"name": "localization_net"},
            "optimizer": {"learning_rate": 3e-4, "weight_decay": 5e-2},
        },
    ),
    "own-module": (
        "a LightningModule and a LightningDataModule of your own",
        {
            "data": {"class": "your_package.module:YourDataModule"},
            "model": {"class": "your_package.module:YourLightningModule"},
            "checkpoint": {"monitor": "val_loss"},
        },
    ),
}
"""Name → what it is for, and how it differs from the defaults."""


def preset_config(name: str) -> Config:
    """The configuration of a preset; `KeyError` for an unknown name."""
    return Config.model_validate(PRESETS[name][1])


def render_template(config: Config) -> str:
    """A complete, commented TOML file of a configuration."""
    lines = [
        "# Heimdall Console: configuration of a run.",
        "# Every key may be left out; it then has the value shown here.",
        "",
    ]
    lines.extend(_render_section(config, "", ""))
    return "\n".join(lines).rstrip() + "\n"


def render_resolved(config: Config, source: Path | None = None) -> str:
    """The whole configuration as TOML, built on the source file so that its comments stay."""
    return render_onto(config, read_regular(source).decode() if source else "")


def render_onto(config: Config, text: str) -> str:
    """The whole configuration as TOML, built on a text so that its comments stay."""
    document = tomlkit.parse(text)
    _merge(document, config_values(config))
    return tomlkit.dumps(document)


def config_values(config: Config) -> dict[str, Any]:
    """The configuration as nested plain values, by the names of the file."""
    return config.model_dump(mode="json", by_alias=True)


def flat_values(config: Config) -> dict[str, Any]:
    """Dotted key → value; lists and free dictionaries are values."""
    return dict(_flatten(config, ""))


def config_schema() -> dict[str, Any]:
    """JSON schema for editors."""
    schema = Config.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _flatten(model: BaseModel, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, field in type(model).model_fields.items():
        key, value = f"{prefix}{field.alias or name}", getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _flatten(value, f"{key}.")
        else:
            yield key, value


def _inline(value: object) -> Item:
    if not isinstance(value, dict):
        return tomlkit.item(value)
    table = tomlkit.inline_table()
    table.update(value)
    return table


def _merge(table: Container | Table | tomlkit.TOMLDocument, values: dict[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(table.get(key), dict):
            _merge(table[key], value)
        elif key not in table or table[key] != value:
            table[key] = _inline(value) if value == {} else value


def _render_section(section: BaseModel, prefix: str, title: str) -> Iterator[str]:
    inner: list[tuple[str, BaseModel, str]] = []
    if title:
        yield f"[{prefix}]"
    for name, field in type(section).model_fields.items():
        key, value, text = field.alias or name, getattr(section, name), field.description or ""
        if isinstance(value, BaseModel):
            inner.append((f"{prefix}.{key}" if prefix else key, value, text))
            continue
        yield f"# {text}"
        yield f"{key} = {_inline(value).as_string()}"
    if title:
        yield ""
    for path, value, text in inner:
        yield f"# {text}"
        yield from _render_section(value, path, text)
