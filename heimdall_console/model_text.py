"""Registered models for a person: the list, a version's chain and its proof."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from heimdall_console.checkpoint_text import Pair, proof_pairs
from heimdall_console.formatting import age, plain
from heimdall_console.layout import Column, pair_lines, table_lines
from heimdall_console.model_rows import ModelVersion, RegisteredModel
from heimdall_console.terminal import Terminal

_SHORT_DIGEST = 12


def alias_text(aliases: Sequence[str]) -> str:
    """Aliases with their sign."""
    return plain(" ".join(f"@{alias}" for alias in aliases))


def list_lines(models: Sequence[RegisteredModel], now: float, terminal: Terminal) -> list[str]:
    """Every version of every model as a table."""
    columns = [
        Column("model", style="bold", shrinks=True),
        Column("version", right=True),
        Column("aliases", style="accent"),
        Column("run", drops=2),
        Column("made", drops=1),
        Column("ONNX", drops=3),
        Column("", drops=4),
    ]
    rows = [
        [
            plain(model.name),
            str(version.number),
            alias_text(version.aliases),
            plain(version.tag("run_id") or version.mlflow_run_id),
            "" if version.created is None else age(now - version.created),
            version.tag("onnx_sha256")[:_SHORT_DIGEST],
            state_text(version),
        ]
        for model in models
        for version in model.versions
    ]
    return table_lines(columns, rows, terminal)


def state_text(version: ModelVersion) -> str:
    """What is remarkable about a version; empty where nothing is."""
    if not version.is_ours:
        return "registered by another program"
    return "" if version.is_complete else "incomplete"


def version_pairs(version: ModelVersion, now: float) -> list[Pair]:
    """What is known of a version beside its chain."""
    pairs = [("version", plain(f"{version.model} v{version.number}"))]
    if version.aliases:
        pairs.append(("aliases", alias_text(version.aliases)))
    if version.created is not None:
        pairs.append(("made", age(now - version.created)))
    if remark := state_text(version):
        pairs.append(("state", remark))
    for tag, label in (("kind", "network"), ("uri", "stored")):
        if value := version.tag(tag):
            pairs.append((label, plain(value)))
    if version.source:
        pairs.append(("in MLflow", plain(version.source)))
    if version.description:
        pairs.append(("description", plain(version.description)))
    return pairs


def chain_pairs(version: ModelVersion) -> list[Pair]:
    """How the version came to be, one identity a link."""
    return [(label, plain(value) or "unknown") for label, value in version.chain]


def show_lines(
    version: ModelVersion, proof: Mapping[str, Any], missing: str, now: float, terminal: Terminal
) -> list[str]:
    """Everything that is known of a version.

    Args:
        version: The version.
        proof: Of its export; empty where there is none.
        missing: Why there is none.
        now: Seconds since 1970.
        terminal: Where it is printed.
    """
    lines = ["", *pair_lines(version_pairs(version, now), terminal)]
    lines += ["", f" {terminal.style('chain', 'bold')}", ""]
    lines += pair_lines(chain_pairs(version), terminal)
    lines += ["", f" {terminal.style('proof', 'bold')}", ""]
    if proof:
        lines += pair_lines(proof_pairs(dict(proof)), terminal)
    else:
        room = max(40, terminal.width - 2)
        lines += [f" {line}" for line in textwrap.wrap(plain(missing), room)]
    return [*lines, ""]
