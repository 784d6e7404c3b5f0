"""A real program in a pseudo-terminal: what it sends, when, and what its process costs.

Used by the benchmarks of the console; nothing here knows the console.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Terminal:
    """A process whose terminal we hold.

    Args:
        command: Program and arguments.
        columns: Width of the terminal.
        rows: Height of the terminal.
        environment: Variables that differ from ours.
    """

    def __init__(
        self,
        command: Sequence[str],
        columns: int,
        rows: int,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.began_s = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={
                **os.environ,
                "TERM": "xterm-256color",
                "COLORTERM": "truecolor",
                **(environment or {}),
            },
            cwd=Path(__file__).resolve().parent.parent,
        )
        os.close(slave)
        self._master = master
        self.received = bytearray()
        """Everything that the program has sent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def read(self, for_s: float) -> bytes:
        """What arrives within a time; less long where the program leaves."""
        begin, deadline = len(self.received), time.perf_counter() + for_s
        while (left := deadline - time.perf_counter()) > 0:
            if select.select([self._master], [], [], left)[0]:
                try:
                    self.received += os.read(self._master, 1 << 16)
                except OSError:
                    break
        return bytes(self.received[begin:])

    def wait_for(self, is_there: Callable[[bytes], bool], timeout_s: float = 30.0) -> float:
        """Read until what has arrived since the call is as wanted; gives the seconds it took.

        Raises:
            TimeoutError: It never was.
        """
        began, begin = time.perf_counter(), len(self.received)
        deadline = began + timeout_s
        while time.perf_counter() < deadline:
            if select.select([self._master], [], [], 0.05)[0]:
                try:
                    self.received += os.read(self._master, 1 << 16)
                except OSError:
                    break
                if is_there(bytes(self.received[begin:])):
                    return time.perf_counter() - began
        raise TimeoutError(f"not seen; the last bytes: {bytes(self.received[-600:])!r}")

    def drain(self) -> Callable[[], None]:
        """Read in the background from now on; what is given back ends that."""
        ended = threading.Event()

        def work() -> None:
            while not ended.is_set():
                self.read(0.2)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()

        def end() -> None:
            ended.set()
            thread.join()

        return end

    def send(self, keys: bytes) -> None:
        """Type."""
        os.write(self._master, keys)

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.killpg(self._process.pid, signal.SIGWINCH)

    @property
    def cpu_s(self) -> float:
        """Processor time of the process so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS

    @property
    def memory_bytes(self) -> int:
        """Resident memory of the process now."""
        return int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]) * _PAGE_BYTES

    def close(self) -> None:
        """End the process and its group."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is None:
                try:
                    os.killpg(self._process.pid, number)
                    self._process.wait(2.0)
                except (ProcessLookupError, subprocess.TimeoutExpired):
                    continue
        os.close(self._master)
