"""Evaluation of real checkpoints on generated datasets."""

import json
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from training_core.contract.errors import CheckpointError, DatasetError, ExportError, TrackingError
from training_core.contract.jobs import (
    EvaluateArguments,
    ExportArguments,
    RegisterArguments,
    SynthArguments,
    create_job,
)
from training_core.contract.run_log import RunLogWriter
from training_core.data.features import observation_arrays
from training_core.data.splits import make_split
from training_core.data.store import SessionStore, open_store, write_store
from training_core.data.synth import synth
from training_core.models.gaussian_head import covariance_from_cholesky
from training_core.models.metrics import METRIC_NAMES, position_metrics
from training_core.models.registry import network_from_spec
from training_core.models.restore import load_network
from training_core.models.specs import ReceiverSetOptions, receiver_set_spec
from training_core.publishing import evaluation_rows
from training_core.publishing.evaluate import evaluate
from training_core.publishing.evaluation_methods import CDF_SHARES
from training_core.publishing.export_graph import position_graph
from training_core.publishing.jobs import export, register
from training_core.publishing.model_metadata import ModelMetadata
from training_core.publishing.onnx_export import export_onnx
from training_core.radio.methods import METHODS, QUICK
from training_core.training.control import StopControl
from training_core.worker.dispatch import do_job

