"""The kinds of record of a run log, as data.

A record is one JSON object a line. Every record has `v` (schema version), `t` (seconds
since 1970, UTC) and `kind`; the other fields are the kind's own and stand below.
"""

import math
from collections.abc import Mapping
from typing import Final, Literal

import orjson

SCHEMA_VERSION: Final = 1

Kind = Literal[
    "state",
    "metrics",
    "hardware",
    "checkpoint",
    "message",
    "task",
    "artifact",
    "command",
    "alert",
    "resumed",
]

FIELDS: Final[dict[Kind, dict[str, str]]] = {
    "state": {
        "status": "queued, starting, running, paused, finished, stopped, failed or killed",
        "reason": "why, for a person",
        "exit_code": "of the worker, on the last state",
        "error": "the parts of the error that ended the run",
        "summary": "of a training that is over: step, epoch, epochs, total_steps, monitor, best, "
        "metrics",
    },
    "metrics": {
        "step": "optimizer steps completed",
        "epoch": "epoch, counted from 0",
        "values": "metric name → number, or the strings NaN, Infinity, -Infinity",
        "on_request": "true for a validation that a person asked for",
    },
    "hardware": {
        "gpus": "one object a GPU: index, name, uuid, utilization_percent, used_bytes, total_bytes, "
        "temperature_c, power_w, power_limit_w, worker_bytes; null where the driver does not say",
        "torch": "one object a CUDA device: device, allocated_bytes, reserved_bytes, peak_bytes",
        "rss_bytes": "memory of the worker and its children",
        "cpu_percent": "of one core, the worker and its children",
        "memory_available_bytes": "of the machine",
        "disk_free_bytes": "where the run lies",
        "data_wait_share": "share of the time since the last record that training waited for data",
        "gpus_age_s": "age of `gpus` where the driver did not answer in time; absent otherwise",
        "problem": "why the GPUs could not be asked, once",
    },
    "checkpoint": {
        "path": "file name below checkpoints/ or a full path",
        "step": "optimizer steps completed",
        "epoch": "epoch, counted from 0",
        "metrics": "metrics at the save",
        "size_bytes": "size of the file",
        "sha256": "of the file",
        "best": "whether it is the best so far",
        "reason": "validation, time, request, stop or end",
        "removed": "names of the checkpoints removed for it",
    },
    "message": {
        "level": "debug, info, warning or error",
        "text": "one or a few lines",
        "detail": "a traceback or other long text",
    },
    "task": {
        "name": "what is being done",
        "done": "units done",
        "total": "units in all, or null",
        "epoch": "of a training, counted from 0",
        "epochs": "of a training, in all",
        "remaining_s": "of a training: seconds left at the rate of late, or until "
        "trainer.max_minutes where that is sooner; null where neither is known",
        "found": "what came of it, where that is told before the job ends: an object",
    },
    "artifact": {
        "name": "what it is, such as model.onnx",
        "path": "relative to the run directory, or a full path",
        "size_bytes": "size",
        "sha256": "of the file",
        "register": "name and alias to register it under, or null",
        "summary": "a few figures about it",
    },
    "command": {
        "id": "of the command file",
        "name": "what was asked: pause, resume, stop, checkpoint, validate, set_learning_rate, "
        "extend_epochs",
        "arguments": "what was asked beside the name",
        "outcome": "accepted, done or refused",
        "reason": "why it was refused, or what was done",
    },
    "alert": {
        "name": "nan, spike, stalled, data_starved, disk or oom",
        "text": "what was seen",
        "advice": "what to do",
        "step": "optimizer steps completed",
        "cleared": "true where the condition of an earlier alert of that name is over",
        "session_ids": "sessions of the batch",
    },
    "resumed": {
        "step": "the step that the run goes on from",
        "epoch": "its epoch",
        "checkpoint": "the checkpoint it was restored from; empty where it begins anew",
    },
}

DURABLE: Final[frozenset[str]] = frozenset(
    {"state", "checkpoint", "artifact", "command", "resumed"}
)
"""Kinds that are on the disk when `append` returns."""


def encode_number(value: float) -> float | str:
    """A number as JSON can carry it: what is not finite becomes a string."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def decode_number(value: object) -> float | None:
    """The number that `encode_number` wrote, or None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    return None


def encode_values(values: Mapping[str, float]) -> dict[str, float | str]:
    """Metric values as they stand in a `metrics` record."""
    return {name: encode_number(value) for name, value in values.items()}


def encode_record(kind: Kind, time_s: float, fields: Mapping[str, object]) -> bytes:
    """One line of the log, with its newline.

    Raises:
        TypeError: A field is not plain data.
    """
    record = {"v": SCHEMA_VERSION, "t": time_s, "kind": kind, **fields}
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
