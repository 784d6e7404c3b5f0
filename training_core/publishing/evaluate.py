"""`evaluate`: a model's errors in meters beside methods without a network, on the same rows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from training_core.contract.config import Config
from training_core.contract.errors import DatasetError
from training_core.contract.jobs import EvaluateArguments, Report, no_report
from training_core.data.features import observation_arrays
from training_core.data.leakage import leakage
from training_core.data.splits import Split, make_split
from training_core.data.store import SessionStore, open_store
from training_core.data.tables import MEASUREMENTS, float_column
from training_core.models.metrics import position_errors, position_metrics
from training_core.publishing.estimator import (
    Estimator,
    open_estimator,
    refuse_foreign_receivers,
)
from training_core.publishing.evaluation_rows import coverage, session_rows
from training_core.radio.baselines import TrainingCentroid
from training_core.radio.geo import LocalFrame
from training_core.radio.neighbors import WeightedNearestNeighbors

CDF_SHARES: Final = tuple(round(number / 100, 2) for number in range(101))
"""Shares of the rows at which the distribution of the error is told."""

Float64Array = NDArray[np.float64]


def evaluate(arguments: EvaluateArguments, report: Report = no_report) -> dict[str, Any]:
    """Evaluate a model on one part of a split of a dataset.

    Args:
        arguments: model, dataset, part and, where it is not the split of the model's
            training, name and seed of a split.
        report: told what is done.

    Returns:
        Plain JSON:

        * `model`, `registered_model` and `version` (empty and None for a file), `kind`,
          `run_id`, `hears_signal` (False for a no-signal control), `dataset`,
          `dataset_fingerprint`, `same_dataset` (as in training);
        * `split`: name, part, seed, validation_split, test_split, note, leaking, `rows` that
          are evaluated and `train_rows` that the baselines learn from;
        * `leakage`: shares as of `training_core.data.leakage`, None where there is none;
        * `trained_on_share`: share of the rows the model was trained on, None if unknown;
        * `methods`: by name (`network`, `weighted_neighbors`, `training_centroid`) each
          with `metrics` and `cdf_m`, its errors at `cdf_share`;
        * `coverage`: pairs of the share that the network's ellipses should hold and the share
          of true positions that they do;
        * `positions`: single sessions, as of `training_core.publishing.evaluation_rows`;
        * `neighbors`: k of the nearest neighbors, None without them;
        * `warnings`: sentences that belong beside the numbers.

    Raises:
        DatasetError: the dataset is unreadable, its part holds no labeled session, or it has
            none of the model's receivers.
        CheckpointError: the checkpoint is unreadable or of a foreign model.
        ExportError: the ONNX file is unusable.
        StorageError: a registered model could not be fetched.
        TrackingError: there is no such registered model.
    """
    store = open_store(arguments.dataset)
    estimator = open_estimator(arguments)
    refuse_foreign_receivers(estimator, store)
    chosen = _chosen_split(arguments, estimator, store)
    rows = chosen.split.part(arguments.split)
    if len(rows) == 0:
        raise DatasetError(
            f"The split {chosen.split.name} has no labeled sessions for {arguments.split}",
            why=f"{len(chosen.split.train)} train, {len(chosen.split.val)} validate, "
            f"{len(chosen.split.test)} test",
            unharmed="Nothing was changed",
            action="Choose another part with --split, or another split with --split-name",
        )
    target = store.label_m(estimator.frame)
    report("evaluating", 0, len(rows))
    judged = replace(store, sessions=store.sessions.take(rows))
    answers: dict[str, tuple[Float64Array, Float64Array | None]] = {
        "network": estimator.answer(judged if estimator.hears_signal else _silenced(judged), report)
    }
    trained_on = _trained_on_share(estimator, store, rows)
    warnings = _warnings(arguments, chosen, estimator, store, trained_on)
    neighbors = _nearest_neighbors(store, estimator.frame, target, chosen.split.train)
    if neighbors is None:
        warnings.append("Nearest neighbors are left out: training holds no fixed receiver's RSSI.")
    else:
        nearest, rssi = neighbors
        answers["weighted_neighbors"] = (nearest.predict(rssi[rows]), None)
    centroid = TrainingCentroid(target[chosen.split.train])
    answers["training_centroid"] = (centroid.predict(len(rows)), None)
    report("evaluating", len(rows), len(rows))
    mean, covariance = answers["network"]
    return {
        "model": arguments.model,
        "registered_model": estimator.registered_model,
        "version": estimator.version,
        "kind": estimator.kind,
        "hears_signal": estimator.hears_signal,
        "run_id": estimator.run_id,
        "dataset": store.info.name,
        "dataset_fingerprint": store.fingerprint,
        "same_dataset": estimator.dataset_fingerprint == store.fingerprint,
        "split": {
            **chosen.recipe,
            "part": arguments.split,
            "note": chosen.split.note,
            "leaking": chosen.split.leaking,
            "rows": len(rows),
            "train_rows": len(chosen.split.train),
        },
        "leakage": _finite(leakage(store, chosen.split)),
        "trained_on_share": trained_on,
        "methods": {
            name: _judged(mean, covariance, target[rows])
            for name, (mean, covariance) in answers.items()
        },
        "cdf_share": list(CDF_SHARES),
        "coverage": [] if covariance is None else coverage(mean, covariance, target[rows]),
        "positions": session_rows(judged, estimator.frame, mean, covariance, target[rows]),
        "neighbors": neighbors[0].neighbors if neighbors else None,
        "warnings": warnings,
    }


@dataclass(frozen=True)
class _ChosenSplit:
    split: Split
    recipe: dict[str, Any]


def _chosen_split(
    arguments: EvaluateArguments, estimator: Estimator, store: SessionStore
) -> _ChosenSplit:
    """The split of the model's training, unless another is asked for."""
    defaults = Config()
    recipe: dict[str, Any] = {
        "name": "place",
        "validation_split": defaults.data.validation_split,
        "test_split": defaults.data.test_split,
        "seed": defaults.run.seed,
    }
    recipe |= {name: value for name, value in estimator.split.items() if name in recipe}
    is_other = estimator.dataset_fingerprint != store.fingerprint
    if is_other and recipe["name"] not in store.info.splits:
        # Another dataset than that of training need not have such a split.
        recipe["name"] = "place"
    if arguments.split_name:
        recipe["name"] = arguments.split_name
    if arguments.seed is not None:
        recipe["seed"] = arguments.seed
    return _ChosenSplit(make_split(store, **recipe), recipe)


