"""Export of a checkpoint and registration of the result, as jobs."""

from pathlib import Path
from typing import Any

from heimdall_console.following.summary import proof_text
from heimdall_console.formatting import duration, plain, size
from heimdall_console.jobs import run_job
from heimdall_console.layout import pair_lines
from heimdall_console.terminal import Terminal
from training_core.contract.config import Config
from training_core.contract.jobs import ExportArguments, RegisterArguments


def export(
    home: Path,
    checkpoint: Path,
    *,
    opset: int | None = None,
    target: Path | None = None,
    dataset: Path | None = None,
) -> dict[str, Any]:
    """Export a checkpoint to ONNX with its proof; the result names the folder as `export`."""
    given = {} if opset is None else {"opset": opset}
    arguments = ExportArguments(checkpoint=checkpoint, target=target, dataset=dataset, **given)
    return run_job(home, "export", arguments, title=f"exporting {checkpoint.name}")


def register_arguments(
    folder: Path, name: str, alias: str, config: Config, checkpoint: Path | None = None
) -> RegisterArguments:
    """What a registration needs, with the servers of a run's configuration.

    Args:
        folder: Export folder.
        name: Registered model.
        alias: Alias that moves to the new version; empty for none.
        config: Of the run.
        checkpoint: Exported into the folder first; None takes what is there.
    """
    return RegisterArguments(
        export=folder,
        name=name,
        alias=alias,
        checkpoint=checkpoint,
        tracking_uri=config.tracking.uri,
        storage_endpoint=config.storage.endpoint,
        bucket=config.storage.bucket,
        region=config.storage.region,
    )


def register(home: Path, folder: Path, name: str, alias: str, config: Config) -> dict[str, Any]:
    """Make an export folder a version of a registered model."""
    arguments = register_arguments(folder, name, alias, config)
    return run_job(home, "register", arguments, title=f"registering {name}")


def export_lines(result: dict[str, Any], terminal: Terminal) -> list[str]:
    """What was exported and registered."""
    seconds = float(result.get("export_s", 0.0)) + float(result.get("proof_s", 0.0))
    model = plain(result.get("model", ""))
    pairs = [
        ("model", f"{model}  {size(int(result.get('size_bytes', 0)))}"),
        ("proof", proof_text(result.get("proof"))),
        ("took", duration(seconds)),
    ]
    reference = str(result.get("model", ""))
    registered = result.get("registered")
    if isinstance(registered, dict):
        alias = str(registered.get("alias") or "")
        version = f"{registered.get('name')} version {registered.get('version')}"
        pairs.append(("registered", plain(version + (f" @{alias}" if alias else ""))))
        pairs.append(("stored", plain(registered.get("uri", ""))))
        reference = f"{registered.get('name')}@{alias or 'v' + str(registered.get('version'))}"
    following = f"heimdall-console predict {plain(reference)} DATASET --out predictions.csv"
    next_label = terminal.style("next", "dim")
    return ["", *pair_lines(pairs, terminal), "", f" {next_label}  {following}", ""]