SPLIT = {"name": "track", "validation_split": 0.2, "test_split": 0.25, "seed": 5}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,500 sessions on a campus."""
    folder = tmp_path_factory.mktemp("evaluate") / "campus"
    synth(SynthArguments(target=folder, sessions=1_500, seed=1))
    return folder


@pytest.fixture(scope="module")
def checkpoint(dataset: Path) -> Path:
    """An untrained network, saved as a run saves one."""
    store = open_store(dataset)
    path = dataset.parent / "network.ckpt"
    split = make_split(store, **SPLIT)  # type: ignore[arg-type]
    torch.manual_seed(0)
    options = ReceiverSetOptions(width=16, depth=1, fingerprint_width=32, fingerprint_depth=1)
    spec = receiver_set_spec(store, split, store.frame, options)
    save(path, spec, store)
    return path


def save(
    path: Path, spec: dict[str, Any] | None, store: SessionStore, split_name: str = "track"
) -> None:
    state = {} if spec is None else network_from_spec(spec).state_dict()
    torch.save(
        {
            "state_dict": {f"network.{name}": value for name, value in state.items()},
            "heimdall": {
                "network": spec,
                "model_class": "torch.nn:Identity",
                "model_arguments": {},
                "run_id": "20261124-090000-abcd",
                "dataset_fingerprint": store.fingerprint,
                "split": SPLIT | {"name": split_name},
            },
        },
        path,
    )


@pytest.fixture(scope="module")
def exported(dataset: Path, checkpoint: Path) -> Path:
    """The same network as an ONNX file."""
    store = open_store(dataset)
    network, origin = load_network(checkpoint)
    spec = origin["network"]
    arrays = observation_arrays(store, store.frame, spec["receiver_ids"], spec["channels"])
    inputs = arrays.take(np.arange(40)).inputs()
    path = dataset.parent / "model.onnx"
    metadata = ModelMetadata(
        kind=spec["kind"],
        inputs=[],
        outputs=[],
        site_origin=(repr(store.frame.latitude_deg), repr(store.frame.longitude_deg)),
        receiver_ids=spec["receiver_ids"],
        channels=spec["channels"],
        run_id=origin["run_id"],
        dataset_fingerprint=origin["dataset_fingerprint"],
        split=origin["split"],
    )
    rows = {name: torch.from_numpy(values) for name, values in inputs.items()}
    export_onnx(position_graph(network, rows), metadata, path)
    return path


def run(model: Path, dataset: Path, quick: bool = True, **more: Any) -> dict[str, Any]:
    return evaluate(EvaluateArguments(model=str(model), dataset=dataset, quick=quick, **more))


def test_the_metrics_are_those_of_the_network_on_the_split_of_its_training(
    dataset: Path, checkpoint: Path
) -> None:
    result = run(checkpoint, dataset)
    store = open_store(dataset)
    split = make_split(store, **SPLIT)  # type: ignore[arg-type]

    saved = torch.load(checkpoint, weights_only=True)
    spec = saved["heimdall"]["network"]
    network = network_from_spec(spec).eval()
    network.load_state_dict(
        {name.removeprefix("network."): value for name, value in saved["state_dict"].items()}
    )
    arrays = observation_arrays(store, store.frame, spec["receiver_ids"], spec["channels"])
    arrays = arrays.take(split.test)
    with torch.inference_mode():
        mean, cholesky = network(*(torch.from_numpy(x) for x in arrays.inputs().values()))
        covariance = covariance_from_cholesky(cholesky.double()).numpy()
    expected = position_metrics(mean.double().numpy(), covariance, store.label_m()[split.test])

    assert result["methods"]["network"]["metrics"] == pytest.approx(expected, rel=1e-4)
    assert set(result["methods"]["network"]["metrics"]) == set(METRIC_NAMES)
    assert result["split"]["rows"] == len(split.test)
    assert result["split"]["train_rows"] == len(split.train)
    assert {name: result["split"][name] for name in SPLIT} == SPLIT
    assert not result["split"]["leaking"]
    assert result["same_dataset"]
    assert result["trained_on_share"] == 0.0
    assert result["warnings"] == []


def test_single_sessions_are_told_where_they_are_and_where_they_were_put(
    dataset: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(checkpoint, dataset)
    told = result["positions"]
    rows = result["split"]["rows"]
    truth, estimate = np.array(told["truth_m"]), np.array(told["estimate_m"])
    assert truth.shape == estimate.shape == (rows, 2)
    errors = np.hypot(*(truth - estimate).T)
    np.testing.assert_allclose(errors, told["error_m"], atol=0.02)
    assert np.median(errors) == pytest.approx(
        result["methods"]["network"]["metrics"]["median_m"], abs=0.02
    )
    assert np.array(told["covariance_m2"]).shape == (rows, 3)
    assert len(told["receivers_m"]) == len(open_store(dataset).receiver_ids)
    assert min(told["receivers"]) >= 1
    stated = dict(result["coverage"])
    for share in (0.5, 0.9, 0.95):
        metric = result["methods"]["network"]["metrics"][f"coverage_{round(100 * share)}"]
        assert stated[share] == pytest.approx(metric)
    monkeypatch.setattr(evaluation_rows, "MOST_ROWS", 60)
    few = run(checkpoint, dataset)["positions"]
    assert few["of"] == rows
    assert len(few["session_id"]) <= 60
    assert max(few["error_m"]) == max(told["error_m"]), "the worst ones are always told"


def test_the_methods_without_a_network_stand_beside_it(dataset: Path, checkpoint: Path) -> None:
    result = run(checkpoint, dataset, quick=False, split_name="place")
    methods = result["methods"]
    assert list(methods) == ["network", *METHODS[1:]]
    # A generated campus tells where the emitter is.
    median = {name: method["metrics"]["median_m"] for name, method in methods.items()}
    for name in ("weighted_neighbors", "extra_trees", "path_loss", "radio_map"):
        assert median[name] < 0.6 * median["training_centroid"]
        assert 0.6 < methods[name]["metrics"]["coverage_90"] <= 1.0
        assert np.isfinite(methods[name]["metrics"]["nll"])
    assert median["radio_map"] < median["path_loss"]
    assert result["neighbors"] >= 1
    assert result["dropped_receivers"] == []
    bound = result["bounds"]["power"]
    assert set(bound["error_over_bound"]) == set(methods)
    told = np.array(result["positions"]["bound_m"]["power"], np.float64)
    over = np.median(np.array(result["positions"]["error_m"]) / told)
    assert bound["error_over_bound"]["network"] == pytest.approx(over, rel=0.01)
    assert result["intervals"]["unit"] == "tracks"
    assert 0 < bound["median_m"] <= bound["p90_m"]
    assert "coverage_90" not in methods["training_centroid"]["metrics"]
    for method in methods.values():
        curve = method["cdf_m"]
        assert len(curve) == len(result["cdf_share"]) == len(CDF_SHARES)
        assert curve == sorted(curve)
        assert curve[50] == pytest.approx(method["metrics"]["median_m"])
        assert curve[90] == pytest.approx(method["metrics"]["p90_m"])


def test_intervals_and_calibration_are_told(dataset: Path, checkpoint: Path) -> None:
    result = run(checkpoint, dataset)
    intervals, rows = result["intervals"], result["split"]["rows"]
    assert intervals["unit"] == "tracks"
    assert intervals["blocks"] == len(set(result["positions"]["track"]))
    assert set(intervals["of"]) == set(result["methods"])
    for name, method in result["methods"].items():
        for key, (low, high) in intervals["of"][name].items():
            assert low < method["metrics"][key] < high
    less = intervals["network_less_best"]
    median = {name: method["metrics"]["median_m"] for name, method in result["methods"].items()}
    assert less["method"] == min(QUICK, key=median.__getitem__)
    assert less["median_m"] == pytest.approx(median["network"] - median[less["method"]])
    # An untrained network is far worse, and that is no chance.
    assert 0 < less["median_interval_m"][0] < less["median_m"] < less["median_interval_m"][1]
    metrics = result["methods"]["network"]["metrics"]
    for groups in result["calibration"].values():
        assert sum(group["sessions"] for group in groups) == pytest.approx(rows, abs=5)
        assert all(one["to"] <= two["from"] for one, two in pairwise(groups))
        share = sum(group["coverage_90"] * group["sessions"] for group in groups) / rows
        assert share == pytest.approx(metrics["coverage_90"], abs=0.02)
    assert run(checkpoint, dataset)["intervals"] == intervals


def test_an_exported_model_reaches_what_its_checkpoint_reaches(
    dataset: Path, checkpoint: Path, exported: Path
) -> None:
    one, other = run(checkpoint, dataset), run(exported, dataset)
    network = other["methods"]["network"]["metrics"]
    assert network == pytest.approx(one["methods"]["network"]["metrics"], rel=1e-3)
    for name in ("split", "leakage", "kind", "run_id", "same_dataset", "trained_on_share"):
        assert other[name] == one[name]
    for name in QUICK:
        assert other["methods"][name] == one["methods"][name]


def test_an_exported_model_is_evaluated_without_torch(dataset: Path, exported: Path) -> None:
    program = (
        "import sys\n"
        "from training_core.contract.jobs import EvaluateArguments\n"
        "from training_core.publishing.evaluate import evaluate\n"
        "evaluate(EvaluateArguments(model=sys.argv[1], dataset=sys.argv[2]))\n"
        "print([name for name in ('torch', 'mlflow') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(exported), str(dataset)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_a_registered_model_is_found_by_its_alias(
    home: Path, tmp_path: Path, dataset: Path, checkpoint: Path
) -> None:
    export(ExportArguments(checkpoint=checkpoint, target=tmp_path / "export", dataset=dataset))
    register(RegisterArguments(export=tmp_path / "export", name="campus", alias="champion"))
    result = evaluate(EvaluateArguments(model="campus@champion", dataset=dataset))
    assert (result["registered_model"], result["version"]) == ("campus", 1)
    expected = run(checkpoint, dataset)["methods"]["network"]["metrics"]
    assert result["methods"]["network"]["metrics"] == pytest.approx(expected, rel=1e-3)
    assert result["same_dataset"]
    with pytest.raises(TrackingError, match="campus@nobody"):
        evaluate(EvaluateArguments(model="campus@nobody", dataset=dataset))


def test_a_job_leaves_its_page_beside_its_result(
    home: Path, tmp_path: Path, dataset: Path, exported: Path
) -> None:
    arguments = EvaluateArguments(
        model=str(exported), dataset=dataset, quick=True, html=tmp_path / "mine.html"
    )
    job = create_job(home, "evaluate", arguments)
    with RunLogWriter(job.log_path) as log:
        do_job(job, log, StopControl(), {})
    result = job.read_result()
    page = Path(result["page"])
    assert page == job.path / "report.html"
    assert page.read_bytes() == (tmp_path / "mine.html").read_bytes()
    text = page.read_text("utf-8")
    assert "model.onnx on campus" in text
    assert f"{result['split']['rows']:,} test sessions" in text
    assert (result["mlflow_run_id"], result["not_logged"]) == ("", "")


def test_an_unreadable_model_is_refused(tmp_path: Path, dataset: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    with pytest.raises(ExportError, match=r"broken\.onnx"):
        run(tmp_path / "broken.onnx", dataset)
    (tmp_path / "broken.ckpt").write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match=r"broken\.ckpt"):
        run(tmp_path / "broken.ckpt", dataset)


def test_a_leaking_split_says_so_and_shows_it(dataset: Path, checkpoint: Path) -> None:
    honest, leaking = run(checkpoint, dataset), run(checkpoint, dataset, split_name="random")
    assert leaking["split"]["leaking"]
    assert leaking["split"]["name"] == "random"
    assert leaking["leakage"]["test_share"] > 0.8 > honest["leakage"]["test_share"]
    assert leaking["trained_on_share"] > 0.3
    assert leaking["warnings"][0] == leaking["split"]["warning"]
    assert "within 30 m and 60 s of one that was trained on" in leaking["split"]["warning"]
    assert honest["split"]["warning"] == ""
    assert any("leaks" in sentence for sentence in leaking["warnings"])
    assert any("was trained on" in sentence for sentence in leaking["warnings"])


def test_a_control_trained_on_silence_is_asked_in_silence(
    tmp_path: Path, dataset: Path, checkpoint: Path
) -> None:
    saved = torch.load(checkpoint, weights_only=True)
    saved["heimdall"]["signal"] = False
    torch.save(saved, tmp_path / "control.ckpt")
    control = run(tmp_path / "control.ckpt", dataset)
    assert not control["hears_signal"]
    assert any("no-signal control" in sentence for sentence in control["warnings"])
    # Whoever hears nothing answers the same everywhere: the error is that of one point.
    store = open_store(dataset)
    split = make_split(store, **SPLIT)  # type: ignore[arg-type]
    network, origin = load_network(checkpoint)
    spec = origin["network"]
    arrays = observation_arrays(store, store.frame, spec["receiver_ids"], spec["channels"])
    silent = arrays.take(split.test).without_signal()
    with torch.inference_mode():
        mean, _ = network(*(torch.from_numpy(values) for values in silent.inputs().values()))
    assert mean.std(dim=0).max() < 1e-2
    error = np.linalg.norm(mean.double().numpy() - store.label_m()[split.test], axis=1)
    metrics = control["methods"]["network"]["metrics"]
    assert metrics["mean_m"] == pytest.approx(error.mean(), rel=1e-5)
    assert metrics["mean_m"] != run(checkpoint, dataset)["methods"]["network"]["metrics"]["mean_m"]


def test_every_part_can_be_asked_for(dataset: Path, checkpoint: Path) -> None:
    parts = {part: run(checkpoint, dataset, split=part) for part in ("train", "val", "test")}
    rows = {part: result["split"]["rows"] for part, result in parts.items()}
    assert sum(rows.values()) == 1_500
    assert parts["train"]["trained_on_share"] == 1.0
    assert any("has seen these rows" in sentence for sentence in parts["train"]["warnings"])


def test_a_seed_of_ones_own_moves_the_split(dataset: Path, checkpoint: Path) -> None:
    assert run(checkpoint, dataset, seed=6)["trained_on_share"] > 0


def test_another_dataset_is_evaluated_with_a_warning(
    tmp_path: Path, dataset: Path, checkpoint: Path
) -> None:
    synth(SynthArguments(target=tmp_path / "other", sessions=300, seed=1, preset="campus",
                         options={"movement": "uniform"}))  # fmt: skip
    result = run(checkpoint, tmp_path / "other")
    assert not result["same_dataset"]
    assert result["trained_on_share"] is None
    assert result["split"]["name"] in ("place", "track")
    assert any("another dataset" in sentence for sentence in result["warnings"])


def test_a_dataset_of_other_receivers_is_refused(
    tmp_path: Path, checkpoint: Path, exported: Path
) -> None:
    synth(SynthArguments(target=tmp_path / "vhf", sessions=200, preset="vhf-network"))
    for model in (checkpoint, exported):
        with pytest.raises(DatasetError, match="none of the model's receivers"):
            run(model, tmp_path / "vhf")


def test_a_dataset_without_labels_is_refused(
    tmp_path: Path, dataset: Path, checkpoint: Path
) -> None:
    store = open_store(dataset)
    unknown = pa.nulls(store.sessions.num_rows, pa.float64())
    sessions = store.sessions.drop_columns(["latitude_deg", "longitude_deg"])
    sessions = sessions.append_column("latitude_deg", unknown)
    sessions = sessions.append_column("longitude_deg", unknown)
    write_store(tmp_path / "blind", store.info, store.receivers, sessions, store.observations)
    with pytest.raises(DatasetError, match="no labeled sessions"):
        run(checkpoint, tmp_path / "blind")


def test_a_part_without_rows_is_refused(tmp_path: Path, dataset: Path, checkpoint: Path) -> None:
    store = open_store(dataset)
    listed = {"listed": {"by": "list", "train": store.session_ids[:750],
                         "test": store.session_ids[750:]}}  # fmt: skip
    info = type(store.info).model_validate(store.info.model_dump() | {"splits": listed})
    write_store(tmp_path / "listed", info, store.receivers, store.sessions, store.observations)
    result = run(checkpoint, tmp_path / "listed", split_name="listed")
    assert result["split"]["rows"] == 750
    everything = {"listed": {"by": "list", "test": store.session_ids}}
    info = type(store.info).model_validate(store.info.model_dump() | {"splits": everything})
    write_store(tmp_path / "all", info, store.receivers, store.sessions, store.observations)
    with pytest.raises(DatasetError):
        run(checkpoint, tmp_path / "all", split_name="listed", split="train")


def test_without_received_powers_only_the_centroid_and_times_remain(
    tmp_path: Path, dataset: Path
) -> None:
    synth(SynthArguments(target=tmp_path / "timed", sessions=250, preset="vhf-network"))
    store = open_store(tmp_path / "timed")
    observations = store.observations.drop_columns(["rssi_dbm"])
    store = write_store(tmp_path / "toa", store.info, store.receivers, store.sessions, observations)
    split = make_split(store, **{**SPLIT, "name": "place"})  # type: ignore[arg-type]
    options = replace(ReceiverSetOptions(width=16, depth=1), channels=("toa_m",))
    save(
        tmp_path / "toa.ckpt", receiver_set_spec(store, split, store.frame, options), store, "place"
    )
    result = run(tmp_path / "toa.ckpt", tmp_path / "toa")
    assert list(result["methods"]) == ["network", "training_centroid"]
    assert result["neighbors"] is None
    assert any("received power are left out" in sentence for sentence in result["warnings"])
    timed = run(tmp_path / "toa.ckpt", tmp_path / "toa", quick=False)
    assert list(timed["methods"]) == ["network", "time_differences", "training_centroid"]
    median = {name: method["metrics"]["median_m"] for name, method in timed["methods"].items()}
    assert median["time_differences"] < 0.1 * median["training_centroid"]
    assert timed["bounds"]["time"]["median_m"] < median["time_differences"] * 3


def test_a_model_of_ones_own_is_refused(tmp_path: Path, dataset: Path) -> None:
    save(tmp_path / "own.ckpt", None, open_store(dataset))
    with pytest.raises(CheckpointError, match="your own"):
        run(tmp_path / "own.ckpt", dataset)


def test_progress_and_result_are_plain(dataset: Path, checkpoint: Path) -> None:
    seen: list[tuple[str, int, int | None]] = []
    result = evaluate(
        EvaluateArguments(model=str(checkpoint), dataset=dataset),
        lambda *progress: seen.append(progress),
    )
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    told = {name for name, _, _ in seen}
    assert {"estimating positions", "evaluating", "extra trees", "path loss"} <= told
    assert "radio map, all training sessions" in told
    assert np.isfinite(result["methods"]["network"]["metrics"]["nll"])
