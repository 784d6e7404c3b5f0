"""Exported models on this disk: their proof, and the checkpoint that each was made from."""

import contextlib
import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from heimdall_console.job_rows import JobRow
from heimdall_console.onnx_props import read_props
from heimdall_console.publishing_state import read_publishing
from training_core.contract.files import read_regular
from training_core.contract.run_dir import RunDir
from training_core.contract.run_status import RunStatus


@dataclass(frozen=True)
class LocalExport:
    """One folder with a model and its proof."""

    folder: Path
    sha256: str
    """Of model.onnx, as it was proved."""
    size_bytes: int
    created: float
    """Seconds since 1970."""
    proof: dict[str, Any]
    """Content of proof.json."""
    props: dict[str, Any]
    """What the model says of itself: checkpoint_sha256, run_id, config_hash, …"""

    @property
    def model(self) -> Path:
        """The ONNX file."""
        return self.folder / "model.onnx"

    @property
    def checkpoint_sha256(self) -> str:
        """Of the checkpoint that it was made from; empty where it does not say."""
        return str(self.props.get("checkpoint_sha256") or "")


def read_export(folder: Path) -> LocalExport | None:
    """The export in a folder; None where there is no whole one."""
    proof = read_proof(folder)
    if not proof:
        return None
    try:
        props = read_props(folder / "model.onnx")
        created = (folder / "proof.json").stat().st_mtime
    except OSError:
        return None
    size_bytes = proof.get("size_bytes")
    return LocalExport(
        folder=folder,
        sha256=str(proof.get("sha256") or ""),
        size_bytes=size_bytes if isinstance(size_bytes, int) else 0,
        created=_time(props.get("created")) or created,
        proof=proof,
        props=props,
    )


def read_proof(folder: Path) -> dict[str, Any]:
    """`proof.json` of a folder; empty where it is missing or damaged."""
    with contextlib.suppress(OSError, orjson.JSONDecodeError):
        found = orjson.loads(read_regular(folder / "proof.json"))
        if isinstance(found, dict):
            return found
    return {}


def exports_of(run: RunDir, jobs: Iterable[JobRow] = ()) -> list[LocalExport]:
    """The exports of a run, the oldest first.

    Args:
        run: The run.
        jobs: Jobs of the home: they may have exported its checkpoints to elsewhere.
    """
    folders: dict[Path, None] = {}
    with contextlib.suppress(OSError):
        folders |= dict.fromkeys(path for path in run.exports.iterdir() if path.is_dir())
    for job in jobs:
        target = job.arguments.get("target")
        if job.kind == "export" and job.status is RunStatus.FINISHED and target:
            folders[Path(str(target))] = None
    found = (read_export(folder) for folder in folders)
    return sorted((e for e in found if e is not None), key=lambda export: export.created)


@dataclass(frozen=True)
class Registered:
    """Where models of a run are registered, as `name v3 (as @alias)`.

    An alias that another program moved is where this home set it last.
    """

    by_model: dict[str, tuple[str, ...]]
    """SHA-256 of a model → its versions."""
    by_checkpoint: dict[str, tuple[str, ...]]
    """SHA-256 of a checkpoint → versions whose files lie on this disk and say so."""


def registered_models(run: RunDir, jobs: Iterable[JobRow] = ()) -> Registered:
    """What is registered of a run.

    Args:
        run: Whose publisher may have registered some.
        jobs: Jobs of the home: they may have registered others, and moved aliases since.
    """
    state = read_publishing(run)
    finished = sorted(
        (j for j in jobs if j.status is RunStatus.FINISHED), key=lambda j: j.ended or j.created
    )
    made = [(state.updated, record) for record in state.registered]
    made += [(j.ended or j.created, j.result) for j in finished if j.kind == "register"]
    moved = [(j.ended or j.created, j.result) for j in finished if j.kind == "set-alias"]
    aliases = _aliases_of([*made, *moved])
    by_model: dict[str, dict[str, str]] = {}
    by_checkpoint: dict[str, dict[str, str]] = {}
    for _, record in made:
        name, version, sha256 = (record.get(key) for key in ("name", "version", "sha256"))
        if not (name and version and sha256):
            continue
        key = f"{name} v{version}"
        known = ", ".join(f"@{alias}" for alias in aliases.get((str(name), str(version)), ()))
        text = key + (f" (as {known})" if known else "")
        by_model.setdefault(str(sha256), {})[key] = text
        # The folder of an export may be gone that was registered.
        if checkpoint := _stored_checkpoint(str(record.get("uri") or "")):
            by_checkpoint.setdefault(checkpoint, {})[key] = text
    return Registered(
        {sha256: tuple(found.values()) for sha256, found in by_model.items()},
        {sha256: tuple(found.values()) for sha256, found in by_checkpoint.items()},
    )


def _aliases_of(
    events: Iterable[tuple[float, dict[str, Any]]],
) -> dict[tuple[str, str], list[str]]:
    """Name and version → the aliases that mean it, as far as this home has set and moved them.

    Args:
        events: When, and what: name, version (0 takes the alias away), alias.
    """
    at: dict[tuple[str, str], str] = {}
    for _, record in sorted(events, key=lambda event: event[0]):
        if record.get("alias"):
            at[str(record.get("name")), str(record["alias"])] = str(record.get("version"))
    found: dict[tuple[str, str], list[str]] = {}
    for (name, alias), version in at.items():
        found.setdefault((name, version), []).append(alias)
    return found


def _stored_checkpoint(uri: str) -> str:
    """The checkpoint behind a stored model, by its SHA-256; empty where it is not on this disk."""
    parts = urlsplit(uri)
    if parts.scheme != "file":
        return ""
    try:
        props = read_props(Path(unquote(parts.path)) / "model.onnx")
    except OSError:
        return ""
    return str(props.get("checkpoint_sha256") or "")


def _time(text: object) -> float | None:
    try:
        return datetime.datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None
