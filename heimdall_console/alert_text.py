"""What a run warns of, in words: one line for the banner, all of it for the page."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from heimdall_console.formatting import plain

Alert = Mapping[str, Any]
"""A record of the kind `alert`."""


def alert_id(run_id: str, alert: Alert) -> tuple[str, str, object]:
    """What tells an alert from another one, also from a later one of its name."""
    return run_id, str(alert.get("name", "")), alert.get("t")


def what(alert: Alert) -> str:
    """What is wrong."""
    return plain(alert.get("text") or alert.get("name", ""))


def advice(alert: Alert) -> str:
    """What to do about it; empty where nothing is said."""
    said = plain(alert.get("advice") or "")
    return said if not said or said.endswith((".", "!", "?")) else f"{said}."


def alerts_page(alerts: Iterable[Alert]) -> str:
    """All of them, the newest first, with when and what to do."""
    return "\n\n".join("\n".join(_paragraph(alert)) for alert in reversed(list(alerts)))


def _paragraph(alert: Alert) -> Sequence[str]:
    lines = [f"! {what(alert)}"]
    if advice(alert):
        lines.append(f"  {advice(alert)}")
    at = []
    if type(alert.get("t")) in (int, float):
        at.append(time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(alert["t"])))
    if type(alert.get("step")) is int:
        at.append(f"step {alert['step']:,}")
    return [*lines, f"  {', '.join(at)}"] if at else lines
