"""What a job is at and what came of it, for a person."""

import math
from collections.abc import Mapping
from typing import Any

from heimdall_console.following.summary import proof_text
from heimdall_console.formatting import age, count, duration, meters, plain, size
from heimdall_console.job_rows import JobRow
from heimdall_console.preflight_text import verdict

_BAR_CELLS = 10
_OF_STORAGE = {"bucket", "region"}


def progress_text(job: JobRow, now: float | None = None) -> str:
    """What a living job is at: task, share, time left; how long it is at work until it says so.

    Args:
        job: It has not ended.
        now: Seconds since 1970; None where the text is not shown anew as time passes.
    """
    if job.task is None or not job.task[0].strip():
        word = "starting" if job.started is None else "at work"
        return word if now is None else f"{word}, {took_text(job, now)}"
    name, done, total = job.task
    parts = [plain(name)]
    if total:
        parts.append(f"{100 * done // total} %")
    elif done:
        parts.append(count(done))
    if job.remaining_s is not None:
        parts.append(f"{duration(job.remaining_s)} left")
    return "  ".join(parts)


def took_text(job: JobRow, now: float) -> str:
    """How long a job took, or is at work; empty where it never began."""
    took_s = job.took_s(now)
    return "" if took_s is None else duration(took_s)


def bar_text(share: float, *, ascii_only: bool = False, cells: int = _BAR_CELLS) -> str:
    """A bar of a share."""
    full = round(min(1.0, max(0.0, share)) * cells)
    on, off = ("#", "-") if ascii_only else ("━", "─")
    return on * full + off * (cells - full)


def outcome_text(job: JobRow) -> str:
    """What became of a job that has ended, in one line."""
    if job.error is not None:
        return plain(job.error.what)
    if job.reason:
        return plain(job.reason)
    return result_text(job.kind, job.result)


def end_text(job: JobRow) -> str:
    """That a job has ended, and how, in one line."""
    return f"{plain(job.title)}: {job.status.value}. {outcome_text(job)}".rstrip(" .")


def result_text(kind: str, result: Mapping[str, Any]) -> str:
    """What a job found, in one line; empty where it says nothing."""
    if kind == "export":
        return f"{size(_number(result, 'size_bytes'))}, {proof_text(result.get('proof'))}"
    if kind in ("register", "set-alias"):
        alias = f" @{result['alias']}" if result.get("alias") else ""
        return plain(f"{result.get('name', '')} version {result.get('version', '?')}{alias}")
    if kind == "download":
        return plain(f"{result.get('files', 0)} files in {result.get('target', '')}")
    if kind == "evaluate":
        metrics = result.get("methods", {}).get("network", {}).get("metrics", {})
        return f"median {meters(metrics.get('median_m'))}, 90 % {meters(metrics.get('p90_m'))}"
    if kind == "predict":
        return plain(f"{count(int(_number(result, 'rows')))} sessions")
    if kind in ("synth", "import-wide-csv", "import-long-csv", "import-npy"):
        return f"{count(int(_number(result, 'sessions')))} sessions"
    if kind == "preflight":
        checks = result.get("checks")
        word, beside, _ = verdict(checks if isinstance(checks, dict) else {})
        return plain(word + beside)
    if kind == "overfit-batch":
        return "learned" if result.get("learned") else "not learned"
    if kind == "check":
        return f"{result.get('errors', 0)} errors, {result.get('warnings', 0)} warnings"
    return ""


def _number(result: Mapping[str, Any], key: str) -> float:
    value = result.get(key)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0


def fact_pairs(job: JobRow, now: float) -> list[tuple[str, str]]:
    """Everything that is known of a job, as labels and values."""
    pairs = [("job", plain(job.title)), ("id", job.id), ("status", job.status.value)]
    if job.status.has_ended:
        text = result_text(job.kind, job.result)
        pairs += [("result", text)] if text and job.result else []
    else:
        pairs.append(("at", progress_text(job, now)))
    if took := took_text(job, now):
        pairs.append(("took", took))
    pairs.append(("started", age(now - job.created)))
    if job.error is not None:
        parts = (
            ("error", job.error.what),
            ("why", job.error.why),
            ("unharmed", job.error.unharmed),
            ("next", job.error.action),
        )
        pairs += [(label, plain(text)) for label, text in parts if text]
    elif job.reason:
        pairs.append(("reason", plain(job.reason)))
    left_out = {"config"} | (set() if job.arguments.get("storage_endpoint") else _OF_STORAGE)
    pairs += [
        (plain(key).replace("_", " "), plain(value))
        for key, value in job.arguments.items()
        if value not in ("", None, {}, []) and key not in left_out
    ]
    return [*pairs, ("folder", plain(job.path))]
