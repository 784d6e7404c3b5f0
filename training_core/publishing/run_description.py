"""What MLflow shows of a run beside its metrics: parameters and tags."""

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import BaseModel

from training_core.contract.config import Config
from training_core.contract.run_dir import RunInfo
from training_core.publishing.mlflow_store import RUN_TAG


def run_params(config: Config) -> dict[str, str]:
    """The configuration, flat: `optimizer.learning_rate` → `0.001`.

    A configuration holds no secrets: they come from the environment or a file of their own.
    """
    flat: dict[str, str] = {}
    _flatten("", config.model_dump(mode="json", by_alias=True), flat)
    return flat


def run_tags(info: RunInfo, config: Config, parent: str = "") -> dict[str, str]:
    """Where a run comes from.

    Args:
        info: What is known of it.
        config: Its configuration.
        parent: MLflow's id of its sweep, or of the run that it repeats, where that is published.
    """
    versions = {f"heimdall.version.{name}": value for name, value in info.versions.items()}
    changes = {
        f"heimdall.changed.{key}": " → ".join(_text(value) for value in values)
        for key, values in info.changes.items()
    }
    return {
        **{f"user.{key}": value for key, value in config.run.tags.items()},
        **versions,
        **changes,
        RUN_TAG: info.id,
        "heimdall.host": info.host,
        "heimdall.git_commit": info.git_commit,
        "heimdall.git_dirty": str(info.git_dirty).lower() if info.git_commit else "",
        "heimdall.config_hash": info.config_hash,
        "heimdall.dataset_fingerprint": info.dataset_fingerprint,
        "heimdall.parent": info.parent,
        "heimdall.sweep": info.sweep,
        "mlflow.parentRunId": parent,
        "mlflow.user": info.user,
        "mlflow.source.name": " ".join(info.command) or "heimdall-console",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": info.git_commit,
    }


def alert_tag(record: Mapping[str, Any]) -> tuple[str, str] | None:
    """The tag that an `alert` record sets; None where the record has no name."""
    name, step = record.get("name"), record.get("step")
    if not isinstance(name, str) or not name:
        return None
    parts = [str(record[key]) for key in ("text", "advice") if record.get(key)]
    text = " ".join(parts) or name
    where = f"step {step}: " if isinstance(step, int) else ""
    over = "over; " if record.get("cleared") is True else ""
    return f"heimdall.alert.{name}", f"{over}{where}{text}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()


def _flatten(prefix: str, value: Any, flat: dict[str, str]) -> None:
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json", by_alias=True)
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            _flatten(f"{prefix}.{key}" if prefix else str(key), inner, flat)
    else:
        flat[prefix] = _text(value)
