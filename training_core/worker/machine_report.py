"""Looks at what may hang or crash, for a doctor that waits no longer than it likes.

`python -m training_core.worker.machine_report gpus` and `… services [CONFIG]` print one JSON line
for each thing that was looked at, {"report": NAME, …}, as soon as it is known.
"""

import os
import pwd
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from training_core.contract.config import Config
from training_core.contract.config_file import load_config
from training_core.contract.home import home_path
from training_core.contract.jobs import no_report
from training_core.training.checks import Check, attempt
from training_core.training.services import check_storage, check_tracking
from training_core.worker.nvml import Nvml

Report = dict[str, Any]


def driver_report() -> Report:
    """Release of the driver, its GPUs, and the processes that hold them."""
    reading = Nvml().read(frozenset())
    report: Report = {"problem": reading.problem, "gpus": reading.gpus, "processes": []}
    if not reading.gpus:
        return report
    import pynvml

    for key, ask in (
        ("release", pynvml.nvmlSystemGetDriverVersion),
        ("cuda", lambda: _cuda_text(pynvml.nvmlSystemGetCudaDriverVersion())),
    ):
        try:
            report[key] = ask()
        except pynvml.NVMLError:
            report[key] = None
    for index in range(pynvml.nvmlDeviceGetCount()):
        report["processes"] += _processes(pynvml, index)
    return report


def torch_report() -> Report:
    """What torch was built for, and which devices it can use."""
    began = time.monotonic()
    import torch

    is_available = torch.cuda.is_available()
    return {
        "release": str(torch.__version__),
        "cuda": torch.version.cuda,
        "is_available": is_available,
        "devices": torch.cuda.device_count() if is_available else 0,
        "import_s": time.monotonic() - began,
    }


def tracking_report(config: Config, home: Path) -> Report:
    """Whether MLflow answers, and after what time."""
    import mlflow.tracking

    release = mlflow.__version__
    return {**_timed(lambda: check_tracking(config, home, no_report)), "release": release}


def storage_report(config: Config, home: Path) -> Report:
    """Whether the object store answers, and after what time."""
    return _timed(lambda: check_storage(config, home, no_report))


def _publishing(config: Config) -> Config:
    """The configuration of a run that publishes and registers: what is not used is asked too."""
    export = config.export.model_copy(update={"enabled": True, "register_model": True})
    tracking = config.tracking.model_copy(update={"enabled": True})
    return config.model_copy(update={"export": export, "tracking": tracking})


def _timed(check: Callable[[], Check]) -> Report:
    began = time.monotonic()
    found = attempt(check)
    return {**found.as_json(), "took_s": time.monotonic() - began}


def _processes(nvml: Any, index: int) -> list[Report]:
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        found = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
    except nvml.NVMLError:
        return []
    return [{"gpu": index, "used_bytes": p.usedGpuMemory, **_process(p.pid)} for p in found]


def _process(pid: int) -> Report:
    """Who a process is; without a name where another container has it."""
    folder = Path(f"/proc/{pid}")
    try:
        name = (folder / "comm").read_text(encoding="utf-8", errors="replace").strip()
        user_id = folder.stat().st_uid
        session: int | None = os.getsid(pid)
    except OSError:
        return {"pid": pid, "name": None, "user": None, "session": None}
    try:
        user = pwd.getpwuid(user_id).pw_name
    except KeyError:
        user = str(user_id)
    return {"pid": pid, "name": name, "user": user, "session": session}


def _cuda_text(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


def main() -> int:
    """Report what the command line names."""
    # Libraries print where they like: the reports keep the real standard output to themselves.
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    what, arguments = sys.argv[1], sys.argv[2:]
    reports: dict[str, Callable[[], Report]]
    if what == "gpus":
        reports = {"driver": driver_report, "torch": torch_report}
    else:
        config = _publishing(load_config(Path(arguments[0])) if arguments else Config())
        home = home_path()
        reports = {
            "storage": lambda: storage_report(config, home),
            "tracking": lambda: tracking_report(config, home),
        }
    for name, report in reports.items():
        try:
            found = report()
        except Exception as error:
            found = {"error": f"{type(error).__name__}: {error}"}
        output.write(orjson.dumps({"report": name, **found}, default=str) + b"\n")
        output.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
