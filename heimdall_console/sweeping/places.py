"""Where the runs of a sweep train side by side: processors and GPUs, shared out."""

import os
from pathlib import Path

from heimdall_console.gpu_occupancy import Gpu, GpuOccupancy
from training_core.contract.config import Config
from training_core.contract.home import working_folder
from training_core.contract.sweep_dir import SweepInfo

_THREADS = "OMP_NUM_THREADS"


class Places:
    """As many places as there are workers; with several GPUs, runs are spread over them.

    Args:
        workers: Runs at once.
        config: What every trial changes.
        gpus: What there is; asked of the driver when None.
    """

    def __init__(self, workers: int, config: Config, gpus: list[Gpu] | None = None) -> None:
        self._workers = workers
        trainer = config.trainer
        wants_one = trainer.accelerator != "cpu" and trainer.devices == 1 and workers > 1
        if wants_one and gpus is None:
            gpus = GpuOccupancy().look()
        self._gpus = [gpu.index for gpu in gpus or []] if wants_one else []
        self._taken: dict[str, int] = {}

    def has_room(self, running: int) -> bool:
        """Whether one more may run beside those that do."""
        return running < self._workers

    def take(self, run_id: str) -> dict[str, str]:
        """The variables that give a run its place."""
        environment = {}
        if self._workers > 1 and _THREADS not in os.environ:
            # Each would take every processor, and all of them wait for one another.
            share = len(os.sched_getaffinity(0)) // self._workers
            environment[_THREADS] = str(max(1, share))
        if len(self._gpus) > 1:
            held = list(self._taken.values())
            index = min(self._gpus, key=lambda gpu: (held.count(gpu), gpu))
            self._taken[run_id] = index
            environment |= {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": str(index)}
        return environment

    def give_back(self, run_id: str) -> None:
        """Let somebody else have the place of a run that has ended."""
        self._taken.pop(run_id, None)

    @staticmethod
    def folder(info: SweepInfo) -> Path:
        """Where workers look for modules of one's own."""
        begun_in = Path(info.working_folder)
        return begun_in if begun_in.is_dir() else working_folder()
