"""Exported models on datasets, and the jobs around them."""

import csv
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import torch

from tests.publishing.models import make_dataset, make_export, origin_of, save_checkpoint
from tests.publishing.networks import receiver_set_net
from tests.publishing.own_classes import OwnModule
from training_core.contract.checkpoints import CheckpointSidecar, write_sidecar
from training_core.contract.errors import (
    CheckpointError,
    DatasetError,
    ExportError,
    UnsafeCheckpointError,
)
from training_core.contract.files import sha256_file
from training_core.contract.jobs import ExportArguments, PredictArguments
from training_core.data.features import observation_arrays
from training_core.data.import_npy import import_npy
from training_core.data.mel import MelParameters
from training_core.data.splits import make_split
from training_core.data.store import open_store
from training_core.models.registry import network_from_spec
from training_core.models.restore import ORIGIN
from training_core.publishing.export_folder import export_folder
from training_core.publishing.inference import OnnxModel, heard_known
from training_core.publishing.jobs import CSV_COLUMNS, export, predict
from training_core.publishing.model_inputs import model_inputs
from training_core.publishing.proof_report import read_proof
from training_core.radio.geo import LocalFrame, distance_m


def test_predictions_are_those_of_the_network_in_its_own_frame(tmp_path: Path) -> None:
    store = make_dataset(tmp_path / "data")
    model = OnnxModel(make_export(tmp_path / "export") / "model.onnx")
    found = model.predict(store)
    network, spec = receiver_set_net()
    frame = LocalFrame(**spec["origin"])
    arrays = observation_arrays(store, frame, spec["receiver_ids"], spec["channels"])
    with torch.no_grad():
        mean, cholesky = network.eval()(
            *(torch.from_numpy(values) for values in arrays.inputs().values())
        )
    assert found.session_id == store.session_ids
    np.testing.assert_allclose(found.mean_m, mean.numpy(), atol=1e-2)
    np.testing.assert_allclose(
        found.covariance_m2, (cholesky @ cholesky.mT).numpy(), rtol=1e-3, atol=1e-2
    )
    latitude, longitude = frame.to_wgs84(mean[:, 0].double(), mean[:, 1].double())
    apart = distance_m(latitude, longitude, found.latitude_deg, found.longitude_deg)
    assert apart.max() < 0.02
    assert not heard_known(model, store)[0]
    assert heard_known(model, store)[1:].all()


def test_large_datasets_go_in_batches_with_the_same_answers(tmp_path: Path) -> None:
    store = make_dataset(tmp_path / "data", sessions=600)
    model = OnnxModel(make_export(tmp_path / "export") / "model.onnx")
    inputs = model.inputs(store)
    whole = model.run(inputs)["mean_m"]
    one_by_one = [
        model.run({name: values[row : row + 1] for name, values in inputs.items()})["mean_m"][0]
        for row in (0, 255, 256, 599)
    ]
    np.testing.assert_allclose(whole[[0, 255, 256, 599]], one_by_one, atol=1e-2)
    assert len(whole) == 600


def test_a_dataset_of_other_receivers_is_refused(tmp_path: Path) -> None:
    store = make_dataset(tmp_path / "data", receiver_ids=("x1", "x2", "x3", "x4", "x5"))
    model = OnnxModel(make_export(tmp_path / "export") / "model.onnx")
    with pytest.raises(ExportError, match=r"knows none .* bs-a, bs-b, bs-c and 1 more.* x1, x2"):
        model.predict(store)


def test_wrong_inputs_are_said(tmp_path: Path) -> None:
    model = OnnxModel(make_export(tmp_path / "export") / "model.onnx")
    with pytest.raises(ExportError, match="position_m, observation is missing"):
        model.run({"receiver": np.zeros((1, 2), np.int64)})
    with pytest.raises(ExportError, match="could not be run"):
        model.run(
            {
                "receiver": np.zeros((1, 2), np.int64),
                "position_m": np.zeros((1, 2, 3), np.float32),
                "observation": np.zeros((1, 2, 1), np.float32),
            }
        )


