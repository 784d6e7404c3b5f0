"""Which device a run trains on."""

import torch

from training_core.contract.errors import DeviceError
from training_core.contract.run_dir import RunDir
from training_core.contract.sections import TrainerSection


def accelerator(options: TrainerSection) -> str:
    """What Lightning is told: auto takes a GPU where torch can use one."""
    if options.accelerator != "auto":
        return options.accelerator
    return "gpu" if torch.cuda.is_available() else "cpu"


def lost_rank(error: RuntimeError, run: RunDir) -> DeviceError | None:
    """The error for a person where another process of the training died; None for any other."""
    text = str(error)
    if not any(sign in text for sign in ("gloo", "NCCL", "onnection closed by peer")):
        return None
    return DeviceError(
        "Another process of the training died",
        why=text.splitlines()[0][:200],
        unharmed="Checkpoints that were announced are whole",
        action=f"Read {run.rank_output_path(1).name} and its like in {run.path}, then go on: "
        f"`heimdall-console run --resume {run.id}`",
    )


def refuse_absent_device(options: TrainerSection) -> None:
    """Refuse a GPU that is asked for and absent, rather than train for days on a CPU.

    Raises:
        DeviceError: torch finds none.
    """
    if options.accelerator == "gpu" and not torch.cuda.is_available():
        raise DeviceError(
            "No CUDA GPU can be used here",
            why=f"torch {torch.__version__} finds none",
            unharmed="Nothing was trained",
            action="Use --accelerator cpu or auto, or look at the driver with nvidia-smi",
        )
