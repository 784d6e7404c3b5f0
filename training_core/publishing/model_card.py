"""The texts beside an exported model: README.md for people, MLmodel for MLflow's loaders."""

from training_core.publishing.model_metadata import ModelMetadata, TensorInfo
from training_core.publishing.proof_report import Proof


def readme(name: str, metadata: ModelMetadata, proof: Proof, metrics: dict[str, float]) -> str:
    """What somebody needs who finds only this folder, as Markdown."""
    lines = [
        f"# {name}",
        "",
        _answer(metadata),
        "",
        "| | |",
        "|---|---|",
        f"| kind | {metadata.kind} |",
        f"| run | {metadata.run_id or 'unknown'}, step {metadata.step or 'unknown'} |",
        f"| checkpoint | SHA-256 `{metadata.checkpoint_sha256 or 'unknown'}` |",
        f"| dataset | fingerprint `{metadata.dataset_fingerprint or 'unknown'}` |",
        f"| exported | {metadata.created}, {metadata.program}, opset {metadata.opset} |",
        f"| file | {proof.size_bytes:,} bytes, SHA-256 `{proof.sha256}` |",
    ]
    if metadata.site_origin:
        latitude, longitude = metadata.site_origin
        lines.append(f"| local (0, 0) | {latitude} N, {longitude} E, WGS-84 |")
    lines += ["", "## Inputs", "", *_tensors(metadata.inputs)]
    lines += ["", "## Outputs", "", *_tensors(metadata.outputs)]
    if metrics:
        lines += ["", "## Metrics", "", "| metric | value |", "|---|---|"]
        lines += [f"| {key} | {value:.4g} |" for key, value in sorted(metrics.items())]
    lines += ["", "## onnxruntime against PyTorch, on validation rows", ""]
    lines += ["| output | batch | greatest difference | mean difference |", "|---|---|---|---|"]
    lines += [
        f"| {p.output} | {p.shape[0] if p.shape else 1} | {p.max_abs_difference:.3g} "
        f"| {p.mean_abs_difference:.3g} |"
        for p in proof.parity
    ]
    lines += ["", "| batch | PyTorch ms | onnxruntime ms | faster |", "|---|---|---|---|"]
    lines += [
        f"| {s.batch} | {s.torch_ms:.2f} | {s.onnxruntime_ms:.2f} | {s.ratio:.1f} times |"
        for s in proof.speed
    ]
    return "\n".join(lines) + "\n"


def mlmodel(onnx_version: str, mlflow_version: str) -> str:
    """MLflow's description of the folder, so that `mlflow.onnx` and `mlflow.pyfunc` load it."""
    return "\n".join(
        [
            "flavors:",
            "  onnx:",
            "    data: model.onnx",
            f"    onnx_version: '{onnx_version}'",
            "    providers: [CUDAExecutionProvider, CPUExecutionProvider]",
            "  python_function:",
            "    data: model.onnx",
            "    loader_module: mlflow.onnx",
            f"mlflow_version: '{mlflow_version}'",
            "",
        ]
    )


def _answer(metadata: ModelMetadata) -> str:
    if metadata.site_origin is None:
        return "An exported module; what its tensors mean is known to who trained it."
    return (
        "Locates a radio emitter: a mean position and its covariance, in local meters. "
        "`heimdall-console predict` turns them into latitude and longitude."
    )


def _tensors(tensors: list[TensorInfo]) -> list[str]:
    lines = ["| name | type | shape | unit |", "|---|---|---|---|"]
    for tensor in tensors:
        shape = ", ".join(str(axis) for axis in tensor.axes)
        lines.append(f"| {tensor.name} | {tensor.dtype} | ({shape}) | {tensor.unit} |")
    return lines
