"""What NVML says of this machine's GPUs; it never raises."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Gpu = dict[str, object]


@dataclass(frozen=True)
class GpuReading:
    """One answer: a dictionary for each GPU, as in a `hardware` record."""

    gpus: list[Gpu]
    """Empty where there is no driver."""
    problem: str = ""
    """Why GPUs or one of them could not be asked."""


@dataclass
class _Device:
    """A GPU, or an instance of one that is divided (MIG)."""

    number: int
    """In the list; the driver's own number, as long as no GPU before it is divided."""
    board_index: int
    handle: Any
    board: Any
    """Handle for what an instance shares with its GPU; the same one for a whole GPU."""
    name: str | None
    uuid: str | None
    silent: set[str] = field(default_factory=set)
    """Values that the driver does not have or that we may not ask for."""


class Nvml:
    """Asks the driver through `nvidia-ml-py`, which is imported at the first reading."""

    def __init__(self) -> None:
        self._nvml: Any = None
        self._devices: list[_Device] | None = None
        self._problem = ""
        self._lost: set[int] = set()

    def read(self, pids: frozenset[int]) -> GpuReading:
        """Ask every GPU for its present values; a value that the driver does not give is None.

        Args:
            pids: Processes of the worker, for the memory that they hold.
        """
        if self._devices is None:
            self._devices = self._find()
        self._lost = set()
        gpus = [self._gpu(device, pids) for device in self._devices]
        if not any(gpu["worker_bytes"] for gpu in gpus):
            # Inside a container the driver lists the numbers that processes have outside of it.
            for gpu in gpus:
                gpu["worker_bytes"] = None
        return GpuReading(gpus, self._lost_text() or self._problem)

    def close(self) -> None:
        """Give the driver back."""
        if self._devices:
            self._ask(self._nvml.nvmlShutdown)
        self._devices = []

    def _find(self) -> list[_Device]:
        try:
            import pynvml

            self._nvml = pynvml
            pynvml.nvmlInit()
            count = pynvml.nvmlDeviceGetCount()
        except (ImportError, OSError) as error:
            self._problem = f"NVML could not be loaded: {error}"
            return []
        except pynvml.NVMLError as error:
            self._problem = (
                "No NVIDIA driver on this machine"
                if error.value == pynvml.NVML_ERROR_LIBRARY_NOT_FOUND
                else f"The NVIDIA driver does not answer: {error}"
            )
            return []
        if not count:
            self._problem = "The NVIDIA driver sees no GPU"
        devices: list[_Device] = []
        for index in range(count):
            board = self._ask(self._nvml.nvmlDeviceGetHandleByIndex, index)
            if board is None:
                self._problem = f"GPU {index} could not be opened"
                continue
            instances = self._instances(board)
            for handle in instances or [board]:
                number = max(index, devices[-1].number + 1 if devices else 0)
                devices.append(self._device(number, index, handle, board))
        return devices

    def _instances(self, board: Any) -> list[Any]:
        mode = self._ask(self._nvml.nvmlDeviceGetMigMode, board)
        if not mode or mode[0] != self._nvml.NVML_DEVICE_MIG_ENABLE:
            return []
        most = self._ask(self._nvml.nvmlDeviceGetMaxMigDeviceCount, board) or 0
        handles = [
            self._ask(self._nvml.nvmlDeviceGetMigDeviceHandleByIndex, board, place)
            for place in range(most)
        ]
        return [handle for handle in handles if handle is not None]

    def _device(self, number: int, index: int, handle: Any, board: Any) -> _Device:
        name = self._ask(self._nvml.nvmlDeviceGetName, handle)
        uuid = self._ask(self._nvml.nvmlDeviceGetUUID, handle)
        return _Device(number, index, handle, board, name, uuid)

    def _gpu(self, device: _Device, pids: frozenset[int]) -> Gpu:
        nvml = self._nvml
        utilization = self._value(device, nvml.nvmlDeviceGetUtilizationRates, device.handle)
        memory = self._value(device, self._memory, device.handle)
        power_mw = self._value(device, nvml.nvmlDeviceGetPowerUsage, device.board)
        limit_mw = self._value(device, nvml.nvmlDeviceGetEnforcedPowerLimit, device.board)
        processes = self._value(device, nvml.nvmlDeviceGetComputeRunningProcesses, device.handle)
        ours = [p.usedGpuMemory for p in processes or () if p.pid in pids]
        return {
            "index": device.number,
            "name": device.name,
            "uuid": device.uuid,
            "utilization_percent": None if utilization is None else int(utilization.gpu),
            "used_bytes": None if memory is None else int(memory.used),
            "total_bytes": None if memory is None else int(memory.total),
            "temperature_c": self._value(
                device,
                nvml.nvmlDeviceGetTemperature,
                device.board,
                nvml.NVML_TEMPERATURE_GPU,
            ),
            "power_w": None if power_mw is None else power_mw / 1000,
            "power_limit_w": None if limit_mw is None else limit_mw / 1000,
            "worker_bytes": None if processes is None or None in ours else sum(ours),
        }

    def _memory(self, handle: Any) -> Any:
        nvml = self._nvml
        try:
            # The second version leaves out what the driver keeps for itself, as nvidia-smi does.
            return nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2)
        except nvml.NVMLError:
            return nvml.nvmlDeviceGetMemoryInfo(handle)

    def _value(self, device: _Device, call: Callable[..., Any], *arguments: Any) -> Any:
        nvml = self._nvml
        name = call.__name__
        if name in device.silent or device.board_index in self._lost:
            return None
        try:
            return call(*arguments)
        except nvml.NVMLError as error:
            if error.value in (nvml.NVML_ERROR_GPU_IS_LOST, nvml.NVML_ERROR_GPU_NOT_FOUND):
                self._lost.add(device.board_index)
            elif error.value != nvml.NVML_ERROR_UNKNOWN:
                # Not supported, not permitted, not in this driver: it stays so.
                device.silent.add(name)
        return None

    def _ask(self, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except self._nvml.NVMLError:
            return None

    def _lost_text(self) -> str:
        if not self._lost:
            return ""
        numbers = ", ".join(map(str, sorted(self._lost)))
        return f"The driver has lost GPU {numbers}: it has to be reset, or the machine restarted"
