"""What a worker is asked to do with datasets: import, check, summarize."""

import contextlib
from typing import Any

import orjson

from training_core.contract.datasets import SUMMARY_FILE, stamps
from training_core.contract.errors import UsageError
from training_core.contract.files import write_atomic
from training_core.contract.jobs import (
    DatasetArguments,
    ImportNpyArguments,
    ImportTableArguments,
    Report,
    no_report,
)
from training_core.data.check import check_tables
from training_core.data.check_splits import check_splits
from training_core.data.import_long import import_long
from training_core.data.import_npy import import_npy as import_arrays
from training_core.data.import_target import describe_import
from training_core.data.import_wide import import_wide
from training_core.data.mapping import LongMapping, WideMapping, load_mapping
from training_core.data.store import open_store
from training_core.data.summary import build_summary


def import_wide_csv(arguments: ImportTableArguments, report: Report = no_report) -> dict[str, Any]:
    """Import a table with a column per receiver; counts as plain JSON.

    Raises:
        UsageError: The mapping is wrong, or is one for long tables.
        DatasetError: The source is not what the mapping says; nothing is written.
    """
    mapping = load_mapping(arguments.mapping)
    if not isinstance(mapping, WideMapping):
        raise _other_format(arguments, "wide-csv", mapping.format)
    store = import_wide(
        arguments.source,
        arguments.target,
        mapping,
        overwrite=arguments.overwrite,
        report=report,
    )
    return describe_import(store)


def import_long_csv(arguments: ImportTableArguments, report: Report = no_report) -> dict[str, Any]:
    """Import a table with a row per observation, or packed readings; counts as plain JSON.

    Raises:
        UsageError: The mapping is wrong, or is one for wide tables.
        DatasetError: The source is not what the mapping says; nothing is written.
    """
    mapping = load_mapping(arguments.mapping)
    if not isinstance(mapping, LongMapping):
        raise _other_format(arguments, "long-csv", mapping.format)
    store = import_long(
        arguments.source,
        arguments.target,
        mapping,
        overwrite=arguments.overwrite,
        report=report,
    )
    return describe_import(store)


def import_npy(arguments: ImportNpyArguments, report: Report = no_report) -> dict[str, Any]:
    """Import IQ arrays with labels beside them; counts as plain JSON.

    Raises:
        DatasetError: An array or its metadata is not as described; nothing is written.
    """
    store = import_arrays(
        arguments.source,
        arguments.target,
        name=arguments.name,
        sample_rate_hz=arguments.sample_rate_hz,
        overwrite=arguments.overwrite,
        report=report,
    )
    return describe_import(store)


def check(arguments: DatasetArguments, report: Report = no_report) -> dict[str, Any]:
    """What is wrong or odd about a dataset, as plain JSON.

    Returns:
        `findings` (severity, what, count, examples), the numbers of `errors` and
        `warnings`, and `splits` with the sizes and the leakage of each.

    Raises:
        DatasetError: The dataset cannot be read at all.
    """
    report("check", 0, 2)
    store = open_store(arguments.dataset)
    findings = check_tables(store)
    report("check", 1, 2)
    errors = [item for item in findings if item.severity == "error"]
    splits: dict[str, Any] = {}
    if not errors:
        # Splits of a broken table would fail for the same reasons once more.
        about_splits, splits = check_splits(store, arguments.split)
        findings += about_splits
    report("check", 2, 2)
    return {
        "dataset": str(store.path),
        "name": store.info.name,
        "errors": sum(item.severity == "error" for item in findings),
        "warnings": sum(item.severity == "warning" for item in findings),
        "findings": [item.as_json() for item in findings],
        "splits": splits,
    }


def summarize(arguments: DatasetArguments, report: Report = no_report) -> dict[str, Any]:
    """Count a dataset anew and write its summary.json where that is possible.

    Returns:
        The summary, also for a dataset in a folder that is not writable.

    Raises:
        DatasetError: The dataset cannot be read.
    """
    report("summarize", 0, 1)
    store = open_store(arguments.dataset)
    tables = {
        "receivers": store.receivers,
        "sessions": store.sessions,
        "observations": store.observations,
    }
    summary = build_summary(store.info, tables, store.fingerprint, stamps(store.path))
    plain = summary.model_dump(mode="json")
    # Somebody else's read-only dataset: the caller has the summary in hand.
    with contextlib.suppress(OSError):
        write_atomic(
            store.path / SUMMARY_FILE,
            orjson.dumps(plain, option=orjson.OPT_NON_STR_KEYS),
            mode=0o644,
        )
    report("summarize", 1, 1)
    return plain


def _other_format(arguments: ImportTableArguments, asked: str, found: str) -> UsageError:
    return UsageError(
        f"The mapping {arguments.mapping} is for {found}, not for {asked}",
        unharmed="Nothing was written",
        action=f"Use `heimdall-console data import {found}`",
    )
