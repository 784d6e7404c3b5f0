"""Checkpoints for a person: what a table says of each, and all that is known of one."""

from collections.abc import Sequence

from heimdall_console.checkpoint_archive import CheckpointDetails
from heimdall_console.checkpoint_rows import CheckpointRow
from heimdall_console.formatting import age, count, counted, metric, number, plain, size
from heimdall_console.layout import Column, pair_lines, table_lines
from heimdall_console.local_exports import LocalExport
from heimdall_console.terminal import Terminal

Pair = tuple[str, str]


def row_cells(row: CheckpointRow, now: float) -> list[str]:
    """Name, step, epoch, monitored value, size, age, reason, marks."""
    sidecar = row.sidecar
    return [
        plain(row.name),
        count(sidecar.step),
        count(sidecar.epoch + 1),
        "-" if row.value is None else metric(sidecar.monitor, row.value),
        size(sidecar.size_bytes),
        age(now - sidecar.created),
        plain(sidecar.reason),
        ", ".join(row.marks),
    ]


def list_lines(rows: Sequence[CheckpointRow], now: float, terminal: Terminal) -> list[str]:
    """The checkpoints of a run as a table."""
    monitor = next((row.sidecar.monitor for row in rows if row.sidecar.monitor), "")
    columns = [
        # Its end is what tells it from the others.
        Column("checkpoint", style="bold"),
        Column("step", right=True, drops=4),
        Column("epoch", right=True, drops=5),
        Column(plain(monitor) or "monitored", right=True, drops=3),
        Column("size", right=True, drops=2),
        Column("saved", drops=1),
        Column("reason", drops=6),
        Column("marks", style="accent"),
    ]
    return table_lines(columns, [row_cells(row, now) for row in rows], terminal)


def fact_pairs(row: CheckpointRow, now: float) -> list[Pair]:
    """What the sidecar and the exports say of a checkpoint."""
    sidecar = row.sidecar
    pairs = [
        ("saved", f"{age(now - sidecar.created)}, {_reason(sidecar.reason)}"),
        ("place", f"step {count(sidecar.step)}, epoch {count(sidecar.epoch + 1)}"),
        ("size", f"{size(sidecar.size_bytes)} ({count(sidecar.size_bytes)} bytes)"),
    ]
    if row.rank is not None:
        pairs.append(("rank", f"{row.rank} by {plain(sidecar.monitor)}"))
    if row.marks:
        pairs.append(("marks", ", ".join(row.marks)))
    pairs += [("exported", export_text(export, now)) for export in row.exports]
    if row.registered:
        pairs.append(("registered", plain(", ".join(row.registered))))
    return [*pairs, ("sha256", sidecar.sha256), ("file", plain(row.path))]


def metric_pairs(row: CheckpointRow) -> list[Pair]:
    """Metrics at the save, the monitored one first."""
    metrics = row.sidecar.metrics
    names = sorted(metrics, key=lambda name: (name != row.sidecar.monitor, name))
    return [(plain(name), metric(name, metrics[name])) for name in names]


def detail_pairs(details: CheckpointDetails) -> list[Pair]:
    """What lies inside a checkpoint, beside its tensors."""
    pairs = []
    if details.foreign_names:
        names = plain(", ".join(details.foreign_names))
        pairs.append(("danger", f"loading is refused: it asks for {names} to be run"))
    pairs.append(
        (
            "weights",
            f"{count(details.weights)} in {counted(len(details.tensors), 'tensor')}; "
            f"{count(details.other_tensors)} other tensors",
        )
    )
    network = details.says.get("network")
    if isinstance(network, dict):
        pairs.append(("network", network_text(network)))
    for key, label in (
        ("model_class", "model"),
        ("data_class", "data"),
        ("dataset", "dataset"),
        ("split", "split"),
        ("config_hash", "config"),
    ):
        if value := details.says.get(key):
            pairs.append((label, value_text(value)))
    if details.says.get("signal") is False:
        pairs.append(("signal", "none: a control that was trained on silence"))
    if not details.says:
        pairs.append(("origin", "another program saved it: it does not say what it is"))
    if details.lightning_version:
        pairs.append(("saved by", f"Lightning {plain(details.lightning_version)}"))
    return pairs


