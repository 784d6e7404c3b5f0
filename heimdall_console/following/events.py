"""Records to the short texts that every display shows of them."""

import time
from collections.abc import Iterator, Mapping
from pathlib import PurePath

from heimdall_console.formatting import metric, plain, size
from heimdall_console.terminal import Style
from training_core.contract.records import decode_number
from training_core.contract.run_log import Record

Event = tuple[str, str, Style]
"""Label, text, style of the label."""

SHORT_NAMES = {"learning_rate": "lr"}
_BESIDE_VALIDATION = ("train/loss", "learning_rate")
_OF_VALIDATION = ("val/loss", "val/median_m", "val_loss")
_LEVELS: dict[str, Style] = {"info": "plain", "warning": "warning", "error": "bad"}
_DETAIL_LINES = 20


def clock(record: Record) -> str:
    """Local time of a record, HH:MM:SS."""
    return local_time(record.get("t"), "%H:%M:%S") or "--:--:--"


def local_time(moment: object, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Seconds since 1970 as local time; empty where a clock said nonsense."""
    if not isinstance(moment, int | float):
        return ""
    try:
        return time.strftime(form, time.localtime(moment))
    except (OverflowError, ValueError, OSError):
        return ""


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
            over = bool(record.get("cleared"))
            yield (
                "alert",
                f"{'over: ' if over else ''}{alert_text(record)}",
                ("plain" if over else "warning"),
            )
        case "artifact" if not str(record.get("name")).endswith(".json"):
            where = f"{record.get('name', '')} in {record.get('path', '')}"
            yield "exported", f"{plain(where)}  {_size(record)}".rstrip(), "accent"
        case "resumed":
            where = f"from step {_int(record, 'step'):,}, epoch {_int(record, 'epoch') + 1}"
            yield "resumed", where, "accent"
        case "command":
            style = "warning" if record.get("outcome") == "refused" else "accent"
            yield "command", command_text(record), style


def alert_text(record: Record) -> str:
    """What was seen, and what to do about it."""
    advice = f" — {record['advice']}" if record.get("advice") else ""
    return plain(f"{record.get('text') or record.get('name', '')}{advice}")


def command_text(record: Record) -> str:
    """What was asked and how it was answered."""
    given = record.get("arguments")
    values = [str(value) for value in given.values()] if isinstance(given, dict) else []
    asked = " ".join([str(record.get("name", "")).replace("_", " "), *values])
    reason = f" — {record['reason']}" if record.get("reason") else ""
    return plain(f"{asked}: {record.get('outcome', '')}{reason}")


def checkpoint_text(record: Record) -> str:
    """File name, rank and size of a saved checkpoint."""
    name = plain(PurePath(str(record.get("path", ""))).name.removesuffix(".ckpt"))
    parts = [name, "best so far" if record.get("best") else "", _size(record)]
    return "  ".join(part for part in parts if part)


def validation_text(record: Record, recent: Mapping[str, float], epochs: int | None) -> str:
    """Epoch, step and the metrics of a validation on one line.

    Args:
        record: A metrics record.
        recent: The latest training metrics before it.
        epochs: How many there will be.
    """
    values = {name: recent[name] for name in _BESIDE_VALIDATION if name in recent}
    values |= {name: value for name, value in numbers(record).items() if name in _OF_VALIDATION}
    shown = [f"{SHORT_NAMES.get(n, plain(n))} {metric(n, v)}" for n, v in values.items()]
    total = f"/{epochs}" if epochs else ""
    place = f"{_int(record, 'epoch') + 1}{total}  step {_int(record, 'step'):,}"
    return "  ".join([place, *shown])


def numbers(record: Record) -> dict[str, float]:
    """The values of a metrics record that are numbers."""
    given = record.get("values")
    pairs = given.items() if isinstance(given, dict) else ()
    return {str(n): value for n, v in pairs if (value := decode_number(v)) is not None}


def has_validation(record: Record) -> bool:
    """Whether a metrics record holds the result of a validation."""
    values = record.get("values")
    return isinstance(values, dict) and any(
        str(name).startswith(("val/", "val_")) for name in values
    )


def _int(record: Record, key: str) -> int:
    value = record.get(key)
    return value if isinstance(value, int) else 0


def _size(record: Record) -> str:
    size_bytes = record.get("size_bytes")
    return size(size_bytes) if isinstance(size_bytes, int) else ""
