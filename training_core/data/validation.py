"""What must hold of the tables before they are written: ids, references, no NaN."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training_core.contract.errors import DatasetError
from training_core.data.tables import index_of

_IDS = {
    "receivers": ("receiver_id",),
    "sessions": ("session_id",),
    "observations": ("session_id", "receiver_id"),
}


def refuse_broken_tables(tables: dict[str, pa.Table]) -> None:
    """Refuse tables from which no store can be made.

    Raises:
        DatasetError: No sessions or receivers, an id missing or given twice, an
            observation of nobody, or a number that is NaN or infinite.
    """
    for name in ("receivers", "sessions"):
        if tables[name].num_rows == 0:
            raise _refusal(f"The dataset has no {name}", "The table is empty")
    for name, columns in _IDS.items():
        for column in columns:
            if tables[name][column].null_count:
                raise _refusal(
                    f"The table {name} has rows without a {column}",
                    f"{tables[name][column].null_count} rows are null",
                )
    _refuse_repeated(tables["receivers"], "receiver_id", "receivers")
    _refuse_repeated(tables["sessions"], "session_id", "sessions")
    for column, owner in (("session_id", "sessions"), ("receiver_id", "receivers")):
        observed = tables["observations"][column]
        dangling = index_of(observed, tables[owner][column]) < 0
        if dangling.any():
            example = observed[int(np.argmax(dangling))].as_py()
            raise _refusal(
                f"Observations name a {column} that is not in the table {owner}",
                f"{int(dangling.sum())} rows, the first names {example!r}",
            )
    for name, table in tables.items():
        _refuse_not_finite(name, table)


def _refuse_repeated(table: pa.Table, column: str, name: str) -> None:
    counts = pc.value_counts(table[column])
    repeated = counts.filter(pc.greater(counts.field("counts"), 1))
    if len(repeated):
        first = repeated[0].as_py()
        raise _refusal(
            f"The table {name} names a {column} more than once",
            f"{len(repeated)} ids repeat; {first['values']!r} stands {first['counts']} times",
        )


def _refuse_not_finite(name: str, table: pa.Table) -> None:
    for field in table.schema:
        if not pa.types.is_floating(field.type):
            continue
        bad = pc.fill_null(pc.invert(pc.is_finite(table[field.name])), False)
        mask = bad.to_numpy(zero_copy_only=False)
        if mask.any():
            raise _refusal(
                f"Column {field.name} of the table {name} holds NaN or infinity",
                f"{int(mask.sum())} rows, the first is row {int(np.argmax(mask))}",
                "Leave what was not observed null",
            )


def _refusal(
    what: str, why: str, action: str = "Correct the source and write it again"
) -> DatasetError:
    return DatasetError(what, why=why, unharmed="Nothing was written", action=action)
