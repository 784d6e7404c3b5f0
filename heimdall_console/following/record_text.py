"""Any record of a run log as one readable line."""

import orjson

from heimdall_console.following.events import (
    SHORT_NAMES,
    alert_text,
    checkpoint_text,
    command_text,
    local_time,
    notable_events,
    numbers,
)
from heimdall_console.formatting import metric, plain
from heimdall_console.hardware_text import hardware_text
from training_core.contract.run_log import Record

_KIND_WIDTH = 10
_OF_EVERY_RECORD = ("v", "t", "kind")


def record_line(record: Record) -> str:
    """Local time, kind and what is said; a kind of a newer program is shown as it stands."""
    when = local_time(record.get("t"))
    return f"{when:<19}  {plain(record['kind']):<{_KIND_WIDTH}}  {_text(record)}".rstrip()


def _text(record: Record) -> str:
    match record["kind"]:
        case "metrics":
            values = [
                f"{SHORT_NAMES.get(name, plain(name))} {metric(name, value)}"
                for name, value in numbers(record).items()
            ]
            return "  ".join([_place(record), *values])
        case "state":
            reason = f" — {record['reason']}" if record.get("reason") else ""
            return plain(f"{record.get('status', '')}{reason}")
        case "checkpoint":
            return checkpoint_text(record)
        case "command":
            return command_text(record)
        case "alert":
            over = "over: " if record.get("cleared") else ""
            return f"{plain(record.get('name', ''))}: {over}{alert_text(record)}"
        case "hardware":
            return hardware_text(record) or plain(record.get("problem") or "")
        case "task":
            total = f"/{record['total']}" if record.get("total") is not None else ""
            return plain(f"{record.get('name', '')} {record.get('done', '')}{total}")
        case "message":
            return plain(f"{record.get('level', '')}: {record.get('text', '')}")
    texts = [text for _, text, _ in notable_events(record)]
    if texts:
        return "  ".join(texts)
    fields = {k: v for k, v in record.items() if k not in _OF_EVERY_RECORD}
    return plain(orjson.dumps(fields).decode())


def _place(record: Record) -> str:
    epoch = record.get("epoch")
    where = f"step {record.get('step', '?')}"
    return plain(f"{where}  epoch {epoch + 1}" if isinstance(epoch, int) else where)
