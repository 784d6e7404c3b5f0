"""The jobs of a home, one row each: what is done, how far it is, and what came of it."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import orjson

from heimdall_console.run_progress import RunProgress
from training_core.contract.errors import HeimdallError, UsageError
from training_core.contract.files import read_regular
from training_core.contract.home import jobs_folder
from training_core.contract.jobs import JobDir
from training_core.contract.records import decode_number
from training_core.contract.run_dir import RunDir, id_time, is_run_id
from training_core.contract.run_log import PIECE_BYTES, RunLogReader
from training_core.contract.run_status import RunStatus, derive_status, status_with_lock

_MOST: Final = 500
_RATE_TASK_S: Final = 0.5
_STEP: Final = re.compile(r"step=(\d{1,18})(?!\d)")
_LARGE: Final = ("positions", "coverage", "cdf_share")


@dataclass(frozen=True)
class JobRow:
    """One job."""

    path: Path
    kind: str
    """As `training_core.contract.jobs.ARGUMENTS` lists them; empty where job.json is damaged."""
    arguments: dict[str, Any]
    status: RunStatus
    created: float
    """Seconds since 1970."""
    started: float | None = None
    ended: float | None = None
    task: tuple[str, int, int | None] | None = None
    """What it is at: name, units done, units in all."""
    remaining_s: float | None = None
    """Of that task, at the rate so far."""
    reason: str = ""
    """Why it ended, for a person."""
    error: HeimdallError | None = None
    """What failed."""
    detail: str = ""
    """Traceback of a bug."""
    result: dict[str, Any] = field(default_factory=dict)
    """What it found, without what is large; `read_result` has everything."""

    @property
    def id(self) -> str:
        """The name of its directory."""
        return self.path.name

    @property
    def title(self) -> str:
        """What it does, to what."""
        return job_title(self.kind, self.arguments)

    @property
    def share_done(self) -> float | None:
        """Share of the task that it is at."""
        if self.task is None or not self.task[2]:
            return None
        return min(1.0, self.task[1] / self.task[2])

    def took_s(self, now: float) -> float | None:
        """Seconds since it began, or since it was asked for; None where it never began."""
        if self.status.has_ended:
            begun, end = self.started, self.ended or now
        else:
            begun, end = self.started or self.created, now
        return None if begun is None else max(0.0, end - begun)

    def read_result(self) -> dict[str, Any]:
        """What it found; empty where there is nothing."""
        try:
            found = orjson.loads(read_regular(JobDir(self.path).result_path))
        except (OSError, orjson.JSONDecodeError):
            return {}
        if not isinstance(found, dict):
            return {}
        return {**found, "methods": _methods(found["methods"])} if "methods" in found else found

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        done = None
        if self.task is not None:
            done = {"name": self.task[0], "done": self.task[1], "total": self.task[2]}
        return {
            "job_id": self.id,
            "kind": self.kind,
            "title": self.title,
            "status": self.status.value,
            "created": self.created,
            "started": self.started,
            "ended": self.ended,
            "task": done,
            "remaining_s": self.remaining_s,
            "reason": self.reason,
            "error": self.error.as_fields() if self.error else None,
        }


class JobIndex:
    """The jobs of a home, kept up to date at the cost of what has changed.

    Args:
        home: The home.
    """

    def __init__(self, home: Path) -> None:
        self._folder = jobs_folder(home)
        self._jobs: dict[str, _Watched] = {}

    def refresh(self) -> list[JobRow]:
        """Look at what has changed; the newest jobs come first, at most 500."""
        try:
            names = sorted(filter(is_run_id, os.listdir(self._folder)), reverse=True)[:_MOST]
        except OSError:
            names = []
        known = self._jobs
        self._jobs = {
            name: known.get(name) or _Watched(JobDir(self._folder / name)) for name in names
        }
        return [watched.look() for watched in self._jobs.values()]


def list_jobs(home: Path) -> list[JobRow]:
    """Every job of a home, the newest first."""
    return JobIndex(home).refresh()


def find_job(home: Path, reference: str) -> JobRow:
    """The job of an id, a unique start of one, or `@last`.

    Raises:
        UsageError: There is none, or several.
    """
    jobs = list_jobs(home)
    if reference == "@last":
        found = jobs[:1]
    else:
        found = [job for job in jobs if job.id == reference] or [
            job for job in jobs if reference and job.id.startswith(reference)
        ]
    if len(found) == 1:
        return found[0]
    raise UsageError(
        f"{reference} fits several jobs" if found else f"There is no job {reference}",
        why=f"{len(found)} of the {len(jobs)} jobs in {jobs_folder(home)} begin with it",
        unharmed="Nothing was changed",
        action="Name an id, the unique start of one, or @last; `heimdall-console jobs list`",
    )


def job_title(kind: str, arguments: Mapping[str, Any]) -> str:
    """What a job does, to what."""
    subject = next(
        (
            str(arguments[key])
            for key in ("model", "export", "checkpoint", "source", "target", "name", "dataset")
            if arguments.get(key)
        ),
        "",
    )
    name = _subject(subject)
    words = kind.replace("-", " ") or "unknown job"
    if kind == "register":
        alias = f" @{arguments['alias']}" if arguments.get("alias") else ""
        return f"register {name} as {arguments.get('name', '')}{alias}"
    if kind == "set-alias":
        return (
            f"set alias {arguments.get('name', '')}@{arguments.get('alias', '')} "
            f"to v{arguments.get('version', '')}"
        )
    if kind in ("evaluate", "predict"):
        dataset = Path(str(arguments.get("dataset", ""))).name
        part = f", {arguments['split']}" if arguments.get("split") else ""
        return f"{kind} {name} on {dataset}{part}"
    return f"{words} {name}".strip()


def _subject(text: str) -> str:
    """A file by its name; a checkpoint or its export by step and the run's name."""
    if os.sep not in text:
        return text
    path = Path(text)
    step = _STEP.search(path.name)
    if step is not None and path.parent.name in ("checkpoints", "exports"):
        return f"step {int(step[1])} of {_run_name(path.parent.parent)}"
    return path.name