def network_text(network: dict[str, object]) -> str:
    """Kind and sizes of a network of ours."""
    sizes = network.get("sizes")
    parts = [str(network.get("kind", ""))]
    receivers = network.get("receiver_ids")
    if isinstance(receivers, list):
        parts.append(counted(len(receivers), "receiver"))
    if isinstance(sizes, dict):
        parts += [f"{key} {value}" for key, value in sizes.items()]
    return plain(", ".join(parts))


def value_text(value: object) -> str:
    """A plain value in one line."""
    if isinstance(value, dict):
        return plain(", ".join(f"{key} {item}" for key, item in value.items()))
    return plain(value)


def tensor_lines(details: CheckpointDetails, terminal: Terminal) -> list[str]:
    """Names, shapes, types and sizes of the weights."""
    rows = [
        [plain(t.name), shape_text(t.shape), plain(t.dtype), count(t.values), size(t.size_bytes)]
        for t in details.tensors
    ]
    columns = [
        Column("tensor", shrinks=True),
        Column("shape", right=True),
        Column("type", drops=1),
        Column("values", right=True, drops=2),
        Column("size", right=True),
    ]
    return table_lines(columns, rows, terminal)


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape such as 24 x 32."""
    return " x ".join(str(length) for length in shape) or "scalar"


def show_lines(
    row: CheckpointRow,
    details: CheckpointDetails,
    now: float,
    terminal: Terminal,
    *,
    with_tensors: bool,
) -> list[str]:
    """Everything that is known of a checkpoint."""
    lines = ["", f" {terminal.style(plain(row.name), 'bold')}", ""]
    lines += pair_lines(fact_pairs(row, now), terminal)
    lines += ["", *pair_lines(detail_pairs(details), terminal)]
    if row.sidecar.metrics:
        lines += ["", *pair_lines(metric_pairs(row), terminal)]
    if with_tensors:
        lines += ["", *tensor_lines(details, terminal)]
    return [*lines, ""]


def export_text(export: LocalExport, now: float) -> str:
    """An export: where, how large, whether it agrees."""
    return f"{plain(export.folder.name)}, {size(export.size_bytes)}, {age(now - export.created)}"


def proof_pairs(proof: dict[str, object]) -> list[Pair]:
    """What was proved of an exported model: checker, differences by output and batch, speed."""
    pairs = [
        (
            "checker",
            f"{plain(proof.get('checker', '?'))}, opset {plain(proof.get('opset', '?'))}, "
            f"{plain(proof.get('exporter', '?'))}",
        )
    ]
    parity = _records(proof.get("parity"))
    batches = sorted({_batch(p) for p in parity})
    if batches:
        agree = "agrees with PyTorch" if proof.get("ok") else "does NOT agree with PyTorch"
        shown = ", ".join(str(batch) for batch in batches)
        pairs.append(("dynamic batch", f"{agree} at batches {shown}"))
        pairs.append(("rows", f"{plain(proof.get('rows', '?'))} validation rows"))
    for output in dict.fromkeys(str(p.get("output")) for p in parity):
        of_output = [p for p in parity if str(p.get("output")) == output]
        most = max(_float(p.get("max_abs_difference")) for p in of_output)
        mean = max(_float(p.get("mean_abs_difference")) for p in of_output)
        tolerance = min(_float(p.get("tolerance")) for p in of_output)
        pairs.append(
            (
                plain(output),
                f"differs by {number(most, 3)} at most, {number(mean, 3)} on average; "
                f"{number(tolerance, 3)} is allowed",
            )
        )
    for speed in _records(proof.get("speed")):
        torch_ms, onnx_ms = _float(speed.get("torch_ms")), _float(speed.get("onnxruntime_ms"))
        ratio = f"{torch_ms / onnx_ms:.1f} times as fast: " if onnx_ms > 0 else ""
        pairs.append(
            (
                f"batch {speed.get('batch')}",
                f"{ratio}{number(onnx_ms, 3)} ms, PyTorch {number(torch_ms, 3)} ms",
            )
        )
    return pairs


def _records(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _batch(parity: dict[str, object]) -> int:
    shape = parity.get("shape")
    return int(shape[0]) if isinstance(shape, list) and shape and isinstance(shape[0], int) else 0


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _reason(reason: str) -> str:
    return {
        "validation": "after a validation",
        "time": "after some minutes",
        "stop": "when the run was stopped",
        "request": "on request",
    }.get(reason, plain(reason) or "for an unknown reason")
