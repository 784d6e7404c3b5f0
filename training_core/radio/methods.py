"""Every method without a network that a dataset allows, on the same rows, and their bounds."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training_core.contract.errors import DatasetError
from training_core.contract.jobs import Report, no_report
from training_core.radio.baselines import TrainingCentroid
from training_core.radio.bounds import rms_m, time_bound_m2
from training_core.radio.method_answer import MethodAnswer
from training_core.radio.method_inputs import MethodInputs, PowerInputs
from training_core.radio.power_methods import PowerMethods
from training_core.radio.receiver_floors import moved_receivers
from training_core.radio.time_method import TimeMethod

METHODS: Final = (
    "time_differences",
    "radio_map",
    "path_loss",
    "extra_trees",
    "weighted_neighbors",
    "strongest_receiver",
    "training_centroid",
)
"""In the order in which they are told."""
QUICK: Final = ("weighted_neighbors", "strongest_receiver", "training_centroid")
"""Those that take no time."""

Float64Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass
class MethodResults:
    """What the methods answered."""

    answers: dict[str, MethodAnswer] = field(default_factory=dict)
    """By name, in the order of `METHODS`."""
    bounds_m: dict[str, Float64Array] = field(default_factory=dict)
    """`power` and `time`: root of the least mean squared error, (test rows,)."""
    neighbors: int | None = None
    """k of the nearest neighbors."""
    dropped: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """Receivers (indices) that were left out because their floor moved."""
    notes: list[str] = field(default_factory=list)
    """Why a method is missing, and what belongs beside the numbers."""


def run_methods(
    inputs: MethodInputs,
    chosen: Collection[str] = METHODS,
    report: Report = no_report,
) -> MethodResults:
    """Learn from the training rows and locate the test rows with every method that applies.

    Receivers whose floor moved between training and test are left out of all methods: their gain
    moved with it. So are those that were off in the whole test. Both are told from unlabeled powers
    alone.

    Args:
        inputs: the dataset.
        chosen: which of `METHODS`.
        report: told the method at work.

    Raises:
        DatasetError: training holds no row.
    """
    results = MethodResults()
    centroid = TrainingCentroid(inputs.target_m[inputs.train])
    if inputs.time is not None and "time_differences" in chosen:
        report("time differences", 0, None)
        with _left_out("time_differences", results):
            _locate_by_time(TimeMethod(inputs, inputs.time), results)
    if set(chosen) & set(METHODS[1:-1]):
        if inputs.power is None:
            results.notes.append(
                "Methods of received power are left out: training holds no fixed receiver's RSSI."
            )
        else:
            _locate_by_power(inputs, inputs.power, chosen, report, results)
    if "training_centroid" in chosen:
        results.answers["training_centroid"] = MethodAnswer(centroid.predict(len(inputs.test)))
    return results


def _locate_by_power(
    inputs: MethodInputs,
    power: PowerInputs,
    chosen: Collection[str],
    report: Report,
    results: MethodResults,
) -> None:
    moved, is_off = _unusable(inputs, power)
    results.dropped = np.flatnonzero(moved)
    methods = PowerMethods(
        power.without(moved | is_off), inputs.target_m, inputs.train, inputs.test, report
    )
    needs_positions = {"radio_map": methods.radio_map, "path_loss": methods.path_loss}
    if not np.isfinite(methods.power.receiver_m).all(axis=1).any():
        if set(needs_positions) & set(chosen):
            results.notes.append(
                "Radio map and path loss are left out: the fixed receivers' positions are unknown."
            )
        needs_positions = {}
    for name, answer in {
        **needs_positions,
        "extra_trees": methods.extra_trees,
        "weighted_neighbors": methods.weighted_neighbors,
        "strongest_receiver": methods.strongest_receiver,
    }.items():
        if name not in chosen:
            continue
        report(name.replace("_", " "), 0, None)
        with _left_out(name, results):
            results.answers[name] = answer()
    if "path_loss" in results.answers:
        results.bounds_m["power"] = methods.bound_m()
    if "weighted_neighbors" in results.answers:
        results.neighbors = methods.neighbors


@contextmanager
def _left_out(name: str, results: MethodResults) -> Iterator[None]:
    """A method that this training cannot teach is left out, and why is noted."""
    try:
        yield
    except DatasetError as error:
        title = name.replace("_", " ").capitalize()
        results.notes.append(f"{title} could not be learned: {error.what}.")


def _unusable(inputs: MethodInputs, power: PowerInputs) -> tuple[BoolArray, BoolArray]:
    """Receivers whose floor moved, and those that were off in the whole test, (receivers,) each."""
    floors = PowerMethods(power, inputs.target_m, inputs.train, inputs.test, no_report).floors(
        inputs.train
    )
    moved = moved_receivers(floors, power.rssi_dbm[inputs.test])
    # Put at its floor, a receiver that was off would stand for places that nobody hears.
    is_off = floors.reports_noise & np.isnan(power.rssi_dbm[inputs.test]).all(axis=0)
    heard = np.isfinite(power.rssi_dbm[inputs.train]).any(axis=0)
    if not (heard & ~is_off).any():
        is_off = np.zeros_like(is_off)
    if not (heard & ~moved & ~is_off).any():
        moved = np.zeros_like(moved)
    return moved, is_off & ~moved


def _locate_by_time(method: TimeMethod, results: MethodResults) -> None:
    inputs = method.inputs
    results.answers["time_differences"] = method.answer()
    timing = method.timing(inputs.train)
    results.bounds_m["time"] = rms_m(
        time_bound_m2(
            method.corrected(timing, inputs.test),
            inputs.latitude_deg[inputs.test],
            inputs.longitude_deg[inputs.test],
        )
    )
    if method.time.knows_altitude:
        results.notes.append("Time differences are told the emitters' altitudes.")
    if missing := method.unlocated():
        results.notes.append(
            f"Time differences put {missing:,} sessions at the training centroid: fewer than three "
            "receivers timed them."
        )
