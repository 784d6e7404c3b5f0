"""Whether MLflow and the object store answer, as a training would ask them."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from heimdall_console.doctor.finding import Finding, Status
from heimdall_console.doctor.reports import Reports, read_reports
from heimdall_console.formatting import plain
from training_core.contract.errors import HeimdallError
from training_core.contract.files import read_regular
from training_core.contract.home import runs_folder
from training_core.contract.run_dir import RunDir, find_run
from training_core.contract.secrets import credentials
from training_core.contract.toml_text import parse_toml

WAIT_S: Final = 60.0
"""How long both services are waited for together; each of them has 20 s to answer."""
_USERINFO: Final = re.compile(r"([a-z][a-z0-9+.-]*://)[^/@\s]*@")
_NAMES: Final = {"tracking": "MLflow", "storage": "object store"}


def service_findings(home: Path, config: Path | None = None) -> list[Finding]:
    """Ask both services, in a process of its own.

    Args:
        home: The home, whose credentials are used.
        config: Configuration that names the services; that of the newest run when None.
    """
    config = config or _newest_config(home)
    reports = read_reports(["services", *([str(config)] if config else [])], WAIT_S)
    secrets = list(_secrets(home))
    return [finding_of(name, reports, secrets) for name in _NAMES]


def finding_of(name: str, reports: Reports, secrets: list[str]) -> Finding:
    """What is to be said of one service.

    Args:
        name: `tracking` or `storage`.
        reports: What the process said.
        secrets: Texts that are not shown.
    """
    report = reports.by_name.get(name)
    if report is None or "error" in report:
        why = report["error"] if report else reports.last_words
        text = (
            f"no answer within {reports.waited_s:.0f} s"
            if reports.is_late
            else f"could not be asked: {why}"
        )
        return Finding(name, "failed", masked(text, secrets), "Try again; then look at the server")
    figures: Mapping[str, Any] = report["figures"]
    status: Status = report["status"]
    parts = [f"{_NAMES[name]} at {figures['uri']}"] if figures else []
    if report["why"]:
        parts.append(report["why"])
    elif figures.get("exists") is False:
        parts.append("made when it is first used")
    else:
        parts.append(f"answers in {max(1, round(1000 * report['took_s']))} ms")
    shown = {"uri": masked(figures.get("uri", ""), secrets), "took_s": report["took_s"]}
    return Finding(
        name,
        status,
        masked(", ".join(parts), secrets),
        masked(report["action"], secrets),
        shown if figures else {},
    )


def masked(text: str, secrets: list[str]) -> str:
    """The text without credentials: those in addresses, and those named."""
    text = _USERINFO.sub(r"\1****@", plain(text))
    for secret in secrets:
        text = text.replace(secret, "****")
    return text


def _secrets(home: Path) -> Iterator[str]:
    try:
        found = credentials(home)
    except HeimdallError:
        return
    for name in type(found).model_fields:
        value = getattr(found, name)
        if value is not None and len(value.get_secret_value()) > 3:
            yield plain(value.get_secret_value())


def _newest_config(home: Path) -> Path | None:
    """Configuration of the newest run of this home, where there is a usable one."""
    if not runs_folder(home).is_dir():
        return None
    try:
        run: RunDir = find_run(home, "@last")
        parse_toml(read_regular(run.config_path).decode())
    except (HeimdallError, OSError, ValueError):
        return None
    return run.config_path
