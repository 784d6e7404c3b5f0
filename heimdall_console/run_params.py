"""What the configuration of a run on this disk says, flat, as MLflow would have it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from training_core.contract.files import read_regular
from training_core.contract.toml_text import parse_toml


def read_params(config: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Parameters and tags of a resolved configuration; nothing where it cannot be read."""
    try:
        values = parse_toml(read_regular(config).decode())
    except (OSError, ValueError):
        return {}, {}
    flat: dict[str, str] = {}
    _flatten("", values, flat)
    run = values.get("run")
    tags = run.get("tags") if isinstance(run, dict) else None
    own = {f"user.{k}": _text(v) for k, v in tags.items()} if isinstance(tags, dict) else {}
    return flat, own


def _flatten(prefix: str, value: Any, flat: dict[str, str]) -> None:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            _flatten(f"{prefix}.{key}" if prefix else str(key), inner, flat)
    elif prefix:
        flat[prefix] = _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
