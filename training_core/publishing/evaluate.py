"""`evaluate`: a model's errors in meters beside methods without a network, on the same rows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from training_core.contract.config import Config
from training_core.contract.errors import DatasetError
from training_core.contract.jobs import EvaluateArguments, Report, no_report
from training_core.data.leakage import WITHIN_M, WITHIN_S, leakage
from training_core.data.splits import Split, make_split
from training_core.data.store import SessionStore, open_store
from training_core.data.tables import MEASUREMENTS
from training_core.models.metrics import position_errors
from training_core.publishing.estimator import (
    Estimator,
    open_estimator,
    refuse_foreign_receivers,
)
from training_core.publishing.evaluation_calibration import calibration, error_over_bound
from training_core.publishing.evaluation_intervals import told_intervals
from training_core.publishing.evaluation_methods import (
    CDF_SHARES,
    finite,
    judged,
    judged_methods,
)
from training_core.publishing.evaluation_rows import coverage, session_rows

_LEAKING_SHARE: Final = 0.2
"""So many sessions beside a trained one are worth a warning, whatever the split is called."""


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
        * `split`: name, part, seed, validation_split, test_split, note, leaking, warning
          (empty, or what leaks: the first of `warnings`), `rows` that are evaluated and `train_rows` that the baselines learn from;
        * `leakage`: shares as of `training_core.data.leakage`, None where there is none;
        * `trained_on_share`: share of the rows the model was trained on, None if unknown;
        * `methods`: by name (`network`, then those of `training_core.radio.methods` that the
          dataset allows) each with `metrics` and `cdf_m`, its errors at `cdf_share`;
        * `bounds`: of the sessions' errors, as of `training_core.publishing.evaluation_methods`,
          each with `error_over_bound`, the median of that quotient by method;
        * `intervals`: of the methods' errors, as of `training_core.publishing.evaluation_intervals`;
        * `calibration`: as of `training_core.publishing.evaluation_calibration`;
        * `coverage`: pairs of the share that the network's ellipses should hold and the share
          of true positions that they do;
        * `positions`: single sessions, as of `training_core.publishing.evaluation_rows`;
        * `neighbors`: k of the nearest neighbors, None without them;
        * `dropped_receivers`: those that the methods without a network leave out, because their
          floor moved since training;
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
    target = store.label_m(estimator.frame)[rows]
    report("evaluating", 0, len(rows))
    sessions = replace(store, sessions=store.sessions.take(rows))
    mean, covariance = estimator.answer(
        sessions if estimator.hears_signal else _silenced(sessions), report
    )
    trained_on = _trained_on_share(estimator, store, rows)
    near = leakage(store, chosen.split)
    warnings = _warnings(arguments, chosen, estimator, store, trained_on)
    beside = _leak_warning(arguments.split, chosen.split, near)
    warnings = ([beside] if beside else []) + warnings
    others = judged_methods(
        store, estimator.frame, chosen.split.train, rows, report, quick=arguments.quick
    )
    errors = {"network": position_errors(mean, target), **others.errors_m}
    bounds = dict(others.told["bounds"])
    for name, bound_m in others.bounds_m.items():
        bounds[name] = {**bounds[name], "error_over_bound": error_over_bound(errors, bound_m)}
    warnings += others.told["notes"]
    report("evaluating", len(rows), len(rows))
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
            "warning": beside,
            "rows": len(rows),
            "train_rows": len(chosen.split.train),
        },
        "leakage": finite(near),
        "trained_on_share": trained_on,
        "methods": {"network": judged(mean, covariance, target), **others.told["methods"]},
        "bounds": bounds,
        "intervals": told_intervals(store, rows, errors, chosen.recipe["seed"]),
        "cdf_share": list(CDF_SHARES),
        "coverage": coverage(mean, covariance, target),
        "calibration": calibration(sessions, estimator.frame, mean, covariance, target),
        "positions": session_rows(
            sessions, estimator.frame, mean, covariance, target, others.bounds_m
        ),
        "neighbors": others.told["neighbors"],
        "dropped_receivers": others.told["dropped_receivers"],
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


def _trained_on_share(
    estimator: Estimator, store: SessionStore, rows: NDArray[np.int64]
) -> float | None:
    """Share of the rows in the model's own training; None where it was trained elsewhere."""
    if estimator.dataset_fingerprint != store.fingerprint or not estimator.split:
        return None
    own = make_split(store, **estimator.split)
    return float(np.isin(rows, own.train).mean())


def _leak_warning(part: str, split: Split, near: Mapping[str, float]) -> str:
    """What says that a split leaks: its own word, or how near training lies; empty otherwise."""
    share = near.get(f"{part}_share", np.nan)
    measured = ""
    if share >= _LEAKING_SHARE:
        measured = (
            f"{share:.0%} of these sessions lie within {WITHIN_M:g} m and {WITHIN_S:g} s of one "
            "that was trained on"
        )
    if split.leaking:
        more = f"; {measured}" if measured else ""
        return f"This split says little about new places: {split.note}{more}."
    return f"This split may say little about new places: {measured}." if measured else ""


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
