"""The command line as a person runs it: a real process in the test's home."""

import json
import subprocess
import sys
from typing import Any


def heimdall(
    *arguments: object, code: int | None = 0, timeout: float = 110
) -> subprocess.CompletedProcess[str]:
    """Run a command and expect an exit code; any, where `code` is None."""
    done = subprocess.run(
        [sys.executable, "-m", "heimdall_console", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if code is not None:
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def answer(*arguments: object, code: int = 0) -> Any:
    """What a command prints with `--json`."""
    return json.loads(heimdall(*arguments, "--json", code=code).stdout)


def records(*arguments: object, code: int = 0, timeout: float = 110) -> list[dict[str, Any]]:
    """What `run --json` prints, a record a line."""
    printed = heimdall(*arguments, "--json", code=code, timeout=timeout).stdout
    return [json.loads(line) for line in printed.splitlines()]
