"""The last step of every importer: split lists, tables and summary into a new dataset."""

from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from training_core.contract.errors import DatasetError
from training_core.data.csv_source import text_values
from training_core.data.info import DatasetInfo, SplitDefinition
from training_core.data.mapping import LongMapping, SplitRule, WideMapping
from training_core.data.sessions_source import SourceSessions, site_origin
from training_core.data.staging import staged_directory
from training_core.data.store import SessionStore, open_store, write_tables

Counts = dict[str, int | float | str]


def write_import(
    source: Path,
    target: Path,
    mapping: WideMapping | LongMapping,
    read: SourceSessions,
    receivers: pa.Table,
    observations: pa.Table,
    counts: Counts,
    *,
    overwrite: bool,
) -> SessionStore:
    """Write what an importer has read as a dataset.

    Raises:
        DatasetError: A list of a split names nobody, the target is taken, or the disk is full.
    """
    lists = {
        (name, part): _listed(source, read, name, rule, part)
        for name, rule in mapping.splits.items()
        for part in rule.lists()
    }
    info = DatasetInfo(
        name=mapping.dataset.name,
        licence=mapping.dataset.licence,
        source=mapping.dataset.source,
        description=mapping.dataset.description,
        site_origin=mapping.dataset.site_origin or site_origin(read.sessions, receivers),
        splits={name: _definition(name, rule) for name, rule in mapping.splits.items()},
        notes=counts,
    )
    with staged_directory(target, overwrite=overwrite) as folder:
        write_split_lists(folder, lists)
        write_tables(folder, info, receivers, read.sessions, observations)
    return open_store(target)


def write_split_lists(folder: Path, lists: dict[tuple[str, str], list[str]]) -> None:
    """Write the session ids of (split, part) where `split_list_file` says."""
    for (name, part), ids in lists.items():
        file = folder / split_list_file(name, part)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(orjson.dumps(ids, option=orjson.OPT_INDENT_2))


def split_list_file(name: str, part: str) -> str:
    """Where the list of one part of a split lies inside a dataset."""
    return f"splits/{name}-{part}.json"


def describe_import(store: SessionStore) -> dict[str, Any]:
    """What an import job reports."""
    return {
        "dataset": str(store.path),
        "name": store.info.name,
        "sessions": store.sessions.num_rows,
        "labeled_sessions": store.sessions.num_rows - store.sessions["latitude_deg"].null_count,
        "receivers": store.receivers.num_rows,
        "observations": store.observations.num_rows,
        "splits": list(store.info.splits),
        "counts": dict(store.info.notes),
        "notes": [f"{count} {name.replace('_', ' ')}" for name, count in store.info.notes.items()],
        "fingerprint": store.fingerprint,
    }


def _definition(name: str, rule: SplitRule) -> SplitDefinition:
    files: dict[str, Any] = {f"{part}_file": split_list_file(name, part) for part in rule.lists()}
    return SplitDefinition(
        by=rule.by,
        description=rule.description,
        cell_m=rule.cell_m,
        validation_by=rule.validation_by,
        **files,
    )


def _listed(source: Path, read: SourceSessions, name: str, rule: SplitRule, part: str) -> list[str]:
    listing = rule.lists()[part]
    folder = source if source.is_dir() else source.parent
    file = folder / listing.file
    try:
        wanted = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise DatasetError(
            f"The list of the split {name} cannot be read: {file}",
            why=str(error),
            unharmed="Nothing was written",
            action=f"Correct splits.{name}.{part}.file in the mapping, or the file",
        ) from error
    if not isinstance(wanted, list) or not all(isinstance(item, str | int) for item in wanted):
        raise DatasetError(
            f"{file} is not a list of sessions",
            unharmed="Nothing was written",
            action='Write it as JSON: ["id", "id", …]',
        )
    values = read.session_ids if listing.column is None else text_values(read.rows, listing.column)
    words = pa.array([str(item) for item in wanted], type=pa.string())
    unknown = words.filter(pc.invert(pc.is_in(words, value_set=pc.unique(values))))
    if len(unknown):
        raise DatasetError(
            f"{file} lists sessions that {read.where} does not have",
            why=f"{len(unknown)} of {len(words)}, the first is {unknown[0].as_py()!r}",
            unharmed="Nothing was written",
            action=f"Name in splits.{name}.{part}.column which column the list is about",
        )
    ids: list[str] = read.session_ids.filter(pc.is_in(values, value_set=words)).to_pylist()
    return ids
