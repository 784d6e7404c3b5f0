"""How long an export of LocalizationNet takes, and how much faster onnxruntime answers.

    python benchmarks/export_speed.py [--size tiny] [--rounds 5]

Each round exports in a fresh process, because the first export of a process is what a user
waits for; torch is loaded before the clock starts. Budgets for the size tiny on 2 cores:
export <= 2 s, with its proof <= 4 s, onnxruntime >= 1.5 x PyTorch eager at batches 1 and 32.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

BUDGETS = {"export_s": 2.0, "with_proof_s": 4.0, "batch_1": 1.5, "batch_32": 1.5}
_ALTERNATIONS = 9


def one_round(size: str) -> dict[str, float]:
    """Export once, with its proof, and time both runtimes in alternation."""
    import torch

    from training_core.models.localization_net import LocalizationNet
    from training_core.publishing.export_graph import position_graph
    from training_core.publishing.model_metadata import ModelMetadata
    from training_core.publishing.onnx_export import export_onnx
    from training_core.publishing.onnx_session import open_session

    torch.manual_seed(0)
    rows = {"spectrogram": 10.0 * torch.randn(32, 3, 128, 32) - 60.0}
    network = LocalizationNet(receivers=3, size=size, mean_db=[-60.0] * 3, std_db=[10.0] * 3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        metadata = ModelMetadata(kind="localization_net", inputs=[], outputs=[])
        start = time.perf_counter()
        graph = position_graph(network, rows)
        report = export_onnx(graph, metadata, path)
        result = {
            "with_proof_s": time.perf_counter() - start,
            "export_s": report.export_s,
            "megabytes": report.proof.size_bytes / 1e6,
        }
        session = open_session(path)
        for batch in (1, 32):
            inputs = graph.take(batch)
            feeds = {"spectrogram": inputs[0].numpy()}
            eager: list[float] = []
            onnx: list[float] = []
            with torch.no_grad():
                for _ in range(_ALTERNATIONS + 1):
                    begin = time.perf_counter()
                    graph.module(*inputs)
                    middle = time.perf_counter()
                    session.run(None, feeds)
                    eager.append(middle - begin)
                    onnx.append(time.perf_counter() - middle)
            # The first of each warms up.
            result[f"eager_ms_{batch}"] = 1e3 * median(eager[1:])
            result[f"onnx_ms_{batch}"] = 1e3 * median(onnx[1:])
            result[f"batch_{batch}"] = median(eager[1:]) / median(onnx[1:])
    return result


def main() -> int:
    """Print the medians; 1 where one is over its budget."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--size", default="tiny", choices=["tiny", "small", "base", "large"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", action="store_true", help="one round in this process, as JSON")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one_round(options.size)))
        return 0
    rounds: list[dict[str, float]] = []
    for _ in range(options.rounds):
        command = [sys.executable, __file__, "--one", "--size", options.size]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        rounds.append(json.loads(done.stdout.splitlines()[-1]))
    medians = {key: median(found[key] for found in rounds) for key in rounds[0]}
    print(f"LocalizationNet-{options.size}, median of {options.rounds} processes")
    print(f"  export             {medians['export_s']:6.2f} s  ({medians['megabytes']:.0f} MB)")
    print(f"  export with proof  {medians['with_proof_s']:6.2f} s")
    for batch in (1, 32):
        print(
            f"  batch {batch:2d}: eager {medians[f'eager_ms_{batch}']:7.1f} ms, onnxruntime "
            f"{medians[f'onnx_ms_{batch}']:7.1f} ms, {medians[f'batch_{batch}']:.2f} times faster"
        )
    if options.size != "tiny":
        return 0
    missed = [
        key
        for key, budget in BUDGETS.items()
        if (medians[key] > budget if key.endswith("_s") else medians[key] < budget)
    ]
    print("budgets held" if not missed else f"budgets missed: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
