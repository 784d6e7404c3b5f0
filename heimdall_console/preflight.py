"""`run --preflight` and `run --overfit-batch`: trying a run in a job, before it is made."""

import sys
from pathlib import Path
from typing import Any

from heimdall_console.jobs import run_job
from heimdall_console.output import print_json
from heimdall_console.overfit_text import overfit_lines
from heimdall_console.preflight_text import preflight_lines
from heimdall_console.starting.request import Request
from heimdall_console.starting.run_making import absolute_paths
from heimdall_console.terminal import Terminal
from training_core.contract.config_template import render_resolved
from training_core.contract.errors import ExitCode
from training_core.contract.home import home_path
from training_core.contract.jobs import OverfitArguments, PreflightArguments
from training_core.contract.run_dir import find_run


def preflight(request: Request, repeat: str = "") -> int:
    """Try everything that the run would need; 0 when it is ready, warnings included.

    Args:
        request: What would be trained.
        repeat: Run whose configuration it begins from.
    """
    home = home_path()
    arguments = PreflightArguments(config=_config_text(request, repeat, home))
    result = run_job(home, "preflight", arguments, title="preflight")
    if request.as_json:
        print_json(result)
    else:
        _print(preflight_lines(result, Terminal.of(sys.stdout)))
    return int(ExitCode.FAILED if result["status"] == "failed" else ExitCode.DONE)


def overfit_batch(request: Request, repeat: str = "", steps: int | None = None) -> int:
    """Train on one batch; 0 when the model learned it.

    Args:
        request: What would be trained.
        repeat: Run whose configuration it begins from.
        steps: Optimizer steps; the job's own number when None.
    """
    home = home_path()
    given: dict[str, Any] = {} if steps is None else {"steps": steps}
    arguments = OverfitArguments(config=_config_text(request, repeat, home), **given)
    result = run_job(home, "overfit-batch", arguments, title="learning one batch")
    if request.as_json:
        print_json(result)
    else:
        _print(overfit_lines(result, Terminal.of(sys.stdout)))
    return int(ExitCode.DONE if result["learned"] else ExitCode.FAILED)


def _config_text(request: Request, repeat: str, home: Path) -> str:
    """The configuration as `run` would resolve it."""
    request = request.looked_up(home, find_run(home, repeat) if repeat else None)
    return render_resolved(absolute_paths(request.resolve(), request.config_file, home))


def _print(lines: list[str]) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
