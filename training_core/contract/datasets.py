"""What a dataset holds in short (summary.json), and where a dataset lies by name or path."""

import difflib
from pathlib import Path
from typing import Annotated

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training_core.contract.errors import DatasetError
from training_core.contract.files import read_regular
from training_core.contract.home import datasets_folder

SUMMARY_FILE = "summary.json"
DATASET_FILE = "dataset.toml"
TABLE_FILES = ("receivers.parquet", "sessions.parquet", "observations.parquet")
BUILT_IN_SPLITS = ("place", "track", "date", "random")
"""Splits that every dataset has; its own definition of such a name comes first."""
_NEAREST = 3


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class FileStamp(_Record):
    """Size and modification time of a file when it was summarized."""

    size_bytes: int
    mtime_ns: int


class ReceiverSummary(_Record):
    """One receiver and how often it was heard from."""

    receiver_id: str
    latitude_deg: float | None
    longitude_deg: float | None
    mobile: bool
    sessions: int
    """Sessions with at least one measurement of this receiver."""


class SplitSummary(_Record):
    """One split that the dataset defines."""

    name: str
    by: str
    description: str = ""
    leaking: bool = False


class Occupancy(_Record):
    """Labeled sessions counted in a coarse grid; row 0 is the southernmost."""

    south_deg: float
    west_deg: float
    north_deg: float
    east_deg: float
    counts: list[list[int]]
    """(rows, columns): rows from south to north, columns from west to east."""


class DatasetSummary(_Record):
    """What `data info` shows, without opening the tables."""

    name: str
    licence: str
    source: str
    description: str
    fingerprint: str
    origin_latitude_deg: float
    origin_longitude_deg: float
    sessions: int
    labeled_sessions: int
    observations: int
    receivers: list[ReceiverSummary]
    measurements: dict[str, int]
    """Observations that hold a value, by measurement (`rssi_dbm`, `toa_ns`, …)."""
    tracks: int
    first_time: str | None
    """Earliest session, ISO 8601 in UTC."""
    last_time: str | None
    receivers_per_session: Annotated[dict[int, int], Field(default_factory=dict)]
    """Number of sessions by the number of receivers that measured something."""
    splits: list[SplitSummary]
    occupancy: Occupancy | None
    notes: dict[str, int | float | str]
    files: dict[str, FileStamp]


def stamps(dataset: Path) -> dict[str, FileStamp]:
    """Size and modification time of the files that a summary depends on.

    Raises:
        DatasetError: One of them is missing or cannot be read.
    """
    found = {}
    for name in (DATASET_FILE, *TABLE_FILES):
        try:
            status = (dataset / name).stat()
        except OSError as error:
            raise DatasetError(
                f"The dataset {dataset} has no readable {name}",
                why=error.strerror or str(error),
                unharmed="Nothing was changed",
                action="Name a directory made by `heimdall-console data import` or `data synth`",
            ) from error
        found[name] = FileStamp(size_bytes=status.st_size, mtime_ns=status.st_mtime_ns)
    return found


def read_summary(dataset: Path) -> DatasetSummary | None:
    """The summary of a dataset; None where it is missing, unreadable or stale.

    Raises:
        DatasetError: The directory is not a dataset.
    """
    now = stamps(dataset)
    try:
        summary = DatasetSummary.model_validate(orjson.loads(read_regular(dataset / SUMMARY_FILE)))
    except (OSError, orjson.JSONDecodeError, ValidationError):
        return None
    return summary if summary.files == now else None


def resolve_dataset(name_or_path: str | Path, home: Path) -> Path:
    """The directory of a dataset given by path, or by its name under the home.

    Raises:
        DatasetError: There is none; the message names the nearest that exist.
    """
    text = str(name_or_path).strip()
    if not text:
        raise DatasetError(
            "No dataset is named",
            unharmed="Nothing was started",
            action="Set data.dataset to a dataset's directory or name",
        )
    given = Path(text).expanduser()
    by_name = datasets_folder(home) / text
    for candidate in (given, by_name):
        if (candidate / DATASET_FILE).is_file():
            return candidate.resolve()
    if given.is_dir():
        empty = not any(given.iterdir())
        raise DatasetError(
            f"{given} is not a dataset",
            why="It is an empty directory" if empty else f"It holds no {DATASET_FILE}",
            unharmed="Nothing was changed",
            action="Import recordings with `heimdall-console data import`",
        )
    known = list_datasets(home)
    near = difflib.get_close_matches(text, known, n=_NEAREST)
    if near:
        action = f"Did you mean {' or '.join(near)}?"
    elif known:
        action = f"Datasets known by name: {', '.join(known[:10])}"
    else:
        action = "Make one with `heimdall-console data import` or `heimdall-console data synth`"
    raise DatasetError(
        f"There is no dataset {text}",
        why=f"Neither that path nor {by_name} holds a {DATASET_FILE}",
        unharmed="Nothing was changed",
        action=action,
    )


def list_datasets(home: Path) -> list[str]:
    """Names of the datasets under the home, sorted."""
    try:
        entries = sorted(datasets_folder(home).iterdir())
    except OSError:
        return []
    # A name that starts with a dot is a dataset that is still being written.
    return [
        entry.name
        for entry in entries
        if not entry.name.startswith(".") and (entry / DATASET_FILE).is_file()
    ]
