"""A LightningModule of one's own: scikit-learn's digits through the same pipeline."""

from pathlib import Path

import numpy as np
import pytest

from tests.end_to_end.command import records

pytestmark = pytest.mark.slow


def test_digits_are_trained_tracked_exported_and_registered(
    repository: Path, isolated_home: Path
) -> None:
    config = repository / "examples" / "digits.toml"

    said = records("run", "--config", config, "--epochs", "4")

    assert any(r["kind"] == "state" and r["status"] == "finished" for r in said)
    losses = [r["values"]["val_loss"] for r in said if "val_loss" in r.get("values", {})]
    assert len(losses) == 4
    assert losses[-1] < losses[0]
    import onnxruntime

    (model,) = (isolated_home / "models").glob("heimdall-models/digits/v1/model.onnx")
    session = onnxruntime.InferenceSession(model)
    (pictures,) = session.get_inputs()
    answers = session.run(None, {pictures.name: np.zeros((5, 64), dtype=np.float32)})
    assert answers[0].shape == (5, 10)
