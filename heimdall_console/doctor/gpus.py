"""GPUs, who holds them, and whether torch was built for their driver."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from heimdall_console.doctor.finding import Finding
from heimdall_console.doctor.reports import Reports, read_reports
from heimdall_console.formatting import counted, memory, plain
from training_core.contract.home import runs_folder
from training_core.contract.lock import lock_holder
from training_core.contract.run_dir import RunDir

WAIT_S: Final = 25.0
"""How long the driver and torch are waited for together."""
_HOT_C: Final = 85


def gpu_findings(home: Path) -> list[Finding]:
    """Ask the driver and torch, in a process of their own."""
    return findings_of(read_reports(["gpus"], WAIT_S), _workers(home))


def findings_of(reports: Reports, runs: Mapping[int, str]) -> list[Finding]:
    """What is to be said of what driver and torch reported.

    Args:
        reports: What the process said.
        runs: Worker → the run that it trains.
    """
    driver = reports.by_name.get("driver")
    if driver is None or "error" in driver:
        why = driver["error"] if driver else reports.last_words
        text = (
            f"did not answer within {reports.waited_s:.0f} s"
            if reports.is_late
            else f"could not be asked: {plain(why)}"
        )
        advice = "Try `nvidia-smi`; if it hangs too, the machine has to be restarted"
        return [Finding("driver", "failed", text, advice)]
    return [
        _driver(driver),
        *(_gpu(gpu, driver["processes"], runs) for gpu in driver["gpus"]),
        _torch(reports, driver),
    ]


def _driver(driver: Mapping[str, Any]) -> Finding:
    problem = plain(driver["problem"] or "")
    if not driver["gpus"]:
        if not _has_gpu_devices():
            text = problem or "no GPU"
            return Finding("driver", "skipped", f"{text}: training uses the CPU")
        return Finding(
            "driver",
            "failed",
            f"{problem}, though this machine has GPU devices",
            "Install or load the driver; in a container, start it with its GPUs",
        )
    text = f"NVIDIA {plain(driver.get('release') or 'of unknown release')}"
    if driver.get("cuda"):
        text += f", up to CUDA {plain(driver['cuda'])}"
    text += f", {counted(len(driver['gpus']), 'GPU')}"
    figures = {"release": driver.get("release"), "cuda": driver.get("cuda")}
    if problem:
        return Finding("driver", "failed", f"{text}; {problem}", "Reset that GPU", figures)
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None:
        text += f"; CUDA_VISIBLE_DEVICES={plain(hidden)}"
    return Finding("driver", "ok", text, figures=figures)


def _gpu(
    gpu: Mapping[str, Any], processes: list[dict[str, Any]], runs: Mapping[int, str]
) -> Finding:
    name = f"GPU {gpu['index']}"
    parts = [plain(gpu["name"] or "unknown")]
    if gpu["total_bytes"]:
        parts.append(f"{memory(gpu['used_bytes'])} of {memory(gpu['total_bytes'])} used")
    if gpu["utilization_percent"] is not None:
        parts.append(f"{gpu['utilization_percent']} % busy")
    if gpu["temperature_c"] is not None:
        parts.append(f"{gpu['temperature_c']} °C")
    holders = [_holder(p, runs) for p in processes if p["gpu"] == gpu["index"]]
    if holders:
        parts.append(f"held by {'; '.join(holders)}")
    text = ", ".join(parts)
    figures = {**gpu, "processes": [p for p in processes if p["gpu"] == gpu["index"]]}
    if (gpu["temperature_c"] or 0) >= _HOT_C:
        return Finding(
            name, "warning", text, "It slows down when it is hot: look at its fans", figures
        )
    return Finding(name, "ok", text, figures=figures)


def _holder(process: Mapping[str, Any], runs: Mapping[int, str]) -> str:
    held = f", {memory(process['used_bytes'])}" if process["used_bytes"] else ""
    # The processes of one training share the session of its worker.
    run_id = runs.get(process["pid"]) or runs.get(process["session"] or -1)
    if run_id:
        return f"run {plain(run_id)}{held}"
    if process["name"] is None:
        return f"a process outside of this container ({process['pid']}{held})"
    return f"{plain(process['name'])} of {plain(process['user'])} ({process['pid']}{held})"


def _torch(reports: Reports, driver: Mapping[str, Any]) -> Finding:
    torch = reports.by_name.get("torch")
    if torch is None or "error" in torch:
        text = (
            f"was not imported within {reports.waited_s:.0f} s"
            if reports.is_late
            else f"cannot be imported: {plain(torch['error'] if torch else reports.last_words)}"
        )
        return Finding("torch", "failed", text, "`make environment` installs it anew")
    built = f"for CUDA {plain(torch['cuda'])}" if torch["cuda"] else "for the CPU only"
    text = f"{plain(torch['release'])}, built {built}"
    figures = {key: torch[key] for key in ("release", "cuda", "is_available", "devices")}
    if not driver["gpus"]:
        return Finding("torch", "ok", text, figures=figures)
    if torch["is_available"]:
        return Finding("torch", "ok", f"{text}; it can use the GPUs", figures=figures)
    if not torch["cuda"]:
        return Finding(
            "torch",
            "warning",
            f"{text}: the GPUs stay unused",
            "Install a torch that is built for CUDA; docs/gpu.md says how",
            figures,
        )
    return Finding(
        "torch",
        "failed",
        f"{text}, while the driver has up to {plain(driver.get('cuda') or 'an unknown one')}",
        "Install a newer driver, or a torch that is built for an older CUDA",
        figures,
    )


def _has_gpu_devices() -> bool:
    with contextlib.suppress(OSError):
        return any(path.name[6:].isdecimal() for path in Path("/dev").glob("nvidia*"))
    return False


def _workers(home: Path) -> dict[int, str]:
    """Process of every living worker → its run."""
    found: dict[int, str] = {}
    with contextlib.suppress(OSError):
        for entry in os.scandir(runs_folder(home)):
            pid = lock_holder(RunDir(Path(entry.path)).lock_path)
            if pid is not None:
                found[pid] = entry.name
    return found
