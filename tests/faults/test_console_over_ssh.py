"""The console over a real sshd on loopback: the same path, and a connection that breaks."""

import getpass
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from heimdall_console.tour.temporary_home import end_processes
from tests.console.programs import wait_until
from tests.console.terminal.core_path import (
    configure,
    launch,
    resume,
    save_checkpoint,
    stop,
)
from tests.console.terminal.real_console import RealConsole
from training_core.contract.run_status import RunStatus, run_status

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
IS_FULL = os.environ.get("HEIMDALL_FULL_FAULTS") == "1"

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(not IS_FULL, reason="runs in make test-faults"),
]


class Server:
    """An sshd of our own: keys, port and configuration live in a folder that goes with it.

    Args:
        folder: Where all of that lies.
    """

    def __init__(self, folder: Path) -> None:
        assert SSHD is not None, "an sshd is needed: scripts/install-debian-packages"
        self.folder = folder
        folder.mkdir(mode=0o700)
        self.key = folder / "key"
        host_key = folder / "host_key"
        for key in (self.key, host_key):
            make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
            subprocess.run(make, check=True)
        shutil.copy(f"{self.key}.pub", folder / "authorized_keys")
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            self.port = int(unused.getsockname()[1])
        public = Path(f"{host_key}.pub").read_text().split()[:2]
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {' '.join(public)}\n")
        (folder / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1:{self.port}\nHostKey {host_key}\n"
            f"AuthorizedKeysFile {folder / 'authorized_keys'}\nPidFile none\nStrictModes no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\n"
            "PermitRootLogin prohibit-password\nPrintMotd no\nAcceptEnv HEIMDALL_* XDG_* LANG\n"
        )
        # What an init script makes otherwise.
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        with (folder / "sshd.log").open("wb") as log:
            command = [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(self._is_up, "the sshd listens")

    def _is_up(self) -> bool:
        assert self._process.poll() is None, (self.folder / "sshd.log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def login(self, command: list[str]) -> list[str]:
        """The command line that runs a command there, on a terminal."""
        options = {
            "UserKnownHostsFile": str(self.folder / "known_hosts"),
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "LogLevel": "ERROR",
        }
        flags = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
        there = " ".join(map(shlex.quote, command))
        user = f"{getpass.getuser()}@127.0.0.1"
        login = ["ssh", "-tt", "-F", "none", "-i", str(self.key), "-p", str(self.port)]
        return [*login, *flags, user, there]

    def stop(self) -> None:
        """End it, and every connection."""
        self._process.terminate()
        self._process.wait(20)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that ends with the test."""
    started = Server(tmp_path / "ssh")
    yield started
    started.stop()


def console_there(server: Server, *arguments: str) -> RealConsole:
    """The console on the other side, with the environment of this test."""
    names = [name for name in os.environ if name.startswith(("HEIMDALL_", "XDG_", "PYTHON"))]
    names += ["OMP_NUM_THREADS", "MLFLOW_DISABLE_TELEMETRY"]
    variables = [f"{name}={os.environ[name]}" for name in names if name in os.environ]
    there = ["env", "LANG=C.UTF-8", "COLORTERM=truecolor", *variables]
    program = [sys.executable, "-m", "heimdall_console", *arguments]
    return RealConsole(command=server.login([*there, *program]), size=(100, 30))


def test_the_core_path_over_ssh_and_a_broken_connection(
    isolated_home: Path, server: Server
) -> None:
    with console_there(server) as console:
        configure(console, isolated_home)
        run = launch(console, isolated_home)
        save_checkpoint(console, run)
        # Not closed: the client dies, as a laptop does that is shut.
        console.process.kill(signal.SIGKILL)
    assert run_status(run) is RunStatus.RUNNING
    with console_there(server, "attach", run.id) as console:
        console.wait(lambda text: "● running" in text and "val/loss" in text, "still training")
        stop(console, run)
        resume(console, run)
        stop(console, run)
        console.press("y")
        # Copying reaches the terminal of the person through the connection.
        console.wait("Copied")
        assert b"\x1b]52;c;" in console.received
        console.leave()
    end_processes(isolated_home)
