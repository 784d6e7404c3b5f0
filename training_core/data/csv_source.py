"""Reading somebody's CSV files: whole columns at once, and errors that name line and column."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from training_core.contract.errors import DatasetError
from training_core.data.mapping import Missing, TimeColumn
from training_core.data.tables import missing_columns

FILE_COLUMN = "\0file"
"""Hidden column: name of the file that a row came from, without its ending."""

_UNIX = {"unix_s": 9, "unix_ms": 6, "unix_us": 3, "unix_ns": 0}


def source_files(source: Path, pattern: str) -> list[Path]:
    """The files of `source` that match, sorted; `source` itself where it is a file.

    Raises:
        DatasetError: The source is missing or empty, or nothing matches.
    """
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise _refusal(f"There is no {source}", "The path does not exist", "Check the path")
    present = sorted(entry.name for entry in source.iterdir())
    if not present:
        raise _refusal(f"{source} is empty", "The folder holds no file", "Check the path")
    try:
        found = sorted(file for file in source.glob(pattern) if file.is_file())
    except (NotImplementedError, ValueError) as error:
        raise _refusal(
            f"{pattern!r} is no file inside {source}", str(error), "Correct the mapping"
        ) from error
    if not found:
        raise _refusal(
            f"{source} holds no {pattern}",
            f"It holds {', '.join(present[:8])}{', …' if len(present) > 8 else ''}",
            "Name the file in the mapping as it is called in the folder",
        )
    return found


def read_csv(files: Sequence[Path], delimiter: str = ",") -> pa.Table:
    """All rows of the files as text, one after another, with `FILE_COLUMN` at the end.

    Raises:
        DatasetError: A file is unreadable, empty, has ragged rows, repeats a column, or
            has other columns than the first.
    """
    tables: list[pa.Table] = []
    for file in files:
        table = _read_one(file, delimiter)
        if tables and table.column_names != tables[0].column_names[:-1]:
            absent = sorted(set(tables[0].column_names[:-1]) - set(table.column_names))
            if absent:
                raise missing_columns(absent, table.column_names, file.name)
            table = table.select(tables[0].column_names[:-1])
        origin = pa.array([file.stem] * table.num_rows, type=pa.string())
        tables.append(table.append_column(FILE_COLUMN, origin))
    return pa.concat_tables(tables)


def _read_one(file: Path, delimiter: str) -> pa.Table:
    try:
        with file.open("rb") as stream:
            header = stream.readline().decode("utf-8-sig")
        if not header.strip():
            raise _refusal(f"{file} is empty", "It has no header line", "Check the file")
        with csv.open_csv(file, parse_options=_parsing(delimiter)) as reader:
            names = reader.schema.names
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise _refusal(
                f"{file} names the column {repeated[0]} more than once",
                "It would not be known which one is meant",
                "Rename one of them",
            )
        table = csv.read_csv(
            file,
            parse_options=_parsing(delimiter),
            convert_options=csv.ConvertOptions(
                column_types={name: pa.string() for name in names}, strings_can_be_null=False
            ),
        )
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        raise _refusal(
            f"{file} cannot be read as CSV", str(error).splitlines()[0], "Check the file"
        ) from error
    if table.num_rows == 0:
        raise _refusal(f"{file} has no rows", "There is only a header line", "Check the file")
    return table


def _parsing(delimiter: str) -> csv.ParseOptions:
    return csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)


def require_columns(table: pa.Table, columns: Sequence[str | None], where: str) -> None:
    """Refuse a table that lacks one of `columns` (None is no column).

    Raises:
        DatasetError: Names what is missing and the nearest that is there.
    """
    present = [name for name in table.column_names if name != FILE_COLUMN]
    wanted = [column for column in columns if column is not None]
    missing = [column for column in wanted if column not in present]
    if missing:
        raise missing_columns(missing, present, where, known=wanted)


def text_values(table: pa.Table, column: str) -> pa.Array:
    """A column as trimmed text; an empty cell is null."""
    text = pc.utf8_trim_whitespace(table[column]).combine_chunks()
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def number_values(
    table: pa.Table, column: str, missing: Missing, where: str
) -> NDArray[np.float64]:
    """A column as float64: empty cells and those that mean "missing" are NaN.

    Raises:
        DatasetError: A cell is no number, or NaN or infinite without being declared missing.
    """
    text = text_values(table, column)
    words = [word for word in missing if isinstance(word, str)]
    if words:
        declared = pc.is_in(text, value_set=pa.array(words, type=pa.string()))
        text = pc.if_else(declared, pa.scalar(None, pa.string()), text)
    try:
        numbers = pc.cast(text, pa.float64())
    except pa.ArrowException:
        raise _bad_cell(text, column, where) from None
    values = np.array(numbers.to_numpy(zero_copy_only=False), dtype=np.float64)
    given = pc.is_valid(numbers).to_numpy(zero_copy_only=False)
    odd = given & ~np.isfinite(values)
    if odd.any():
        row = int(np.argmax(odd))
        raise _refusal(
            f"{where} holds {text[row].as_py()!r} in column {column}, line {row + 2}",
            f"{int(odd.sum())} cells of that column are NaN or infinite",
            "Leave unknown cells empty, or list the word under missing in the mapping",
        )
    numeric = [word for word in missing if not isinstance(word, str)]
    if numeric:
        values[np.isin(values, numeric)] = np.nan
    return values


def integer_values(table: pa.Table, column: str, missing: Missing, where: str) -> pa.Array:
    """A column as int64 without passing through float64; missing cells are null.

    Raises:
        DatasetError: A cell is no number.
    """
    text = text_values(table, column)
    declared = pa.array([_as_text(word) for word in missing], type=pa.string())
    text = pc.if_else(
        pc.fill_null(pc.is_in(text, value_set=declared), False), pa.scalar(None, pa.string()), text
    )
    try:
        return pc.cast(text, pa.int64())
    except pa.ArrowException:
        pass
    try:
        return pc.cast(pc.round(pc.cast(text, pa.decimal128(38, 9))), pa.int64(), safe=False)
    except pa.ArrowException:
        raise _bad_cell(text, column, where) from None


def _as_text(word: float | str) -> str:
    if isinstance(word, float) and word.is_integer():
        return str(int(word))
    return str(word)


def _bad_cell(text: pa.Array, column: str, where: str) -> DatasetError:
    for row, cell in enumerate(text.to_pylist()):
        if cell is None:
            continue
        try:
            float(cell)
        except ValueError:
            return _refusal(
                f"{where} holds {cell!r} in column {column}, line {row + 2}",
                "A number is expected there",
                "Correct the cell, or list the word under missing in the mapping",
            )
    return _refusal(f"Column {column} of {where} holds no numbers", "", "Check the mapping")


def time_values(table: pa.Table, rule: TimeColumn, where: str) -> pa.Array:
    """A column as times in UTC with nanoseconds; an empty cell is null.

    Raises:
        DatasetError: A cell does not have the format that the mapping states.
    """
    text = text_values(table, rule.column)
    utc = pa.timestamp("ns", tz="UTC")
    try:
        if rule.format in _UNIX:
            if rule.format == "unix_ns":
                return pc.cast(text, pa.int64()).cast(utc)
            # Decimal, because nanoseconds since 1970 do not fit float64's 53 bits.
            factor = pa.scalar(10 ** _UNIX[rule.format], pa.decimal128(10, 0))
            nanoseconds = pc.round(pc.multiply(pc.cast(text, pa.decimal128(27, 9)), factor))
            return pc.cast(nanoseconds, pa.int64(), safe=False).cast(utc)
        if rule.format != "iso8601":
            naive = pc.strptime(text, format=rule.format, unit="ns")
        else:
            if _has_zone(text):
                return pc.cast(text, utc)
            naive = pc.cast(text, pa.timestamp("ns"))
        if naive.type.tz is not None:
            return naive.cast(utc)
        if rule.timezone == "UTC":
            return naive.cast(pa.int64()).cast(utc)
        return pc.assume_timezone(
            naive, rule.timezone, ambiguous="earliest", nonexistent="latest"
        ).cast(utc)
    except (pa.ArrowException, ValueError) as error:
        raise _refusal(
            f"Times in column {rule.column} of {where} are not of the format {rule.format}",
            str(error).splitlines()[0],
            "Correct sessions.time in the mapping: iso8601, unix_s, unix_ms, unix_us, unix_ns "
            "or a strptime pattern",
        ) from error


def _has_zone(text: pa.Array) -> bool:
    zoned = pc.match_substring_regex(text, r"(Z|[+-]\d\d:?\d\d)$")
    return bool(pc.any(pc.fill_null(zoned, False)).as_py())


def _refusal(what: str, why: str, action: str) -> DatasetError:
    return DatasetError(what, why=why, unharmed="Nothing was written", action=action)