@lru_cache(maxsize=_MOST)
def _run_name(folder: Path) -> str:
    """The name of a run, which never changes; its id where there is none."""
    try:
        return RunDir(folder).read_info().name or folder.name
    except HeimdallError:
        return folder.name


class _Watched:
    """One job and what was seen of it."""

    def __init__(self, job: JobDir) -> None:
        self._job = job
        self._kind, self._arguments = _read_job(job)
        self._created = _created(job)
        self._reader = RunLogReader(job.log_path)
        self._progress = RunProgress()
        self._detail = ""
        self._task_started: tuple[str, float] | None = None
        self._task_now = 0.0
        self._row: JobRow | None = None

    def look(self) -> JobRow:
        """The row as of now; an end is not looked at again."""
        if self._row is None or not self._row.status.has_ended:
            self._read_log()
            status = derive_status(self._progress.status or None, locked=True)
            if not status.has_ended:
                status = status_with_lock(self._job, self._reread_state)
            self._row = self._summarize(status)
        return self._row

    def _reread_state(self) -> str | None:
        self._read_log()
        return self._progress.status or None

    def _read_log(self) -> None:
        try:
            while records := self._reader.read_new(PIECE_BYTES):
                for record in records:
                    self._take(record)
        except OSError:
            pass

    def _take(self, record: dict[str, Any]) -> None:
        self._progress.take([record])
        if record["kind"] == "task":
            now = decode_number(record.get("t")) or 0.0
            name = str(record.get("name", ""))
            if self._task_started is None or self._task_started[0] != name:
                self._task_started = (name, now)
            self._task_now = now
        elif record["kind"] == "message" and isinstance(record.get("detail"), str):
            self._detail = record["detail"]

    def _summarize(self, status: RunStatus) -> JobRow:
        progress = self._progress
        failed = status in (RunStatus.FAILED, RunStatus.KILLED, RunStatus.CRASHED)
        reason = progress.reason
        error = progress.failure() if failed else None
        if status is RunStatus.CRASHED:
            reason = "Its worker died without a word"
            error = HeimdallError(
                "The job crashed",
                why=reason,
                unharmed="Its inputs are unharmed",
                action=f"Look into {self._job.output_path}, then start it again",
            )
        row = JobRow(
            path=self._job.path,
            kind=self._kind,
            arguments=self._arguments,
            status=status,
            created=self._created,
            started=progress.started,
            ended=progress.ended if status.has_ended else None,
            task=None if status.has_ended else progress.task,
            remaining_s=None if status.has_ended else self._remaining_s(),
            reason=reason,
            error=error,
            detail=self._detail,
        )
        if status is not RunStatus.FINISHED:
            return row
        found = {key: value for key, value in row.read_result().items() if key not in _LARGE}
        return replace(row, result=found)

    def _remaining_s(self) -> float | None:
        task, started = self._progress.task, self._task_started
        if task is None or started is None or not task[2] or not task[1]:
            return None
        spent_s = self._task_now - started[1]
        if spent_s < _RATE_TASK_S:
            return None
        return spent_s * (task[2] - task[1]) / task[1]


def _methods(found: object) -> dict[str, dict[str, Any]]:
    """What was found of each method, without what is no method, no number and no list."""
    methods = {}
    for name, method in found.items() if isinstance(found, dict) else ():
        if isinstance(method, dict):
            metrics, errors_m = method.get("metrics"), method.get("cdf_m")
            numbers = metrics.items() if isinstance(metrics, dict) else ()
            methods[name] = {
                **method,
                "metrics": {k: v for k, v in numbers if v is None or type(v) in (int, float)},
                "cdf_m": errors_m if isinstance(errors_m, list) else [],
            }
    return methods


def _read_job(job: JobDir) -> tuple[str, dict[str, Any]]:
    try:
        found = orjson.loads(read_regular(job.job_path))
        return str(found["kind"]), dict(found["arguments"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", {}


def _created(job: JobDir) -> float:
    if (made := id_time(job.id)) is not None:
        return made
    try:
        return job.job_path.stat().st_mtime
    except OSError:
        return 0.0
