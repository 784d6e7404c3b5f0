"""Checks that need a real GPU, as one table in under ten minutes.

It runs under whatever Python has a torch that can use the GPU, with this checkout on the path:

    PYTHONPATH=. python scripts/gpu_checks.py

A check whose packages that Python lacks is skipped and says so. Exit code 0: nothing failed,
1: something failed, 3: there is no GPU (0 with --allow-no-gpu).
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from scripts.gpu.memory import sampler_figures  # noqa: E402
from scripts.gpu.rows import Check, Row, Setting, exit_code, row_lines, run_checks  # noqa: E402
from scripts.gpu.runs import export_parity, kill, memory_advice, pause  # noqa: E402
from scripts.gpu.speed import throughput  # noqa: E402

NO_GPU = 3
CHECKS: dict[str, Check] = {
    "throughput": throughput,
    "sampler": sampler_figures,
    "pause": pause,
    "kill": kill,
    "export": export_parity,
    "memory-advice": memory_advice,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; returns the exit code."""
    options = _parser().parse_args(arguments)
    problem = "" if options.device == "cpu" else _why_no_gpu()
    if problem:
        print(f"No GPU was checked: {problem}")
        return 0 if options.allow_no_gpu else NO_GPU
    chosen = {name: CHECKS[name] for name in options.only or CHECKS}
    print(_machine(options.device), flush=True)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="heimdall-gpu-") as folder:
        os.environ["HEIMDALL_HOME"] = str(Path(folder) / "home")
        setting = Setting(options.device, Path(folder))
        for row in run_checks(chosen, setting, 60.0 * options.minutes):
            rows.append(row)
            print("\n".join(row_lines(row, max(map(len, CHECKS)))), flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    return exit_code(rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Checks that need a real GPU.")
    parser.add_argument(
        "--allow-no-gpu", action="store_true", help="exit with 0 where there is no GPU"
    )
    parser.add_argument(
        "--device",
        choices=("cuda", "cpu"),
        default="cuda",
        help="cpu tries the checks themselves, small, on any machine",
    )
    parser.add_argument("--only", nargs="+", choices=tuple(CHECKS), help="these checks only")
    parser.add_argument(
        "--minutes", type=float, default=7.0, help="begin no check after this time (default 7)"
    )
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    return parser


def _why_no_gpu() -> str:
    try:
        import torch
    except ImportError as error:
        return f"this Python has no torch ({error})"
    if not torch.cuda.is_available():
        return f"torch {torch.__version__} can use none on this machine"
    return ""


def _machine(device: str) -> str:
    import torch

    name = torch.cuda.get_device_name() if device == "cuda" else f"cpu of {platform.node()}"
    return f"{name}, torch {torch.__version__}, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
