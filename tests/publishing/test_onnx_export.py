"""Exports of real networks, proved against onnxruntime."""

from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.publishing.networks import (
    RECEIVER_IDS,
    FixedBatch,
    receiver_set_net,
    receiver_set_rows,
)
from training_core.contract.errors import ExportError
from training_core.models.registry import network_from_spec
from training_core.publishing.export_graph import module_graph, position_graph
from training_core.publishing.model_metadata import ModelMetadata
from training_core.publishing.onnx_export import Exporter, export_onnx, write_onnx
from training_core.publishing.onnx_session import open_session, session_props
from training_core.publishing.proof import prove, require_parity
from training_core.publishing.proof_report import read_proof

GENERIC = ModelMetadata(kind="generic", inputs=[], outputs=[])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "export"
    path.mkdir()
    return path


def test_a_receiver_set_is_exported_proved_and_described(folder: Path) -> None:
    network, spec = receiver_set_net()
    network.train()
    origin = spec["origin"]
    given = ModelMetadata(
        kind=spec["kind"],
        inputs=[],
        outputs=[],
        site_origin=(repr(origin["latitude_deg"]), repr(origin["longitude_deg"])),
        receiver_ids=RECEIVER_IDS,
        channels=spec["channels"],
        run_id="a-run",
        checkpoint_sha256="ab" * 32,
    )
    path = folder / "model.onnx"
    report = export_onnx(position_graph(network, receiver_set_rows()), given, path)
    assert report.exporter == "torchscript"
    assert network.training, "the exported network is a copy"
    assert [(p.output, p.shape[0]) for p in report.proof.parity] == [
        (name, batch) for batch in (1, 7, 32, 32) for name in ("mean_m", "covariance_m2")
    ]
    assert report.proof.ok
    assert report.proof.max_abs_difference < 1.0
    assert {speed.batch for speed in report.proof.speed} == {1, 32}
    assert [p.name for p in folder.iterdir()] == ["model.onnx"], "no temporary file is left"

    read = ModelMetadata.from_props(session_props(open_session(path)), path.name)
    assert read == report.metadata
    assert read.origin_deg == (origin["latitude_deg"], origin["longitude_deg"])
    assert [(i.name, i.dtype, i.axes) for i in read.inputs] == [
        ("receiver", "int64", ["batch", "receivers"]),
        ("position_m", "float32", ["batch", "receivers", 2]),
        ("observation", "float32", ["batch", "receivers", 1]),
    ]
    assert all(tensor.unit for tensor in (*read.inputs, *read.outputs))
    import onnx

    assert read.opset == onnx.load(path).opset_import[0].version == 17


@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
@pytest.mark.slow
def test_both_exporters_leave_batch_and_receivers_free(folder: Path, exporter: Exporter) -> None:
    network, _ = receiver_set_net()
    graph = position_graph(network, receiver_set_rows())
    path = folder / "model.onnx"
    opset = write_onnx(graph, path, exporter=exporter, opset=17)
    session = open_session(path)
    for rows, slots in ((1, 1), (3, 9), (50, 2)):
        inputs = (
            receiver_set_rows(rows, slots, seed=rows)
            if rows > 1
            else {name: values[:1, :1] for name, values in receiver_set_rows(2).items()}
        )
        with torch.no_grad():
            mean, covariance = graph.module(*inputs.values())
        answer = session.run(None, {name: values.numpy() for name, values in inputs.items()})
        np.testing.assert_allclose(answer[0], mean.numpy(), atol=1e-2)
        np.testing.assert_allclose(answer[1], covariance.numpy(), rtol=1e-3)
    assert prove(graph, path, exporter=exporter, opset=opset).ok


@pytest.mark.slow
def test_a_file_that_fails_its_proof_is_never_left(folder: Path) -> None:
    graph = position_graph(FixedBatch(), {"position_m": torch.randn(9, 4, 2)})
    with pytest.raises(ExportError, match="Neither exporter") as caught:
        export_onnx(graph, GENERIC, folder / "model.onnx")
    assert "torchscript" in str(caught.value)
    assert "dynamo" in str(caught.value)
    assert list(folder.iterdir()) == []


def test_a_wrong_file_fails_loudly_and_says_by_how_much(folder: Path) -> None:
    graph = position_graph(receiver_set_net(seed=3)[0], receiver_set_rows())
    other = position_graph(receiver_set_net(seed=4)[0], receiver_set_rows())
    path = folder / "model.onnx"
    write_onnx(other, path, exporter="torchscript", opset=17)
    proof = prove(graph, path, exporter="torchscript", opset=17)
    assert not proof.ok
    with pytest.raises(ExportError, match=r"differs by .* where .* is allowed"):
        require_parity(proof, "model.onnx")


def test_a_nan_on_one_side_only_is_no_parity(folder: Path) -> None:
    class Root(nn.Module):
        def __init__(self, shift: float) -> None:
            super().__init__()
            self.shift = shift

        def forward(self, x: Tensor) -> Tensor:
            return torch.sqrt(x + self.shift)

    rows = torch.linspace(-1.0, 1.0, 40)[:, None]
    path = folder / "model.onnx"
    same, shifted = module_graph(Root(0.0), rows), module_graph(Root(1.5), rows)
    write_onnx(shifted, path, exporter="torchscript", opset=17)
    assert not prove(same, path, exporter="torchscript", opset=17).ok
    write_onnx(same, path, exporter="torchscript", opset=17)
    assert prove(same, path, exporter="torchscript", opset=17).ok, "NaN on both sides agrees"


