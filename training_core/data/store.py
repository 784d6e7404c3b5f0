"""The session store: one dataset as one directory, read whole and written whole."""

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from training_core.contract.datasets import DATASET_FILE, SUMMARY_FILE, TABLE_FILES, stamps
from training_core.contract.errors import DatasetError
from training_core.contract.files import sha256_file
from training_core.contract.toml_text import parse_toml
from training_core.data.info import DatasetInfo, SiteOrigin, SplitDefinition
from training_core.data.staging import staged_directory
from training_core.data.summary import build_summary
from training_core.data.tables import SCHEMAS, conform, float_column
from training_core.data.validation import refuse_broken_tables
from training_core.radio.geo import LocalFrame

__all__ = [
    "DatasetInfo",
    "SessionStore",
    "SiteOrigin",
    "SplitDefinition",
    "open_store",
    "write_store",
    "write_tables",
]


@dataclass(frozen=True)
class SessionStore:
    """A dataset in memory: its description and its three tables."""

    path: Path
    info: DatasetInfo
    receivers: pa.Table
    sessions: pa.Table
    observations: pa.Table

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the content of the files; equal where the datasets are equal."""
        return fingerprint_of(self.path, self.info)

    @property
    def receiver_ids(self) -> list[str]:
        """Ids of the receivers in the order of their table."""
        ids: list[str] = self.receivers["receiver_id"].to_pylist()
        return ids

    @property
    def session_ids(self) -> list[str]:
        """Ids of the sessions in the order of their table."""
        ids: list[str] = self.sessions["session_id"].to_pylist()
        return ids

    @property
    def frame(self) -> LocalFrame:
        """East and north around the site origin."""
        origin = self.info.site_origin
        return LocalFrame(origin.latitude_deg, origin.longitude_deg)

    def label_m(self, frame: LocalFrame | None = None) -> NDArray[np.float64]:
        """Emitter positions (sessions, 2): east and north, meters, NaN where unlabeled."""
        east, north = (frame or self.frame).to_local(
            float_column(self.sessions, "latitude_deg"),
            float_column(self.sessions, "longitude_deg"),
        )
        return np.stack([east, north], axis=1)


def open_store(path: Path) -> SessionStore:
    """Read a dataset.

    Content is taken as it is: `training_core.data.check` says what is wrong with it.

    Raises:
        DatasetError: The directory is missing, empty, or holds no readable dataset.
    """
    path = Path(path)
    if not path.is_dir():
        raise DatasetError(
            f"There is no dataset at {path}",
            why="It is not a directory" if path.exists() else "The directory does not exist",
            unharmed="Nothing was changed",
            action="Name a directory made by `heimdall-console data import` or `data synth`",
        )
    stamps(path)  # Says which file is missing.
    info = read_info(path)
    tables = {name: _read_table(path, name) for name in SCHEMAS}
    return SessionStore(path=path, info=info, **tables)


def read_info(path: Path) -> DatasetInfo:
    """What dataset.toml of the dataset at `path` says.

    Raises:
        DatasetError: The file is not TOML or not a dataset's description.
    """
    file = path / DATASET_FILE
    try:
        return DatasetInfo.model_validate(parse_toml(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise DatasetError(
            f"{file} cannot be read",
            why=readable_reason(error),
            unharmed="Nothing was changed",
            action="Correct the file or import the dataset again",
        ) from error


def readable_reason(error: Exception) -> str:
    """Why a file could not be read, without the parser's own vocabulary."""
    if isinstance(error, ValidationError):
        return "; ".join(
            ".".join(str(part) for part in problem["loc"]) + ": " + problem["msg"]
            for problem in error.errors(include_url=False)
        )
    return str(error)


def _read_table(path: Path, name: str) -> pa.Table:
    file = path / f"{name}.parquet"
    try:
        table = pq.read_table(file)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(
            f"{file} cannot be read",
            why=f"It is damaged or not a Parquet file ({str(error).splitlines()[0]})",
            unharmed="Nothing was changed",
            action="Import the dataset again or restore the file",
        ) from error
    return conform(table, name, str(file))


def fingerprint_of(path: Path, info: DatasetInfo) -> str:
    """SHA-256 over tables, description, split lists and recordings' metadata."""
    names = [DATASET_FILE, *TABLE_FILES]
    names += sorted({name for split in info.splits.values() for name in split.files})
    # The metadata of a recording holds the SHA-512 of its samples.
    names += sorted(str(file.relative_to(path)) for file in path.glob("iq/**/*.sigmf-meta"))
    digest = hashlib.sha256()
    for name in names:
        if (path / name).is_file():
            digest.update(f"{name}\0{sha256_file(path / name)}\n".encode())
    return digest.hexdigest()


def write_store(
    path: Path,
    info: DatasetInfo,
    receivers: pa.Table,
    sessions: pa.Table,
    observations: pa.Table,
    overwrite: bool = False,
) -> SessionStore:
    """Write a dataset: the directory is built beside `path` and renamed into place.

    Args:
        path: The directory to make.
        info: What dataset.toml will say.
        receivers: Of `RECEIVER_SCHEMA`; absent optional columns become null.
        sessions: Of `SESSION_SCHEMA`.
        observations: Of `OBSERVATION_SCHEMA`.
        overwrite: Replace the dataset at `path`, if there is one.

    Raises:
        DatasetError: The tables contradict each other or hold NaN, `path` is taken, or
            the disk is full; nothing half-written stays.
    """
    with staged_directory(path, overwrite=overwrite) as folder:
        write_tables(folder, info, receivers, sessions, observations)
    return open_store(path)


def write_tables(
    folder: Path,
    info: DatasetInfo,
    receivers: pa.Table,
    sessions: pa.Table,
    observations: pa.Table,
) -> None:
    """Write description, tables and summary into a directory that is being built.

    Raises:
        DatasetError: The tables contradict each other or hold NaN.
    """
    given = {"receivers": receivers, "sessions": sessions, "observations": observations}
    tables = {name: conform(table, name, f"The table {name}") for name, table in given.items()}
    refuse_broken_tables(tables)
    (folder / DATASET_FILE).write_text(info.as_toml(), encoding="utf-8")
    for name, table in tables.items():
        pq.write_table(table.cast(SCHEMAS[name]), folder / f"{name}.parquet", compression="zstd")
    write_summary(folder, info, tables)


def write_summary(folder: Path, info: DatasetInfo, tables: dict[str, pa.Table]) -> None:
    """Count what the dataset in `folder` holds and write it to summary.json."""
    summary = build_summary(info, tables, fingerprint_of(folder, info), stamps(folder))
    # On one line: the map alone has thousands of numbers.
    content = orjson.dumps(summary.model_dump(mode="json"), option=orjson.OPT_NON_STR_KEYS)
    (folder / SUMMARY_FILE).write_bytes(content)
