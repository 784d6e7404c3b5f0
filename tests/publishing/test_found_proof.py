"""Where the proof of a registered version is looked for, and what is said where it is not."""

import shutil
from pathlib import Path

import orjson
import pytest

from heimdall_console.registry_reading import find_proof, read_models
from heimdall_console.sources.tracking_reader import TrackingReader
from tests.publishing.models import make_export
from training_core.contract.jobs import RegisterArguments
from training_core.publishing.jobs import register

pytestmark = pytest.mark.slow


def test_a_proof_that_is_not_found_says_why(home: Path) -> None:
    register(RegisterArguments(export=make_export(home / "export"), name="site"))
    reader = TrackingReader(home)
    try:
        (model,) = read_models(reader)
        version = model.versions[0]
        assert find_proof(version, home, reader)[1] == ""
        shutil.rmtree(home / "models")
        proof, missing = find_proof(version, home, reader)
        assert (proof["sha256"], missing) == (version.tag("onnx_sha256"), ""), "from MLflow"

        (stored,) = (home / "artifacts").rglob("proof.json")
        stored.write_bytes(orjson.dumps({**proof, "sha256": "0" * 64}))
        assert find_proof(version, home, reader) == (
            {},
            "not on this disk, and that in MLflow is of another file",
        )
        stored.write_bytes(b"{")
        assert "damaged in MLflow" in find_proof(version, home, reader)[1]
        stored.unlink()
        proof, missing = find_proof(version, home, reader)
        assert proof == {}
        assert "proof.json was not shown. No such file" in missing
    finally:
        reader.close()