def test_the_proof_is_written_and_read_again(folder: Path) -> None:
    graph = position_graph(receiver_set_net()[0], receiver_set_rows())
    report = export_onnx(graph, GENERIC, folder / "model.onnx")
    report.proof.write(folder / "proof.json")
    assert read_proof(folder / "proof.json") == report.proof
    (folder / "proof.json").write_text("{}")
    with pytest.raises(ExportError, match="no readable proof"):
        read_proof(folder / "proof.json")


Answer = namedtuple("Answer", ["score", "label"])


class Foreign(nn.Module):
    def __init__(self, form: str) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 3)
        self.form = form
        if form == "named":
            self.output_names = ["logits"]

    def forward(self, features: Tensor, scale: float = 2.0) -> object:
        out = self.linear(features) * scale
        forms: dict[str, object] = {
            "tensor": out,
            "named": out,
            "tuple": (out, out.sum(1)),
            "dictionary": {"score": out},
            "namedtuple": Answer(out, out.argmax(1)),
        }
        return forms[self.form]


@pytest.mark.parametrize(
    ("form", "names"),
    [
        ("tensor", ["output_0"]),
        ("named", ["logits"]),
        ("tuple", ["output_0", "output_1"]),
        ("dictionary", ["score"]),
        ("namedtuple", ["score", "label"]),
    ],
)
def test_any_module_is_exported_by_its_forward(folder: Path, form: str, names: list[str]) -> None:
    batch = [torch.randn(16, 5), torch.zeros(16)]
    report = export_onnx(module_graph(Foreign(form), batch), GENERIC, folder / "model.onnx")
    assert [tensor.name for tensor in report.metadata.outputs] == names
    assert report.metadata.inputs[0].name == "features"
    assert report.metadata.inputs[0].axes == ["batch", 5]
    assert report.proof.ok


def test_a_module_in_half_precision_is_exported_in_float32(folder: Path) -> None:
    module = nn.Sequential(nn.Linear(4, 2)).to(torch.bfloat16)
    graph = module_graph(module, torch.randn(8, 4, dtype=torch.bfloat16))
    assert export_onnx(graph, GENERIC, folder / "model.onnx").metadata.inputs[0].dtype == "float32"
    assert module[0].weight.dtype == torch.bfloat16


def test_a_batch_without_the_inputs_is_said() -> None:
    with pytest.raises(ExportError, match="takes features"):
        module_graph(Foreign("tensor"), {"a": 1, "b": 2})
    with pytest.raises(ExportError, match="no validation rows"):
        position_graph(
            receiver_set_net()[0],
            {name: values[:0] for name, values in receiver_set_rows().items()},
        )


def test_a_file_of_another_program_is_refused(folder: Path) -> None:
    graph = module_graph(nn.Linear(2, 2), torch.randn(3, 2))
    write_onnx(graph, folder / "model.onnx", exporter="torchscript", opset=17)
    props = session_props(open_session(folder / "model.onnx"))
    with pytest.raises(ExportError, match="does not say what its inputs mean"):
        ModelMetadata.from_props(props, "model.onnx")
    (folder / "text.onnx").write_text("this is no model")
    with pytest.raises(ExportError, match="not an ONNX model"):
        open_session(folder / "text.onnx")
    with pytest.raises(ExportError, match="There is no model"):
        open_session(folder / "absent.onnx")


def test_damaged_or_newer_metadata_is_refused() -> None:
    props = ModelMetadata(kind="generic", inputs=[], outputs=[]).to_props()
    assert ModelMetadata.from_props(props, "m").kind == "generic"
    for change in ({"heimdall.format": "2"}, {"heimdall.kind": "{"}, {"heimdall.inputs": "3"}):
        with pytest.raises(ExportError, match="damaged or newer"):
            ModelMetadata.from_props({**props, **change}, "m")
    with pytest.raises(ExportError, match="no site origin"):
        _ = ModelMetadata.from_props(props, "m").origin_deg


def test_a_folder_that_cannot_be_written_is_said(folder: Path) -> None:
    graph = position_graph(receiver_set_net()[0], receiver_set_rows())
    with pytest.raises(ExportError, match="checkpoint is unharmed"):
        export_onnx(graph, GENERIC, folder / "absent" / "model.onnx")


def test_a_site_of_thousands_of_kilometers_is_judged_by_what_float32_can_hold(folder: Path) -> None:
    _, spec = receiver_set_net()
    spec["gaussian"] = {"center_m": [9e5, -4e5], "scale_m": 8e5, "sigma_floor_m": 50.0}
    wide = network_from_spec(spec)
    path = folder / "model.onnx"
    report = export_onnx(position_graph(wide, receiver_set_rows()), GENERIC, path)
    means = [parity for parity in report.proof.parity if parity.output == "mean_m"]
    assert all(0.01 < parity.tolerance < 10.0 for parity in means)
    assert all(parity.max_abs_difference <= parity.tolerance for parity in means)
