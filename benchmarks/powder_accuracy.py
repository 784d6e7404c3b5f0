"""The accuracy on POWDER's published grid split, by the commands of the README.

Imports the data into a home of its own, trains `examples/powder.toml` with several seeds and
once without any signal (what that control still knows would be leaked), and prints errors on
the 666 test rows beside the baselines. Nothing is chosen here: the example was chosen by
cross-validation over place cells of the training rows.

    python benchmarks/powder_accuracy.py ../shared/data/powder_frs_rss --seeds 3
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
SHOWN = ("median_m", "mean_m", "p90_m")
TO_REACH = {"median_m": 140.0, "mean_m": 171.0}


def heimdall(*arguments: object) -> str:
    """What a command prints; its errors go to the terminal."""
    command = [sys.executable, "-m", "heimdall_console", *map(str, arguments)]
    done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def trained(*changes: str) -> tuple[dict[str, dict[str, float]], float]:
    """Metrics on the test rows by method, and how long the whole run took in seconds."""
    sets = [part for change in changes for part in ("--set", change)]
    began = time.monotonic()
    printed = heimdall("run", "--config", "examples/powder.toml", *sets, "--json")
    seconds = time.monotonic() - began
    records: list[dict[str, Any]] = [json.loads(line) for line in printed.splitlines()]
    summary = next(r["summary"] for r in records if r.get("name") == "evaluation.json")
    values = next(r["values"] for r in records if "test/median_m" in r.get("values", {}))
    summary["network"]["coverage_90"] = values["test/coverage_90"]
    summary["network"]["coverage_50"] = values["test/coverage_50"]
    return summary, seconds


def line(name: str, metrics: dict[str, float], rest: str = "") -> None:
    """One row of the table."""
    figures = "  ".join(f"{metrics[metric]:8.1f}" for metric in SHOWN)
    print(f"{name:28s}{figures}  {rest}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="the folder of the published files")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["HEIMDALL_HOME"] = home
        mapping = "examples/mappings/powder.toml"
        source = options.source.absolute()
        heimdall("data", "import", "wide-csv", source, "--map", mapping, "--name", "powder")
        print(f"{'test rows, meters':28s}{'median':>8s}  {'mean':>8s}  {'90 %':>8s}")
        results = []
        for seed in range(options.seeds):
            summary, seconds = trained(f"run.seed={seed}")
            network = summary["network"]
            results.append(network)
            covered = (
                f"ellipses 50 / 90 %: {network['coverage_50']:.3f} / {network['coverage_90']:.3f}"
            )
            line(f"network, seed {seed}", network, f"{covered}, run {seconds:.0f} s")
        for method in summary:
            if method != "network":
                line(method.replace("_", " "), summary[method])
        control, _ = trained("run.seed=0", "data.signal=false", "trainer.epochs=20")
        line("no-signal control", control["network"])
        middle = {name: median(result[name] for result in results) for name in SHOWN}
        line(f"network, median of {len(results)}", middle)
        for name, bound in TO_REACH.items():
            reached = "reached" if middle[name] < bound else "MISSED"
            print(f"{name} {middle[name]:.1f} < {bound:.0f}: {reached}")


if __name__ == "__main__":
    main()
