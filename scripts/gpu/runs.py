"""What real runs do with the device: out of memory, pause, kill, and the export of their model."""

import os
import re
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from scripts.gpu.rows import NotApplicableError, Setting, expect
from scripts.gpu.workers import (
    ended_early,
    finish,
    make_run,
    records,
    steps_done,
    wait_for,
    wait_for_step,
    worker,
)

if TYPE_CHECKING:
    from training_core.contract.run_dir import RunDir

_MIB: Final = 1024**2
_START_S: Final = 120.0
_GPU_SIZE: Final = ("model.receiver_set_net.width=256", "trainer.batch_size=256")
_CPU_SIZE: Final = ("model.receiver_set_net.width=16", "trainer.batch_size=16")
_ENDLESS: Final = ("trainer.epochs=1000000", "trainer.validate_every_n_epochs=1000000")
_HUGE: Final = (
    "model.receiver_set_net.width=2048",
    "model.receiver_set_net.depth=24",
    "model.receiver_set_net.heads=32",
)
_LARGEST_BATCH: Final = 4096
ADVICE: Final = re.compile(r"A batch of (\d+) fits")
_IDLE_PERCENT: Final = 5.0
_LEFT_BYTES: Final = 64 * _MIB


def memory_advice(setting: Setting) -> str:
    """A batch that does not fit ends with the size that does, and that one trains."""
    if not setting.is_gpu:
        raise NotApplicableError("a CPU's memory does not refuse, the system ends the process")
    sessions = 6500
    failing = make_run(setting, *_HUGE, f"trainer.batch_size={_LARGEST_BATCH}", sessions=sessions)
    code = finish(failing, 240.0)
    if code == 0:
        raise NotApplicableError(f"a batch of {_LARGEST_BATCH} fits into this GPU")
    state = records(failing.path, "state")[-1]
    found = ADVICE.search(str(state.get("reason", "")))
    if found is None:
        raise ended_early(failing)
    advised = int(found[1])
    alerts = [record["name"] for record in records(failing.path, "alert")]
    limited = make_run(
        setting,
        *_HUGE,
        f"trainer.batch_size={advised}",
        "trainer.epochs=1000",
        sessions=sessions,
    )
    with worker(limited) as process:
        # The second step has the optimizer's state beside it.
        wait_for_step(limited, process, 3, 150.0)
    expect("oom" in alerts, f"no alert of the memory: {alerts}")
    return f"{_LARGEST_BATCH} did not fit; {advised} was advised and trained 3 steps"


def pause(setting: Setting) -> str:
    """A paused run leaves the device idle, keeps its memory, and goes on."""
    from training_core.contract.commands import PauseCommand, ResumeCommand, send_command

    run = make_run(setting, *(_GPU_SIZE if setting.is_gpu else _CPU_SIZE), *_ENDLESS)
    with worker(run) as process:
        wait_for_step(run, process, 30, _START_S)
        busy = _samples(run, setting, 4)
        send_command(run, PauseCommand())
        wait_for(lambda: _state(run) == "paused", 20.0, "the pause")
        # The driver averages over up to a second: the first samples still know the training.
        _samples(run, setting, 2)
        step, idle = steps_done(run), _samples(run, setting, 4)
        is_still = steps_done(run) == step
        send_command(run, ResumeCommand())
        wait_for(lambda: steps_done(run) > step + 5, 60.0, "steps after the pause")
    before, during = median(load for load, _ in busy), median(load for load, _ in idle)
    held = median(memory for _, memory in idle) / max(median(memory for _, memory in busy), 1)
    text = (
        f"{'GPU utilization' if setting.is_gpu else 'processor use'} {before:.0f} % training, "
        f"{during:.0f} % paused; {100 * held:.0f} % of the memory kept; went on from step {step}"
    )
    expect(is_still and before > during, text)
    expect(during <= _IDLE_PERCENT, text)
    expect(held > 0.95, text)
    return text


def kill(setting: Setting) -> str:
    """A killed run leaves no process, and nothing on the device."""
    from training_core.contract.ending import kill_worker, worker_pid

    run = make_run(setting, *(_GPU_SIZE if setting.is_gpu else _CPU_SIZE), *_ENDLESS)
    free_before = _used_bytes() if setting.is_gpu else 0
    with worker(run) as process:
        wait_for_step(run, process, 30, _START_S)
        pid = worker_pid(run)
        used = _used_bytes() - free_before if setting.is_gpu else 0
        expect(kill_worker(run, "a check of the GPU"), "no worker was found to kill")
        process.wait(10)
        wait_for(lambda: not _has_group(pid or process.pid), 10.0, "the end of all its processes")
        if setting.is_gpu:
            wait_for(
                lambda: _used_bytes() - free_before < _LEFT_BYTES,
                10.0,
                f"the memory of the device ({used / _MIB:,.0f} MiB were used)",
            )
    state = records(run.path, "state")[-1]["status"]
    expect(state == "killed", f"the last state is {state}")
    return (
        f"state killed, no process left; {used / _MIB:,.0f} MiB of the device given back"
        if (setting.is_gpu)
        else "state killed, no process left"
    )


def export_parity(setting: Setting) -> str:
    """A run that trained here is exported and agrees with PyTorch."""
    import onnx  # noqa: F401  # the reason of a skipped row names what is missing
    import onnxruntime  # noqa: F401

    run = make_run(setting, "trainer.epochs=2", "export.enabled=true", "export.register=false")
    if finish(run, 180.0) != 0:
        raise ended_early(run)
    trained_on = [r["text"] for r in records(run.path, "message") if "parameters on" in r["text"]]
    (model,) = [r for r in records(run.path, "artifact") if r["name"] == "model.onnx"]
    figures: dict[str, Any] = model["summary"]
    shown = ", ".join(f"{key} {value}" for key, value in figures.items())
    expect(bool(trained_on) and setting.device in trained_on[0], f"trained elsewhere: {trained_on}")
    return f"{trained_on[0]}; {shown}"


def _samples(run: "RunDir", setting: Setting, count: int) -> list[tuple[float, float]]:
    """The next `hardware` records: load in percent, and memory of the worker in bytes."""
    seen = len(records(run.path, "hardware"))
    wait_for(lambda: len(records(run.path, "hardware")) >= seen + count, 30.0, "hardware records")
    found = records(run.path, "hardware")[seen:]
    if not setting.is_gpu:
        return [(record["cpu_percent"], record["rss_bytes"]) for record in found]
    return [
        (
            max(float(gpu["utilization_percent"] or 0) for gpu in record["gpus"]),
            sum(entry["reserved_bytes"] for entry in record["torch"]),
        )
        for record in found
    ]


def _state(run: "RunDir") -> str:
    states = records(run.path, "state")
    return str(states[-1]["status"]) if states else ""


def _used_bytes() -> int:
    """What is used on all devices together, of whomever."""
    import pynvml

    pynvml.nvmlInit()
    try:
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        return sum(
            int(pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2).used)
            for handle in handles
        )
    finally:
        pynvml.nvmlShutdown()


def _has_group(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True
