"""Confidence intervals of an evaluation, and whether the network differs from the best other."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from training_core.data.blocks import blocks_of
from training_core.data.store import SessionStore
from training_core.models.bootstrap import STATISTICS, interval, resampling

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.int64]


def told_intervals(
    store: SessionStore, rows: IndexArray, errors_m: Mapping[str, Float64Array], seed: int
) -> dict[str, Any]:
    """Resample tracks, or cells of place, for what every method reaches and how it differs.

    Args:
        store: the dataset.
        rows: sessions that were judged.
        errors_m: method → (rows,) errors; `network` among them.
        seed: of the draws.

    Returns:
        Plain JSON: `unit` (what is drawn: "tracks", "cells of 140 m"), `blocks` (how many),
        `of` (method → `median_m`, `mean_m`, `p90_m`, each low and high end of the 95 % interval;
        methods without finite errors are absent) and `network_less_best`, None without another
        method or enough blocks: `method` (of the least median beside the network), `median_m` and
        `mean_m` (network less method), `median_interval_m`, `mean_interval_m`.
    """
    unit, block = _blocks(store, rows)
    told: dict[str, Any] = {"unit": unit, "blocks": int(block.max(initial=-1)) + 1, "of": {},
                            "network_less_best": None}  # fmt: skip
    draws = resampling(block, seed)
    if draws is None:
        return told
    finite = {name: errors for name, errors in errors_m.items() if np.isfinite(errors).all()}
    drawn = {name: draws.statistics(errors) for name, errors in finite.items()}
    for name, values in drawn.items():
        ends = interval(values)
        told["of"][name] = {
            key: [float(end) for end in ends[:, column]] for column, key in enumerate(STATISTICS)
        }
    told["network_less_best"] = _difference(finite, drawn)
    return told


def _difference(
    errors_m: Mapping[str, Float64Array], drawn: Mapping[str, Float64Array]
) -> dict[str, Any] | None:
    others = [name for name in errors_m if name != "network"]
    if "network" not in errors_m or not others:
        return None
    best = min(others, key=lambda name: float(np.median(errors_m[name])))
    mine, its = errors_m["network"], errors_m[best]
    ends = interval(drawn["network"] - drawn[best])
    return {
        "method": best,
        "median_m": float(np.median(mine) - np.median(its)),
        "median_interval_m": [float(end) for end in ends[:, STATISTICS.index("median_m")]],
        "mean_m": float(mine.mean() - its.mean()),
        "mean_interval_m": [float(end) for end in ends[:, STATISTICS.index("mean_m")]],
    }


def _blocks(store: SessionStore, rows: IndexArray) -> tuple[str, IndexArray]:
    """Tracks where sessions have them, otherwise cells: neighbors are no independent evidence."""
    tracks = store.sessions["track"].take(rows)
    # A track of its own for every session says nothing about which sessions belong together.
    if tracks.null_count == 0 and pc.count_distinct(tracks).as_py() <= len(rows) / 2:
        found = blocks_of(store, rows, "track")
        if found.count > 1:
            return found.unit, found.block
    found = blocks_of(store, rows, "place")
    return found.unit, found.block
