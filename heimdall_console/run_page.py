"""One run on one screen."""

import time
from collections.abc import Iterator
from pathlib import Path

from heimdall_console.following.events import alert_text, local_time
from heimdall_console.following.summary import proof_text
from heimdall_console.formatting import (
    age,
    count,
    counted,
    duration,
    metric,
    number,
    plain,
    shortened,
    size,
)
from heimdall_console.hardware_text import hardware_text
from heimdall_console.layout import Column, pair_lines, table_lines
from heimdall_console.run_facts import RunFacts
from heimdall_console.status_text import STATUS_STYLES
from heimdall_console.task_text import task_text
from heimdall_console.terminal import Terminal
from training_core.contract.run_status import RunStatus

Pair = tuple[str, str]

_WIDEST = 120
_CHECKPOINTS_SHOWN = 6
_COMMIT_LENGTH = 10
_HASH_LENGTH = 12


def page_lines(facts: RunFacts, terminal: Terminal) -> list[str]:
    """State, what it reached, where it comes from, its checkpoints and exports."""
    parts = [
        _title(facts, terminal),
        pair_lines(list(_state_pairs(facts)), terminal),
        pair_lines(list(_origin_pairs(facts)), terminal),
        _config_lines(facts, terminal),
        _checkpoint_lines(facts, terminal),
        pair_lines(list(_export_pairs(facts)), terminal),
    ]
    lines = [""]
    for part in parts:
        if part:
            lines += [*part, ""]
    return lines


def _title(facts: RunFacts, terminal: Terminal) -> list[str]:
    glyph, style = STATUS_STYLES.get(facts.status.value, ("?", "plain"))
    status = f"{glyph} {facts.status.value}" if terminal.unicode else facts.status.value
    room = min(terminal.width, _WIDEST) - len(status) - len(facts.run.id) - 8
    name = shortened(plain(facts.info.name), max(10, room))
    return [
        f" {terminal.style(status, style)}   {terminal.style(name, 'bold')}"
        f"   {terminal.style(facts.run.id, 'dim')}"
    ]


def _state_pairs(facts: RunFacts) -> Iterator[Pair]:
    progress = facts.progress
    if facts.reason:
        yield "because", plain(facts.reason)
    if facts.queue is not None:
        after = f", after {plain(facts.queue.after)}" if facts.queue.after else ""
        yield "queue", f"place {facts.queue.place} of {facts.queue.waiting}{after}"
    reached = _reached(facts)
    if reached:
        yield "progress", reached
    if progress.best_epoch is not None:
        names = [n for n in (progress.monitor, "val/median_m", "val/p90_m") if n in progress.best]
        values = [f"{plain(name)} {metric(name, progress.best[name])}" for name in names]
        yield "best", f"{'   '.join(values)}   (epoch {progress.best_epoch + 1})"
    if "median_m" in progress.test:
        names = [name for name in ("median_m", "mean_m", "p90_m") if name in progress.test]
        yield "test", "   ".join(f"{name} {metric(name, progress.test[name])}" for name in names)
    for name, record in progress.alerts.items():
        yield "alert", f"{plain(name)}: {alert_text(record)}"
    is_paused = facts.status is RunStatus.PAUSED
    hardware = hardware_text(progress.hardware, is_paused=is_paused)
    if hardware:
        moment = progress.hardware.get("t") if progress.hardware else None
        seen = facts.status.has_ended and isinstance(moment, int | float)
        yield (
            "hardware",
            hardware + (f"   ({age(time.time() - float(moment or 0))})" if seen else ""),
        )
    if facts.worker is not None:
        yield "worker", f"process {facts.worker[0]} on {plain(facts.worker[1])}"
    if facts.publishing is not None:
        yield "publishing", facts.publishing.lag_text()
        if facts.publishing.registered:
            yield "registered", facts.publishing.registered_text()
    if facts.broken_lines:
        yield "log", f"{count(facts.broken_lines)} damaged lines left out"
    if facts.newer_records:
        records = counted(facts.newer_records, "record")
        yield "log", f"{records} of a newer program, understood in part"


def _reached(facts: RunFacts) -> str:
    progress = facts.progress
    task = task_text(progress) if progress.is_making_results and not facts.status.has_ended else ""
    texts = [task] if task else []
    if progress.epochs:
        texts.append(f"epoch {progress.epoch_number}/{progress.epochs}")
    if progress.step:
        total = f" of {count(progress.total_steps)}" if progress.total_steps else ""
        texts.append(f"step {count(progress.step)}{total}")
    if progress.share_done is not None and not task:
        texts.append(f"{100 * progress.share_done:.0f} %")
    if facts.status is RunStatus.RUNNING:
        if progress.steps_per_s is not None:
            texts.append(f"{number(progress.steps_per_s, 3)} steps/s")
        if progress.remaining_s is not None:
            texts.append(f"about {duration(progress.remaining_s)} left")
    return "   ".join(texts)


