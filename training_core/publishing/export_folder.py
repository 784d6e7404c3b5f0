"""An export as a folder: the model, its proof, and what it was trained with."""

import importlib.metadata
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from torch import nn

from training_core.contract.errors import ExportError
from training_core.contract.files import write_atomic
from training_core.contract.records import encode_values
from training_core.publishing.export_graph import ExportGraph, module_graph, position_graph
from training_core.publishing.model_card import mlmodel, readme
from training_core.publishing.model_metadata import ModelMetadata
from training_core.publishing.onnx_export import ExportReport, export_onnx

MODEL_FILE = "model.onnx"
PROOF_FILE = "proof.json"


def export_folder(
    network: nn.Module,
    origin: Mapping[str, Any],
    rows: object,
    folder: Path,
    *,
    opset: int = 17,
    checkpoint_sha256: str = "",
    step: int | None = None,
    config: Path | None = None,
    metrics: Mapping[str, float] | None = None,
) -> ExportReport:
    """Export a network into a folder; `proof.json` is written last and makes it complete.

    Args:
        network: What `load_network` returned.
        origin: What the checkpoint says of itself; its `network` is None for a module of the
            user's own.
        rows: Validation rows: tensors by input name, or an example batch for a module of the
            user's own.
        folder: Where the files go; made when missing.
        opset: ONNX operator set.
        checkpoint_sha256: Of the checkpoint.
        step: Optimizer steps behind it.
        config: Configuration of the run, copied.
        metrics: What was reached, written to `metrics.json`.

    Raises:
        ExportError: The network cannot be exported, or the file fails its proof.
    """
    graph = _graph(network, origin, rows)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / PROOF_FILE).unlink(missing_ok=True)
        report = export_onnx(
            graph, _metadata(origin, checkpoint_sha256, step), folder / MODEL_FILE, opset=opset
        )
        known = dict(metrics or {})
        if config is not None and config.is_file():
            write_atomic(folder / "config.toml", config.read_bytes())
        content = orjson.dumps(encode_values(known), option=orjson.OPT_INDENT_2)
        write_atomic(folder / "metrics.json", content)
        finite = {name: value for name, value in known.items() if math.isfinite(value)}
        text = readme(folder.name, report.metadata, report.proof, finite)
        write_atomic(folder / "README.md", text.encode())
        versions = [importlib.metadata.version(name) for name in ("onnx", "mlflow")]
        write_atomic(folder / "MLmodel", mlmodel(*versions).encode())
        report.proof.write(folder / PROOF_FILE)
    except OSError as error:
        raise ExportError(
            f"The export {folder} was not written",
            why=error.strerror or str(error),
            unharmed="The checkpoint is unharmed",
            action="Free some space or choose another folder, then run `heimdall-console export`",
        ) from error
    return report


def _graph(network: nn.Module, origin: Mapping[str, Any], rows: object) -> ExportGraph:
    if origin.get("network") is None:
        return module_graph(network, rows)
    if not isinstance(rows, Mapping):
        raise TypeError("the rows of a network of ours are tensors by input name")
    return position_graph(network, rows)


def _metadata(origin: Mapping[str, Any], checkpoint_sha256: str, step: int | None) -> ModelMetadata:
    spec = origin.get("network") or {}
    site = spec.get("origin")
    return ModelMetadata(
        kind=spec.get("kind", "generic"),
        inputs=[],
        outputs=[],
        site_origin=(
            (repr(float(site["latitude_deg"])), repr(float(site["longitude_deg"])))
            if site
            else None
        ),
        receiver_ids=list(spec.get("receiver_ids", ())),
        channels=list(spec.get("channels", ())),
        mel=dict(spec.get("mel", {})),
        run_id=origin.get("run_id", ""),
        step=step,
        checkpoint_sha256=checkpoint_sha256,
        dataset_fingerprint=origin.get("dataset_fingerprint", ""),
        config_hash=origin.get("config_hash", ""),
        split=dict(origin.get("split") or {}),
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        program=f"heimdall-console {_version()}",
    )


def _version() -> str:
    try:
        return importlib.metadata.version("heimdall-console")
    except importlib.metadata.PackageNotFoundError:
        return "of a checkout"
