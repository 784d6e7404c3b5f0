"""Registered models with their versions and aliases, and how each version came to be."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from heimdall_console.local_exports import read_proof
from training_core.contract.errors import UsageError
from training_core.contract.home import model_store_folder, runs_folder

_PREFIX: Final = "heimdall."
_READY: Final = "ready"


@dataclass(frozen=True)
class ModelVersion:
    """One version of a registered model."""

    model: str
    number: int
    aliases: tuple[str, ...] = ()
    created: float | None = None
    """Seconds since 1970."""
    mlflow_run_id: str = ""
    description: str = ""
    source: str = ""
    """Where MLflow has its copy."""
    tags: dict[str, str] = field(default_factory=dict)
    """All of its tags."""

    def tag(self, name: str) -> str:
        """A tag of ours, without its prefix; empty where it is missing."""
        return self.tags.get(_PREFIX + name, "")

    @property
    def reference(self) -> str:
        """As commands name it."""
        return f"{self.model}@v{self.number}"

    @property
    def is_ours(self) -> bool:
        """Whether this program registered it."""
        return bool(self.tag("onnx_sha256"))

    @property
    def is_complete(self) -> bool:
        """Whether all its files are stored."""
        return self.tag("status") == _READY

    @property
    def chain(self) -> tuple[tuple[str, str], ...]:
        """Configuration → run → checkpoint → ONNX file → version, each with its identity."""
        return (
            ("config", self.tag("config_hash")),
            ("run", self.tag("run_id")),
            ("checkpoint", self.tag("checkpoint_sha256")),
            ("ONNX", self.tag("onnx_sha256")),
            ("version", f"{self.model} v{self.number}"),
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "name": self.model,
            "version": self.number,
            "aliases": list(self.aliases),
            "created": self.created,
            "complete": self.is_complete,
            "mlflow_run_id": self.mlflow_run_id,
            "stored": self.tag("uri"),
            "chain": dict(self.chain[:-1]),
            "tags": self.tags,
        }


@dataclass(frozen=True)
class RegisteredModel:
    """A registered model, its newest version first."""

    name: str
    aliases: dict[str, int]
    """Alias → version."""
    versions: tuple[ModelVersion, ...]
    description: str = ""

    def version(self, number: int) -> ModelVersion | None:
        """One of its versions; None where there is none of that number."""
        return next((v for v in self.versions if v.number == number), None)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "name": self.name,
            "description": self.description,
            "aliases": self.aliases,
            "versions": [version.as_dict() for version in self.versions],
        }


def models_of(answers: Iterable[Mapping[str, Any]]) -> list[RegisteredModel]:
    """The models of the tracking reader's answers to `models`, by name."""
    found = [_model(model) for answer in answers for model in answer.get("models", ())]
    return sorted(found, key=lambda model: model.name)


def find_version(models: Sequence[RegisteredModel], reference: str) -> ModelVersion:
    """The version of `name`, `name@alias`, `name@v3` or `name@latest`; alone, the newest.

    Raises:
        UsageError: There is none.
    """
    name, _, which = reference.partition("@")
    model = find_model(models, name)
    if not which or which == "latest":
        numbers = [v.number for v in model.versions if v.is_complete or not which]
        number = max(numbers, default=0)
    elif which in model.aliases:
        number = model.aliases[which]
    else:
        digits = which.removeprefix("v")
        number = int(digits) if digits.isdecimal() else 0
    version = model.version(number)
    if version is None:
        known = [*sorted(model.aliases), *(f"v{v.number}" for v in model.versions)]
        raise UsageError(
            f"There is no registered model {reference}",
            why=f"{name} has {', '.join(known[:20]) or 'no version'}",
            unharmed="Nothing was changed",
            action="Choose one of these",
        )
    return version


def find_model(models: Sequence[RegisteredModel], name: str) -> RegisteredModel:
    """The model of a name.

    Raises:
        UsageError: There is none.
    """
    for model in models:
        if model.name == name:
            return model
    known = ", ".join(model.name for model in models[:20])
    raise UsageError(
        f"There is no registered model {name}",
        why=f"There are {known}" if known else "None is registered yet",
        unharmed="Nothing was changed",
        action="Register one: `heimdall-console export @last --register NAME --alias champion`",
    )


def version_before(model: RegisteredModel, alias: str) -> ModelVersion:
    """The version that an alias rolls back to: the next lower one that is complete.

    Raises:
        UsageError: There is no such alias, or no such version.
    """
    at = model.aliases.get(alias)
    if at is None:
        raise UsageError(
            f"{model.name} has no alias {alias}",
            why=f"It has {', '.join(sorted(model.aliases)) or 'none'}",
            unharmed="Nothing was changed",
            action="Choose one of its aliases",
        )
    for version in model.versions:
        if version.number < at and version.is_complete:
            return version
    raise UsageError(
        f"{model.name}@{alias} was not rolled back",
        why=f"No complete version is older than version {at}",
        unharmed="Nothing was changed",
        action="Set the alias to another version instead",
    )


def local_proof(version: ModelVersion, home: Path) -> dict[str, Any]:
    """The proof of a version where it lies on this disk; empty where it does not."""
    sha256 = version.tag("onnx_sha256")
    run_id, export = version.tag("run_id"), version.tag("export")
    folders = list(model_store_folder(home).glob(f"*/{_safe(version.model)}/v{version.number}"))
    if run_id and export:
        folders.insert(0, runs_folder(home) / _safe(run_id) / "exports" / _safe(export))
    for folder in folders:
        proof = read_proof(folder)
        if proof and proof.get("sha256") == sha256:
            return proof
    return {}


def _safe(name: str) -> str:
    """A name that is one part of a path, and no pattern."""
    return "".join(c if c not in "/\\*?[]\0" else "_" for c in name).lstrip(".") or "_"


def _model(found: Mapping[str, Any]) -> RegisteredModel:
    name = str(found.get("name", ""))
    versions = sorted(
        (_version(name, version) for version in found.get("versions", ())),
        key=lambda version: -version.number,
    )
    return RegisteredModel(
        name=name,
        aliases={str(alias): int(number) for alias, number in (found.get("aliases") or {}).items()},
        versions=tuple(versions),
        description=str(found.get("description") or ""),
    )


def _version(model: str, found: Mapping[str, Any]) -> ModelVersion:
    created = found.get("created_ms")
    return ModelVersion(
        model=model,
        number=int(found.get("version", 0)),
        aliases=tuple(str(alias) for alias in found.get("aliases", ())),
        created=created / 1000 if isinstance(created, int | float) else None,
        mlflow_run_id=str(found.get("run_id") or ""),
        description=str(found.get("description") or ""),
        source=str(found.get("source") or ""),
        tags={str(key): str(value) for key, value in (found.get("tags") or {}).items()},
    )
