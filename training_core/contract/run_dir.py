"""The directory of a run: its names and how it is made."""

import calendar
import itertools
import os
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import orjson

from training_core.contract.errors import HeimdallError, UsageError
from training_core.contract.files import read_regular, write_atomic
from training_core.contract.home import appearing_folder, runs_folder

_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")


@dataclass(frozen=True)
class RunInfo:
    """`run.json`: what is known of a run before it starts; written once.

    Every viewer reads it before it shows anything, so it does without pydantic, whose import
    takes longer than reading a thousand of them.
    """

    id: str
    """Sortable by the time of creation."""
    name: str
    """For people."""
    experiment: str
    """Experiment that the run belongs to."""
    created: float
    """Seconds since 1970, UTC."""
    host: str = ""
    """Machine that it was made on."""
    user: str = ""
    """Who made it."""
    command: list[str] = field(default_factory=list)
    """Command line that made it."""
    git_commit: str = ""
    """Commit of the code around the configuration; empty outside a repository."""
    git_dirty: bool = False
    """Whether that code had uncommitted changes."""
    versions: dict[str, str] = field(default_factory=dict)
    """Versions of the packages that matter."""
    config_hash: str = ""
    """SHA-256 of the resolved configuration."""
    dataset_fingerprint: str = ""
    """Of the dataset at the start."""
    parent: str = ""
    """Run that this one repeats or starts from."""
    changes: dict[str, list[Any]] = field(default_factory=dict)
    """Of a run that repeats another: dotted key → its value there and here."""
    sweep: str = ""
    """Name of the sweep that it is a trial of."""

    @classmethod
    def from_fields(cls, told: object) -> Self:
        """What a `run.json` says; keys of later versions are left out.

        Raises:
            ValueError: It is no object, lacks what every run has, or a value is of another type.
        """
        if not isinstance(told, dict):
            raise ValueError("It is no JSON object")
        known = {name: told[name] for name in _INFO_TYPES if name in told}
        for name, value in known.items():
            if not _INFO_TYPES[name](value):
                raise ValueError(f"{name} is of another type")
        if missing := _INFO_NEEDED - known.keys():
            raise ValueError(f"{', '.join(sorted(missing))} is missing")
        return cls(**known | {"created": float(known["created"])})

    def as_fields(self) -> dict[str, Any]:
        """Plain data, as it stands in the file."""
        return asdict(self)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_switch(value: object) -> bool:
    return isinstance(value, bool)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _are_named_texts(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _are_named_lists(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(item, list) for item in value.values())


_INFO_NEEDED: Final = {"id", "name", "experiment", "created"}
_INFO_TYPES: Final[dict[str, Callable[[object], bool]]] = {
    **dict.fromkeys(("id", "name", "experiment", "host", "user", "git_commit"), _is_text),
    **dict.fromkeys(("config_hash", "dataset_fingerprint", "parent", "sweep"), _is_text),
    "created": _is_number,
    "git_dirty": _is_switch,
    "command": _are_texts,
    "versions": _are_named_texts,
    "changes": _are_named_lists,
}


@dataclass(frozen=True)
class RunDir:
    """Names inside the directory of one run (or job)."""

    path: Path

    @property
    def id(self) -> str:
        """The run's id is the name of its directory."""
        return self.path.name

    @property
    def info_path(self) -> Path:
        """`run.json`."""
        return self.path / "run.json"

    @property
    def config_path(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.toml"

    @property
    def log_path(self) -> Path:
        """The append-only log."""
        return self.path / "log.jsonl"

    @property
    def output_path(self) -> Path:
        """What the worker printed."""
        return self.path / "output.log"

    def rank_output_path(self, rank: int) -> Path:
        """What a process of a multi-process training printed; rank 0 is the worker itself."""
        return self.output_path if rank == 0 else self.path / f"output.rank{rank}.log"

    @property
    def lock_path(self) -> Path:
        """Held by the worker while it lives."""
        return self.path / "worker.lock"

    @property
    def resume_path(self) -> Path:
        """Names the checkpoint that the next worker goes on from; gone when it does."""
        return self.path / "resume.json"

    @property
    def commands(self) -> Path:
        """Where viewers put what they ask for."""
        return self.path / "commands"

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints lie unless the configuration says otherwise."""
        return self.path / "checkpoints"

    @property
    def exports(self) -> Path:
        """One folder an exported model."""
        return self.path / "exports"

    @property
    def publisher_path(self) -> Path:
        """The publisher's own state."""
        return self.path / "publisher.json"

    @property
    def publisher_lock_path(self) -> Path:
        """Held by the publisher while it lives."""
        return self.path / "publisher.lock"

    @property
    def publisher_output_path(self) -> Path:
        """What the publisher printed."""
        return self.path / "publisher.log"

    @property
    def has_publisher(self) -> bool:
        """Whether a publisher was ever started for it."""
        return self.publisher_output_path.exists()

    def read_info(self) -> RunInfo:
        """Read `run.json`.

        Raises:
            HeimdallError: It is missing or not readable.
        """
        try:
            return RunInfo.from_fields(orjson.loads(read_regular(self.info_path)))
        except (OSError, ValueError) as error:
            raise HeimdallError(
                f"{self.path} is not a run",
                why="Its run.json is missing or damaged",
                unharmed="Nothing was changed",
                action="Name a directory below `runs/` of the home",
            ) from error


def new_id(now: float) -> str:
    """An id that sorts by time and does not repeat."""
    # Three digits of the second's fraction, so that runs of one second sort too.
    fraction = int(now % 1.0 * 0x1000)
    start = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    return f"{start}-{fraction:03x}{secrets.randbelow(0x1000):03x}"


def id_time(run_id: str) -> float | None:
    """When an id was made, seconds since 1970; None for one of another form."""
    try:
        whole_s = calendar.timegm(time.strptime(run_id[:15], "%Y%m%d-%H%M%S"))
        return whole_s + int(run_id[16:19] or "0", 16) / 0x1000
    except ValueError:
        return None


def create_run(home: Path, info: RunInfo, config_toml: str) -> RunDir:
    """Make the directory of a run; it appears whole or not at all.

    Raises:
        HeimdallError: The home is not writable or the disk is full.
    """
    runs = runs_folder(home)
    with appearing_folder(runs, info.id) as hidden:
        made = RunDir(hidden)
        for folder in (made.commands, made.checkpoints, made.exports):
            folder.mkdir(mode=0o700)
        write_atomic(made.config_path, config_toml.encode())
        write_atomic(made.info_path, orjson.dumps(info.as_fields(), option=orjson.OPT_INDENT_2))
    return RunDir(runs / info.id)


def is_run_id(name: str) -> bool:
    """Whether a name can be a run's id: never hidden, never a path."""
    return _ID.match(name) is not None


def find_run(home: Path, reference: str) -> RunDir:
    """The run of an id, a unique prefix of one, `@last`, or a path to its directory.

    Raises:
        UsageError: There is none, or several.
    """
    runs = runs_folder(home)
    if os.sep in reference:
        found = [run] if (run := _at_path(reference)) is not None else []
        why = "A reference with a slash is the path of a run's directory, and this is none"
    else:
        try:
            ids = list(filter(is_run_id, os.listdir(runs)))
        except OSError:
            ids = []
        if reference == "@last":
            newest_first = (RunDir(runs / run_id) for run_id in sorted(ids, reverse=True))
            found = list(itertools.islice(filter(_is_undamaged, newest_first), 1))
        else:
            matching = [i for i in ids if i.startswith(reference)] if reference else []
            chosen = [reference] if reference in matching else matching
            found = [run for i in chosen if _is_run(run := RunDir(runs / i))]
        why = f"{len(found)} of the {len(ids)} runs in {runs} begin with it"
        if not ids:
            raise UsageError(
                "There are no runs yet",
                unharmed="Nothing was changed",
                action="Start one: `heimdall-console run --data-dir DATASET`",
            )
    if len(found) == 1:
        return found[0]
    raise UsageError(
        f"{reference} fits several runs" if found else f"There is no run {reference}",
        why=why,
        unharmed="Nothing was changed",
        action="Name an id, the unique start of one, or @last",
    )


def _at_path(reference: str) -> RunDir | None:
    try:
        # Resolved, so that the id of `somewhere/..` is a name.
        run = RunDir(Path(reference).expanduser().resolve())
        return run if not run.id.startswith(".") and _is_run(run) else None
    except (OSError, RuntimeError, ValueError):
        return None


def _is_run(run: RunDir) -> bool:
    return run.info_path.is_file()


def _is_undamaged(run: RunDir) -> bool:
    try:
        run.read_info()
    except HeimdallError:
        return False
    return True
