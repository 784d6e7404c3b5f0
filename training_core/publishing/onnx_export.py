"""From a network to a proved ONNX file: the fast exporter first, the other where it fails."""

import contextlib
import logging
import os
import secrets
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from training_core.contract.errors import ExportError
from training_core.contract.files import replace_durably
from training_core.publishing.export_graph import ExportGraph
from training_core.publishing.model_metadata import ModelMetadata, TensorInfo
from training_core.publishing.proof import prove, require_parity
from training_core.publishing.proof_report import Proof

Exporter = Literal["torchscript", "dynamo"]

# The TorchScript exporter traces a real forward pass and copies every weight several times:
# beyond this many parameters the dynamo exporter is faster (196 M: 6 s instead of 12 s).
_LARGE = 100_000_000
# Above this, a second row in the traced batch costs more than it guards against.
_TRACE_ONE_ROW = 5_000_000

_UNITS = {
    "receiver": "index into receiver_ids; -1 for padding and for receivers not in it",
    "position_m": "meters east and north of the site origin; NaN where unknown",
    "observation": "as named in channels; NaN where not observed",
    "spectrogram": "dB by the parameters in mel; NaN where nothing was received",
    "mean_m": "meters east and north of the site origin",
    "covariance_m2": "square meters",
}


@dataclass(frozen=True)
class ExportReport:
    """What was written and how it was proved."""

    path: Path
    exporter: Exporter
    proof: Proof
    metadata: ModelMetadata
    export_s: float
    """Seconds that the exporter took, with the write."""
    proof_s: float
    """Seconds that the proof took."""
    fallback: str = ""
    """Why the first exporter's file was not used."""


def export_onnx(
    graph: ExportGraph, metadata: ModelMetadata, path: Path, *, opset: int = 17
) -> ExportReport:
    """Write a network as ONNX, prove it, and only then give it its name.

    Args:
        graph: The network with its validation rows.
        metadata: What the file says of itself; inputs, outputs, opset and exporter are
            filled in here.
        path: Where the file goes; one that lies there is replaced when the proof holds.
        opset: ONNX operator set.

    Raises:
        ExportError: No exporter's file passes the proof, or the disk is full.
    """
    order: list[Exporter] = ["torchscript", "dynamo"]
    if graph.parameter_count > _LARGE:
        order.reverse()
    failures: list[tuple[Exporter, ExportError]] = []
    for exporter in order:
        try:
            report = _export_by(exporter, graph, metadata, path, opset)
        except ExportError as error:
            failures.append((exporter, error))
            continue
        reasons = "; ".join(f"{name}: {error.why}" for name, error in failures)
        return ExportReport(**{**vars(report), "fallback": reasons})
    reasons = "; ".join(f"{name}: {error.why or error.what}" for name, error in failures)
    raise ExportError(
        f"{path.name} was not exported",
        why=f"Neither exporter made a file that passes the proof ({reasons})",
        unharmed="The checkpoint is unharmed; no file was left",
        action="Use plain tensor operations in the network, or another export.opset",
    ) from failures[0][1]


def _export_by(
    exporter: Exporter, graph: ExportGraph, metadata: ModelMetadata, path: Path, opset: int
) -> ExportReport:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    start = time.perf_counter()
    try:
        # The exporters hide a full disk or a missing folder behind errors of their own.
        temporary.touch(mode=0o600)
        opset = write_onnx(graph, temporary, exporter=exporter, opset=opset)
        described = _described(graph, metadata, exporter, opset)
        _append_metadata(temporary, described)
        exported = time.perf_counter()
        proof = prove(graph, temporary, exporter=exporter, opset=opset)
        require_parity(proof, path.name)
        replace_durably(temporary, path)
    except OSError as error:
        raise ExportError(
            f"{path.name} was not written",
            why=error.strerror or str(error),
            unharmed="The checkpoint is unharmed; no file was left",
            action="Free some space or choose another folder, then run `heimdall-console export`",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return ExportReport(
        path=path,
        exporter=exporter,
        proof=proof,
        metadata=described,
        export_s=exported - start,
        proof_s=time.perf_counter() - exported,
    )


def write_onnx(graph: ExportGraph, path: Path, *, exporter: Exporter, opset: int) -> int:
    """Run one exporter and return the operator set of its file: dynamo has none below 18.

    Raises:
        ExportError: It cannot express the network.
        OSError: The disk is full or not writable.
    """
    traced_rows = 1 if graph.parameter_count > _TRACE_ONE_ROW and exporter == "torchscript" else 2
    names = list(graph.inputs)
    opset = max(opset, 18) if exporter == "dynamo" else opset
    try:
        with _quiet(), torch.no_grad():
            if exporter == "torchscript":
                torch.onnx.export(
                    graph.module,
                    graph.take(traced_rows),
                    str(path),
                    dynamo=False,
                    input_names=names,
                    output_names=list(graph.output_names),
                    dynamic_axes=graph.axes,
                    opset_version=opset,
                    do_constant_folding=True,
                )
            else:
                free = torch.export.Dim.DYNAMIC
                shapes = tuple(dict.fromkeys(graph.axes.get(name, {}), free) for name in names)
                torch.onnx.export(
                    graph.module,
                    graph.take(traced_rows),
                    str(path),
                    dynamo=True,
                    input_names=names,
                    output_names=list(graph.output_names),
                    dynamic_shapes=(shapes,),
                    opset_version=opset,
                    external_data=False,
                    verbose=False,
                )
    except OSError:
        raise
    except Exception as error:
        # Exporters fail with anything, also inside foreign modules.
        raise ExportError(
            f"The {exporter} exporter failed",
            why=str(error).strip().splitlines()[0][:500] if str(error) else type(error).__name__,
            unharmed="The checkpoint is unharmed",
        ) from error
    return opset


def _described(
    graph: ExportGraph, metadata: ModelMetadata, exporter: Exporter, opset: int
) -> ModelMetadata:
    """The metadata with the tensors of the graph."""
    with torch.no_grad():
        outputs = graph.module(*graph.take(1))
    tensors = {**dict(zip(graph.inputs, graph.take(1), strict=True))}
    tensors.update(zip(graph.output_names, outputs, strict=True))
    infos = {
        name: TensorInfo(
            name=name,
            dtype=str(values.dtype).removeprefix("torch."),
            axes=[
                graph.axes.get(name, {}).get(axis, length)
                for axis, length in enumerate(values.shape)
            ],
            unit=_UNITS.get(name, ""),
        )
        for name, values in tensors.items()
    }
    return metadata.model_copy(
        update={
            "inputs": [infos[name] for name in graph.inputs],
            "outputs": [infos[name] for name in graph.output_names],
            "exporter": exporter,
            "opset": opset,
        }
    )


def _append_metadata(path: Path, metadata: ModelMetadata) -> None:
    """Add `metadata_props` to a file without reading its weights, and flush it.

    The concatenation of two serialized messages is the serialization of both merged: that is
    part of the format, and saves parsing and writing hundreds of megabytes.
    """
    import onnx

    addition = onnx.ModelProto()
    for key, value in metadata.to_props().items():
        entry = addition.metadata_props.add()
        entry.key, entry.value = key, value
    with path.open("ab") as file:
        file.write(addition.SerializeToString())
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep exporters' warnings, logs and prints away: what matters is proved afterwards."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore")
        try:
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