def test_an_export_folder_holds_what_the_next_person_needs(tmp_path: Path) -> None:
    folder = make_export(tmp_path / "export")
    names = {"model.onnx", "proof.json", "metrics.json", "README.md", "MLmodel"}
    assert {path.name for path in folder.iterdir()} == names
    readme = (folder / "README.md").read_text()
    for text in (
        "val/median_m | 123.4",
        "square meters",
        "40.76417321987654 N",
        "1200",
        "abababab",
    ):
        assert text in readme
    assert '"val/nll": "NaN"' in (folder / "metrics.json").read_text()
    assert read_proof(folder / "proof.json").sha256 == sha256_file(folder / "model.onnx")


def test_predict_writes_what_was_asked_without_torch(tmp_path: Path) -> None:
    make_dataset(tmp_path / "data")
    make_export(tmp_path / "export")
    code = (
        "import sys\n"
        "from training_core.contract.jobs import PredictArguments\n"
        "from training_core.publishing.jobs import predict\n"
        f"print(predict(PredictArguments(model={str(tmp_path / 'export' / 'model.onnx')!r}, "
        f"dataset={str(tmp_path / 'data')!r}, out={str(tmp_path / 'out.csv')!r})))\n"
        "assert not {'torch', 'pytorch_lightning', 'mlflow'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == CSV_COLUMNS
    found = OnnxModel(tmp_path / "export" / "model.onnx").predict(open_store(tmp_path / "data"))
    assert [row["session_id"] for row in rows] == found.session_id
    np.testing.assert_allclose([float(r["latitude"]) for r in rows], found.latitude_deg, atol=2e-9)
    np.testing.assert_allclose(
        [float(r["cov_en_m2"]) for r in rows], found.covariance_m2[:, 0, 1], rtol=1e-4
    )


def test_predict_says_what_is_wrong(tmp_path: Path) -> None:
    make_dataset(tmp_path / "data")
    make_export(tmp_path / "export")

    def run(model: str, dataset: str = "data", out: str = "out.csv") -> None:
        arguments = PredictArguments(model=model, dataset=tmp_path / dataset, out=tmp_path / out)
        predict(arguments)

    with pytest.raises(CheckpointError, match=r"export x\.ckpt"):
        run("x.ckpt")
    with pytest.raises(ExportError, match="There is no model"):
        run(str(tmp_path / "absent.onnx"))
    with pytest.raises(DatasetError, match="no dataset"):
        run(str(tmp_path / "export" / "model.onnx"), dataset="absent")
    with pytest.raises(ExportError, match="was not written"):
        run(str(tmp_path / "export" / "model.onnx"), out="absent/out.csv")


def test_a_checkpoint_is_exported_with_rows_of_its_dataset(tmp_path: Path) -> None:
    store = make_dataset(tmp_path / "data")
    run = tmp_path / "runs" / "r1"
    checkpoint = save_checkpoint(run / "checkpoints" / "best.ckpt", tmp_path / "data")
    (run / "run.json").write_text("{}")
    (run / "config.toml").write_text("[run]\n")
    write_sidecar(
        checkpoint.parent,
        CheckpointSidecar(
            file="best.ckpt",
            step=77,
            epoch=1,
            metrics={"val/loss": 1.5},
            size_bytes=1,
            sha256="0" * 64,
            created=0.0,
        ),
    )
    result = export(ExportArguments(checkpoint=checkpoint))
    folder = run / "exports" / "best"
    assert result["export"] == str(folder)
    assert result["proof"]["ok"]
    assert (folder / "config.toml").read_text() == "[run]\n"
    metadata = OnnxModel(folder / "model.onnx").metadata
    assert metadata.checkpoint_sha256 == sha256_file(checkpoint)
    assert (metadata.step, metadata.split["name"]) == (77, "random")
    split = make_split(store, "random", validation_split=0.3, test_split=0.2, seed=1)
    assert read_proof(folder / "proof.json").rows == len(split.val) > 0


def test_an_export_without_its_dataset_asks_for_one(tmp_path: Path) -> None:
    checkpoint = save_checkpoint(tmp_path / "best.ckpt", "")
    with pytest.raises(DatasetError, match="--dataset"):
        export(ExportArguments(checkpoint=checkpoint))
    make_dataset(tmp_path / "data")
    target = tmp_path / "chosen"
    export(ExportArguments(checkpoint=checkpoint, dataset=tmp_path / "data", target=target))
    assert (target / "proof.json").is_file()


def test_a_module_of_one_s_own_is_exported_with_its_own_data(tmp_path: Path) -> None:
    module = OwnModule(width=5)
    origin = origin_of(
        {},
        network=None,
        model_class="tests.publishing.own_classes:OwnModule",
        model_arguments={"width": 5},
        data_class="tests.publishing.own_classes:OwnData",
        data_arguments={"rows": 20},
    )
    checkpoint = tmp_path / "own.ckpt"
    torch.save({"state_dict": module.state_dict(), "global_step": 1, ORIGIN: origin}, checkpoint)
    result = export(ExportArguments(checkpoint=checkpoint, target=tmp_path / "out"))
    assert result["proof"]["ok"]
    model = OnnxModel(tmp_path / "out" / "model.onnx")
    assert model.metadata.kind == "generic"
    features = torch.randn(9, 6)
    with torch.no_grad():
        expected = module.eval()(features).numpy()
    found = model.run({"features": features.numpy()})["logits"]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(ExportError, match="not positions"):
        model.predict(make_dataset(tmp_path / "data"))


def test_a_checkpoint_with_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (print, ("ran",))

    torch.save({"state_dict": {}, "evil": Evil()}, tmp_path / "evil.ckpt")
    with pytest.raises(UnsafeCheckpointError):
        export(ExportArguments(checkpoint=tmp_path / "evil.ckpt"))


@pytest.mark.slow
def test_a_spectrogram_model_hears_recordings(tmp_path: Path) -> None:
    draw = np.random.default_rng(2)
    mel = MelParameters(sample_rate_hz=48_000.0, n_fft=256, hop_length=64)
    receivers = [
        {"id": name, "latitude": 45.0 + place / 100, "longitude": 7.0}
        for place, name in enumerate(("roof", "mast"))
    ]
    source = tmp_path / "source" / "train"
    source.mkdir(parents=True)
    for name in ("0001", "0002", "0003"):
        iq = (draw.normal(size=(2, mel.samples + 10, 2)) @ [1, 1j]).astype(np.complex64)
        np.save(source / f"{name}_iq.npy", iq)
        np.save(source / f"{name}_label.npy", np.array([45.05, 7.05, 0.0]))
        meta = {"sample_rate_hz": mel.sample_rate_hz, "receivers": receivers}
        (source / f"{name}_meta.json").write_bytes(orjson.dumps(meta))
    store = import_npy(source.parent, tmp_path / "set", name="iq")
    spec: dict[str, Any] = {
        "kind": "localization_net",
        "receiver_ids": store.receiver_ids,
        "receivers": 2,
        "origin": {"latitude_deg": 45.0, "longitude_deg": 7.0},
        "mel": asdict(mel),
        "mean_db": [-20.0, -20.0],
        "std_db": [10.0, 10.0],
        "gaussian": {"center_m": [0.0, 0.0], "scale_m": 900.0, "sigma_floor_m": 5.0},
        "sizes": {"size": "tiny"},
    }
    network = network_from_spec(spec)
    inputs = model_inputs(
        spec["kind"],
        store,
        LocalFrame(45.0, 7.0),
        receiver_ids=spec["receiver_ids"],
        mel=spec["mel"],
    )
    assert inputs["spectrogram"].shape == (3, 2, 128, 32)
    assert np.isfinite(inputs["spectrogram"]).all()
    rows = {name: torch.from_numpy(values) for name, values in inputs.items()}
    report = export_folder(network, origin_of(spec), rows, tmp_path / "export")
    assert report.exporter == "torchscript"
    model = OnnxModel(report.path)
    assert model.metadata.mel == asdict(mel)
    found = model.predict(store)
    with torch.no_grad():
        mean, _ = network.eval()(rows["spectrogram"])
    np.testing.assert_allclose(found.mean_m, mean.numpy(), atol=1e-2)
