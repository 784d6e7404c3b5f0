"""Records to the short texts that every display shows of them."""

import time
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from heimdall_console.formatting import metric, plain, size
from heimdall_console.run_progress import RunProgress
from heimdall_console.terminal import Style

Record = dict[str, Any]
Event = tuple[str, str, Style]
"""Label, text, style of the label."""

SHORT_NAMES = {"learning_rate": "lr"}
_LEVELS: dict[str, Style] = {"info": "plain", "warning": "warning", "error": "bad"}
_DETAIL_LINES = 20


def clock(record: Record) -> str:
    """Local time of a record, HH:MM:SS."""
    moment = record.get("t")
    if not isinstance(moment, int | float):
        return "--:--:--"
    return time.strftime("%H:%M:%S", time.localtime(moment))


def notable_events(record: Record) -> Iterator[Event]:
    """What is worth a line of its own, apart from metrics and checkpoints."""
    match record["kind"]:
        case "state" if record.get("status") in ("starting", "running", "paused"):
            yield str(record["status"]), plain(record.get("reason") or ""), "accent"
        case "message" if record.get("level") != "debug":
            style = _LEVELS.get(str(record.get("level")), "plain")
            label = "note" if style == "plain" else str(record.get("level"))
            text = plain(record.get("text", ""), keep_lines=True)
            yield label, text, style
            if style == "bad" and record.get("detail"):
                detail = plain(record["detail"], keep_lines=True).splitlines()[-_DETAIL_LINES:]
                yield "", "\n".join(detail), "plain"
        case "alert":
            advice = f" — {record['advice']}" if record.get("advice") else ""
            yield "alert", plain(f"{record.get('text', '')}{advice}"), "warning"
        case "artifact":
            name = plain(PurePath(str(record.get("path", ""))).name or record.get("name", ""))
            yield "artifact", f"{name}  {_size(record)}".rstrip(), "accent"
        case "resumed":
            where = f"from step {record.get('step', 0):,}, epoch {record.get('epoch', 0) + 1}"
            yield "resumed", where, "accent"
        case "command":
            text = (
                f"{record.get('name', '')} {record.get('outcome', '')} {record.get('reason') or ''}"
            )
            yield "command", plain(text.strip()), "accent"


def checkpoint_text(record: Record) -> str:
    """File name, rank and size of a saved checkpoint."""
    name = plain(PurePath(str(record.get("path", ""))).name.removesuffix(".ckpt"))
    parts = [name, "best so far" if record.get("best") else "", _size(record)]
    return "  ".join(part for part in parts if part)


def validation_text(record: Record, progress: RunProgress) -> str:
    """Epoch, step and the metrics of a validation on one line."""
    values = {name: value for name, value in progress.latest.items() if _is_shown(name, record)}
    shown = [f"{SHORT_NAMES.get(n, plain(n))} {metric(n, v)}" for n, v in values.items()]
    total = f"/{progress.epochs}" if progress.epochs else ""
    place = f"{progress.epoch + 1}{total}  step {progress.step:,}"
    return "  ".join([place, *shown])


def has_validation(record: Record) -> bool:
    """Whether a metrics record holds the result of a validation."""
    values = record.get("values")
    return isinstance(values, dict) and any(
        str(name).startswith(("val/", "val_")) for name in values
    )


def _is_shown(name: str, record: Record) -> bool:
    if name in ("train/loss", "learning_rate"):
        return True
    return name in record["values"] and name in ("val/loss", "val/median_m", "val_loss")


def _size(record: Record) -> str:
    size_bytes = record.get("size_bytes")
    return size(size_bytes) if isinstance(size_bytes, int) else ""
