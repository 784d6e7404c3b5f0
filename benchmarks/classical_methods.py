"""Every method without a network on the measured sets, on rows that it did not learn from.

Imports each set into a home of its own and prints errors, coverage of the 50 and 90 % regions and
the bound. Nothing is chosen on these rows: what a method chooses, it chooses on folds by place of
its training rows.

    OMP_NUM_THREADS=1 python benchmarks/classical_methods.py ../shared/data
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training_core.data.blocks import blocks_of
from training_core.data.method_inputs import method_inputs
from training_core.data.splits import labeled_rows, make_split
from training_core.data.store import SessionStore, open_store
from training_core.models.metrics import position_metrics
from training_core.publishing.evaluation_methods import judged_methods
from training_core.radio.methods import run_methods

REPOSITORY = Path(__file__).resolve().parent.parent
IndexArray = NDArray[np.int64]
Parts = tuple[IndexArray, IndexArray]


def imported(home: Path, kind: str, source: Path, mapping: str) -> SessionStore:
    """The published files as a dataset."""
    command = [sys.executable, "-m", "heimdall_console", "data", "import", kind, str(source)]
    command += ["--map", f"examples/mappings/{mapping}.toml", "--name", mapping]
    subprocess.run(
        command,
        cwd=REPOSITORY,
        env={**os.environ, "HEIMDALL_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return open_store(home / "datasets" / mapping)


def of_split(name: str) -> Callable[[SessionStore], Parts]:
    """Everything outside of the test of a split teaches."""

    def parts(store: SessionStore) -> Parts:
        split = make_split(store, name, validation_split=0.0, test_split=0.2, seed=0)
        return split.train, split.test

    return parts


def first_day(store: SessionStore) -> Parts:
    """The first day is the test, the others teach: another season on the campus."""
    rows = labeled_rows(store)
    day = blocks_of(store, rows, "date").block
    return rows[day > 0], rows[day == 0]


SETS: tuple[tuple[str, str, str, str, Callable[[SessionStore], Parts]], ...] = (
    ("POWDER, grid", "wide-csv", "powder_frs_rss", "powder", of_split("grid")),
    ("POWDER, July to April", "wide-csv", "powder_frs_rss", "powder", first_day),
    ("LoRaWAN, random fifth", "wide-csv", "lorawan_antwerp_rssi", "lorawan", of_split("random")),
    ("LocaRDS, tracks", "long-csv", "locards_adsb_toa", "locards", of_split("track")),
)


def row(name: str, metrics: dict[str, Any]) -> None:
    """One line of the table."""
    cells = [f"{metrics[key]:10,.1f}" for key in ("median_m", "mean_m", "p90_m")]
    cells += [
        f"{100 * metrics[key]:8.1f}"
        for key in ("coverage_50", "coverage_90")
        if metrics.get(key) is not None
    ]
    print(f"  {name:22s}{''.join(cells)}", flush=True)


def every_track_in_turn(store: SessionStore, folds: int = 5) -> None:
    """Time differences on all rows, each fix by what other tracks taught."""
    rows = labeled_rows(store)
    track = blocks_of(store, rows, "track")
    fold = (np.random.default_rng(0).permutation(track.count) % folds)[track.block]
    mean, target = np.empty((len(rows), 2)), store.label_m()[rows]
    for number in range(folds):
        held_out = np.flatnonzero(fold == number)
        inputs = method_inputs(store, store.frame, rows[fold != number], rows[held_out])
        answers = run_methods(inputs, ("time_differences",)).answers
        mean[held_out] = answers["time_differences"].mean_m
    print(f"LocaRDS, all {len(rows):,} rows, {folds} folds over tracks")
    row("time differences", position_metrics(mean, None, target))


def main() -> None:
    """Print a table for each set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder of the measured sets")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stores: dict[str, SessionStore] = {}
        for title, kind, source, mapping, parts in SETS:
            if mapping not in stores:
                place = options.data.absolute() / source
                stores[mapping] = imported(Path(folder), kind, place, mapping)
            store = stores[mapping]
            train, test = parts(store)
            began, used = time.monotonic(), time.process_time()
            found = judged_methods(store, store.frame, train, test, lambda *_: None)
            took = f"{time.monotonic() - began:.0f} s, {time.process_time() - used:.0f} s of CPU"
            print(f"{title}: {len(train):,} teach, {len(test):,} are judged; {took}")
            print(f"  {'meters':22s}{'median':>10s}{'mean':>10s}{'90 %':>10s}{'in 50 %':>8s}{'in 90 %':>8s}")  # fmt: skip
            for name, method in found.told["methods"].items():
                row(name.replace("_", " "), method["metrics"])
            for name, bound in found.told["bounds"].items():
                row(f"bound, {name}", bound)
            for note in found.told["notes"]:
                print(f"  {note}")
        every_track_in_turn(stores["locards"])


if __name__ == "__main__":
    main()