def _origin_pairs(facts: RunFacts) -> Iterator[Pair]:
    info, progress = facts.info, facts.progress
    yield "experiment", plain(info.experiment)
    who = f"   by {plain(info.user)}" if info.user else ""
    where = f" on {plain(info.host)}" if info.host else ""
    yield "created", f"{_moment(info.created)}{who}{where}"
    if progress.started is not None:
        end = progress.ended if facts.status.has_ended else time.time()
        took = duration((end or progress.started) - progress.started)
        ended = f"   ended {_moment(end)}" if facts.status.has_ended and end else ""
        yield "started", f"{_moment(progress.started)}{ended}   {took}"
    if facts.dataset:
        fingerprint = info.dataset_fingerprint[:_HASH_LENGTH]
        note = f"   {facts.dataset_note}" if facts.dataset_note else ""
        yield "dataset", f"{plain(_short(facts.dataset))}   {fingerprint}{note}".rstrip()
    if info.git_commit:
        dirty = " with uncommitted changes" if info.git_dirty else ""
        yield "git", f"{plain(info.git_commit[:_COMMIT_LENGTH])}{dirty}"
    if info.versions:
        yield "versions", ", ".join(f"{plain(k)} {plain(v)}" for k, v in info.versions.items())
    if info.parent:
        yield "parent", plain(info.parent)
    for key, values in info.changes.items():
        yield "", f"{plain(key)}: {' → '.join(plain(value) for value in values)}"
    yield "in", plain(_short(str(facts.run.path)))


def _config_lines(facts: RunFacts, terminal: Terminal) -> list[str]:
    if facts.config_problem:
        return pair_lines([("config", plain(facts.config_problem))], terminal)
    if not facts.changed:
        return []
    columns = [
        Column("configuration", shrinks=True),
        Column("value", style="bold", shrinks=True),
        Column("default", style="dim", shrinks=True),
    ]
    rows = [
        [plain(key), _value(value), _value(default)]
        for key, (default, value) in facts.changed.items()
    ]
    return table_lines(columns, rows, terminal)


def _checkpoint_lines(facts: RunFacts, terminal: Terminal) -> list[str]:
    if not facts.checkpoints:
        return []
    columns = [
        Column("checkpoint", shrinks=True),
        Column("", style="good"),
        Column("step", right=True),
        Column(" ".join(sorted({plain(s.sidecar.monitor) for s in facts.checkpoints})), right=True),
        Column("size", right=True),
        Column("why"),
        Column("saved"),
    ]
    rows = []
    shown = [
        saved
        for position, saved in enumerate(facts.checkpoints)
        if saved.is_best or position >= len(facts.checkpoints) - _CHECKPOINTS_SHOWN
    ]
    for saved in shown:
        sidecar = saved.sidecar
        value = sidecar.metrics.get(sidecar.monitor)
        marks = [
            name for name, is_it in (("best", saved.is_best), ("last", saved.is_last)) if is_it
        ]
        rows.append(
            [
                plain(sidecar.file.removesuffix(".ckpt")),
                " ".join(marks),
                count(sidecar.step),
                "-" if value is None else metric(sidecar.monitor, value),
                size(sidecar.size_bytes),
                plain(sidecar.reason),
                age(time.time() - sidecar.created),
            ]
        )
    lines = table_lines(columns, rows, terminal)
    hidden = len(facts.checkpoints) - len(shown)
    return [*lines, f" and {counted(hidden, 'earlier one')}"] if hidden else lines


def _export_pairs(facts: RunFacts) -> Iterator[Pair]:
    for artifact in facts.progress.artifacts:
        if artifact.get("name") != "model.onnx":
            continue
        size_bytes = artifact.get("size_bytes")
        text = size(size_bytes) if isinstance(size_bytes, int) else ""
        yield "export", f"{plain(artifact.get('path', ''))}   {text}".rstrip()
        proof = proof_text(artifact.get("summary"))
        if proof:
            yield "proof", proof


def _value(value: object) -> str:
    if value == "":
        return '""'
    return str(value).lower() if isinstance(value, bool) else plain(value)


def _moment(seconds: float) -> str:
    return local_time(seconds) or "?"


def _short(path: str) -> str:
    home = str(Path.home())
    return f"~{path[len(home) :]}" if path.startswith(home + "/") else path