def _silenced(store: SessionStore) -> SessionStore:
    """The same observations with every measurement taken out."""
    observations = store.observations
    for name in MEASUREMENTS:
        nothing = pa.nulls(observations.num_rows, observations.schema.field(name).type)
        observations = observations.set_column(observations.column_names.index(name), name, nothing)
    return replace(store, observations=observations)


def _judged(
    mean_m: Float64Array, covariance_m2: Float64Array | None, target_m: Float64Array
) -> dict[str, Any]:
    errors = position_errors(mean_m, target_m)
    return {
        "metrics": _finite(position_metrics(mean_m, covariance_m2, target_m)),
        "cdf_m": [float(value) for value in np.quantile(errors, CDF_SHARES)],
    }


def _nearest_neighbors(
    store: SessionStore, frame: LocalFrame, target_m: Float64Array, train: NDArray[np.int64]
) -> tuple[WeightedNearestNeighbors, Float64Array] | None:
    """The estimator and the RSSI of every session at fixed receivers; None without any RSSI.

    A receiver that moves gives no fingerprint of a place.
    """
    is_fixed = ~store.receivers["mobile"].to_numpy(zero_copy_only=False).astype(np.bool_)
    fixed = [name for name, chosen in zip(store.receiver_ids, is_fixed, strict=True) if chosen]
    arrays = observation_arrays(store, frame, fixed, ("rssi_dbm",))
    rssi = np.full((len(arrays), len(fixed)), np.nan)
    session, slot = np.nonzero(arrays.receiver >= 0)
    rssi[session, arrays.receiver[session, slot]] = arrays.observation[session, slot, 0]
    if not np.isfinite(rssi[train]).any():
        return None
    floor = float_column(store.receivers, "floor_dbm")[is_fixed]
    return WeightedNearestNeighbors(rssi[train], target_m[train], floor), rssi


def _trained_on_share(
    estimator: Estimator, store: SessionStore, rows: NDArray[np.int64]
) -> float | None:
    """Share of the rows in the model's own training; None where it was trained elsewhere."""
    if estimator.dataset_fingerprint != store.fingerprint or not estimator.split:
        return None
    own = make_split(store, **estimator.split)
    return float(np.isin(rows, own.train).mean())


def _warnings(
    arguments: EvaluateArguments,
    chosen: _ChosenSplit,
    estimator: Estimator,
    store: SessionStore,
    trained_on: float | None,
) -> list[str]:
    warnings = []
    if not estimator.hears_signal:
        warnings.append("This is a no-signal control: the network was told of silence only.")
    if chosen.split.leaking:
        warnings.append(f"This split says little about new places: {chosen.split.note}.")
    if arguments.split == "train":
        warnings.append("Every method has seen these rows: the errors say nothing about new ones.")
    if estimator.dataset_fingerprint != store.fingerprint:
        warnings.append(
            "The model was trained on another dataset, or on another version of this one: "
            "whether it has seen these rows is unknown."
        )
        return warnings
    if trained_on and arguments.split != "train":
        warnings.append(f"The model was trained on {trained_on:.0%} of these rows.")
    return warnings


def _finite(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: float(value) if math.isfinite(value) else None for name, value in values.items()}
