"""Whether an ONNX file answers as its network does, and how fast both are."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training_core.contract.errors import ExportError
from training_core.contract.files import sha256_file
from training_core.publishing.export_graph import ExportGraph
from training_core.publishing.onnx_session import open_session
from training_core.publishing.proof_report import (
    FLOAT32_SHARE,
    MEAN_TOLERANCE_M,
    RELATIVE_TOLERANCE,
    Parity,
    Proof,
    Speed,
)

BATCHES = (1, 7, 32)
_TIMED = (1, 32)
_MOST_CALLS = 9
_SECONDS_A_BATCH = 0.3
# Stands for a difference that no number can state, and is one in JSON.
_WORST = 1e30
_PADDING_VALUES = {"receiver": -1}

Arrays = dict[str, NDArray[Any]]


def prove(
    graph: ExportGraph,
    path: Path,
    *,
    exporter: str,
    opset: int,
    batches: Sequence[int] = BATCHES,
    timed: Sequence[int] = _TIMED,
) -> Proof:
    """Check a file, compare it with its network on validation rows, and time both.

    Outputs in meters (`…_m`) may differ by a centimeter, or by what float32 leaves of a site of
    thousands of kilometers; every other output by a thousandth of the largest value in the
    same example. Where the number of receivers is free, another
    number is tried too.

    Args:
        graph: The network as it was exported, with its rows.
        path: The ONNX file.
        exporter: Which exporter wrote it.
        opset: Its operator set.
        batches: Batch sizes to compare at; rows are repeated where there are fewer.
        timed: Batch sizes to time at.

    Returns:
        The proof; `ok` is False where the two differ too much.

    Raises:
        ExportError: The checker or onnxruntime refuses the file.
    """
    import onnx
    import onnxruntime

    start = time.perf_counter()
    try:
        onnx.checker.check_model(str(path))
    except onnx.checker.ValidationError as error:
        raise _refused(path, f"The ONNX checker refuses it: {error}") from error
    session = open_session(path)
    parity: list[Parity] = []
    speed: list[Speed] = []
    with torch.no_grad():
        for batch in batches:
            parity += _compare(graph, session, graph.take(batch), path)
            if batch in timed:
                speed.append(_time(graph, session, graph.take(batch), batch))
        if any(1 in axes for axes in graph.axes.values()):
            # The last batch again with more receivers than it was traced with.
            parity += _compare(graph, session, _padded(graph, graph.take(batches[-1])), path)
    return Proof(
        sha256=sha256_file(path),
        size_bytes=path.stat().st_size,
        exporter=exporter,
        opset=opset,
        rows=min(graph.rows, max(batches)),
        parity=parity,
        speed=speed,
        versions={
            "torch": torch.__version__,
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
        seconds=time.perf_counter() - start,
    )


def require_parity(proof: Proof, what: str) -> None:
    """Accept a proof whose outputs all agree.

    Raises:
        ExportError: One does not; the message has the figures.
    """
    wrong = [parity for parity in proof.parity if not parity.ok]
    if not wrong:
        return
    worst = max(wrong, key=lambda parity: parity.max_abs_difference)
    raise ExportError(
        f"{what} was exported but does not answer as its network does",
        why=(
            f"{worst.output} at batch {worst.shape[0]} differs by "
            f"{worst.max_abs_difference:.3g} where {worst.tolerance:.3g} is allowed"
        ),
        unharmed="The checkpoint is unharmed; no file was left",
        action="Report it with the configuration of the run; the checkpoint can be used meanwhile",
    )


def _compare(
    graph: ExportGraph, session: Any, inputs: tuple[Tensor, ...], path: Path
) -> list[Parity]:
    expected = [values.numpy() for values in graph.module(*inputs)]
    try:
        answered = session.run(list(graph.output_names), _feeds(graph, inputs))
    except Exception as error:
        # onnxruntime's errors have no common base; each means that the file cannot be used.
        raise _refused(path, f"onnxruntime fails at batch {inputs[0].shape[0]}: {error}") from error
    return [
        _parity(name, one, other)
        for name, one, other in zip(graph.output_names, expected, answered, strict=True)
    ]


def _parity(name: str, expected: NDArray[Any], answered: NDArray[Any]) -> Parity:
    shape = list(expected.shape)
    if expected.shape != answered.shape:
        return _mismatch(name, shape)
    one, other = expected.astype(np.float64), answered.astype(np.float64)
    both_nan = np.isnan(one) & np.isnan(other)
    with np.errstate(invalid="ignore"):
        difference = np.where(both_nan | (one == other), 0.0, np.abs(one - other))
    # One of the two is NaN or infinite where the other is not: as wrong as can be.
    difference = np.nan_to_num(difference, nan=_WORST, posinf=_WORST)
    rows = difference.reshape(shape[0] if shape else 1, -1)
    largest = np.nan_to_num(np.abs(one), nan=0.0, posinf=0.0).reshape(len(rows), -1)
    if name.endswith("_m"):
        rounding_m = FLOAT32_SHARE * largest.max(initial=0.0)
        tolerance = np.full(len(rows), max(MEAN_TOLERANCE_M, rounding_m))
    else:
        scale = largest.max(axis=1, initial=0.0)
        tolerance = RELATIVE_TOLERANCE * np.maximum(scale, 1e-2)
    worst = rows.max(axis=1, initial=0.0)
    row = int(np.argmax(worst / tolerance))
    return Parity(
        output=name,
        shape=shape,
        max_abs_difference=float(worst.max(initial=0.0)),
        mean_abs_difference=float(rows.mean()) if rows.size else 0.0,
        largest_value=float(largest.max(initial=0.0)),
        tolerance=float(tolerance[row]),
        ok=bool(np.all(worst <= tolerance)),
    )


def _mismatch(name: str, shape: list[int]) -> Parity:
    return Parity(
        output=name,
        shape=shape,
        max_abs_difference=_WORST,
        mean_abs_difference=_WORST,
        largest_value=0.0,
        tolerance=0.0,
        ok=False,
    )


def _time(graph: ExportGraph, session: Any, inputs: tuple[Tensor, ...], batch: int) -> Speed:
    """Alternating calls after one of each that is not counted (the comparison's)."""
    feeds, names = _feeds(graph, inputs), list(graph.output_names)
    ours: list[float] = []
    theirs: list[float] = []
    end = time.perf_counter() + _SECONDS_A_BATCH
    while not ours or (len(ours) < _MOST_CALLS and time.perf_counter() < end):
        ours.append(_milliseconds(lambda: graph.module(*inputs)))
        theirs.append(_milliseconds(lambda: session.run(names, feeds)))
    return Speed(
        batch=batch,
        torch_ms=median(ours),
        onnxruntime_ms=median(theirs),
        calls=len(ours),
        threads=torch.get_num_threads(),
    )


def _milliseconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - start)


def _feeds(graph: ExportGraph, inputs: tuple[Tensor, ...]) -> Arrays:
    return {name: values.numpy() for name, values in zip(graph.inputs, inputs, strict=True)}


def _padded(graph: ExportGraph, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The same rows with three more receivers that are not there."""
    padded = []
    for name, values in zip(graph.inputs, inputs, strict=True):
        if 1 in graph.axes.get(name, {}):
            shape = (values.shape[0], 3, *values.shape[2:])
            fill = _PADDING_VALUES.get(name, float("nan"))
            values = torch.cat((values, torch.full(shape, fill, dtype=values.dtype)), dim=1)
        padded.append(values)
    return tuple(padded)


def _refused(path: Path, why: str) -> ExportError:
    return ExportError(
        f"{path.name} is not usable",
        why=why[:2000],
        unharmed="The checkpoint is unharmed",
        action="Report it with the configuration of the run",
    )
