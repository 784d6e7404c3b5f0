"""The data of a chart as CSV: one line a point, every place on every axis."""

import csv
import io
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from training_core.contract.errors import HeimdallError
from training_core.contract.files import write_atomic
from training_core.contract.home import working_folder

if TYPE_CHECKING:
    from heimdall_console.sources.run import RunView

COLUMNS: Final = ("run_id", "run", "metric", "step", "epoch", "time_s", "value", "smoothed")


def csv_text(name: str, views: Sequence["RunView"]) -> str:
    """Every point of a metric of some runs; epochs are counted from 0, times since 1970."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for view in views:
        series = view.history.metrics.get(name)
        if series is None:
            continue
        count = len(series)
        smoothed = series.smoothed.values.tolist() if series.smoothed is not None else [""] * count
        places = series.places
        rows = zip(
            places.steps[:count].tolist(),
            places.epochs[:count].tolist(),
            places.times_s[:count].tolist(),
            series.pyramid.values.tolist(),
            smoothed,
            strict=False,
        )
        writer.writerows([view.run_id, view.name, name, *row] for row in rows)
    return out.getvalue()


def save_csv(text: str, name: str, home: Path) -> Path:
    """Write data into the current folder, or into the home where that is not writable.

    Args:
        text: The data.
        name: What it is of; it becomes a part of the file's name.
        home: Where it goes otherwise.

    Raises:
        HeimdallError: Neither can be written.
    """
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "._") else "-" for c in name)[:80]
    folder = working_folder()
    folder = folder if os.access(folder, os.W_OK) else home
    path = folder / f"heimdall-{safe}-{time.strftime('%Y%m%d-%H%M%S')}.csv"
    try:
        write_atomic(path, text.encode("utf-8", "backslashreplace"), mode=0o644)
    except OSError as error:
        raise HeimdallError(
            f"The data {path} could not be written",
            why=error.strerror or str(error),
            unharmed="Nothing else was touched",
            action="Free some space or start the console in a folder that you may write to",
        ) from error
    return path
