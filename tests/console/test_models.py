"""Registered models as the tracking reader tells them: versions, aliases, chain, proof."""

from pathlib import Path

import orjson
import pytest

from heimdall_console.model_rows import (
    RegisteredModel,
    find_version,
    local_proof,
    models_of,
    version_before,
)
from heimdall_console.model_text import list_lines, show_lines
from heimdall_console.screens.models_actions import folder_problem
from heimdall_console.terminal import Terminal
from training_core.contract.errors import UsageError

PROOF = {
    "sha256": "c" * 64,
    "ok": True,
    "checker": "passed",
    "opset": 17,
    "exporter": "torchscript",
    "rows": 32,
    "parity": [
        {
            "output": "mean_m",
            "shape": [batch, 2],
            "max_abs_difference": 1e-3 / batch,
            "mean_abs_difference": 1e-4,
            "tolerance": 0.01,
        }
        for batch in (1, 7, 32)
    ],
    "speed": [{"batch": 1, "torch_ms": 4.0, "onnxruntime_ms": 2.0}],
}


def answer(count: int = 3) -> dict[str, object]:
    versions = [
        {
            "version": number,
            "run_id": "ab12",
            "created_ms": 1000 * number,
            "aliases": ["champion"] if number == count else [],
            "tags": {
                "heimdall.status": "uploading" if number == 2 else "ready",
                "heimdall.onnx_sha256": "c" * 64,
                "heimdall.checkpoint_sha256": "b" * 64,
                "heimdall.config_hash": "a" * 64,
                "heimdall.run_id": "20261124-090000-abc",
                "heimdall.export": "best",
            },
        }
        for number in range(1, count + 1)
    ]
    return {
        "models": [
            {"name": "zebra", "aliases": {}, "versions": []},
            {"name": "campus", "aliases": {"champion": count}, "versions": versions},
        ]
    }


def models() -> list[RegisteredModel]:
    return models_of([answer()])


def test_versions_are_found_by_alias_number_and_newness() -> None:
    assert [model.name for model in models()] == ["campus", "zebra"]
    for reference, number in (
        ("campus@champion", 3),
        ("campus@v1", 1),
        ("campus@2", 2),
        ("campus@latest", 3),
        ("campus", 3),
    ):
        assert find_version(models(), reference).number == number
    for reference in ("campus@nobody", "zebra@latest", "lion"):
        with pytest.raises(UsageError, match="There is no registered model"):
            find_version(models(), reference)


def test_an_alias_rolls_back_to_the_last_complete_version() -> None:
    campus, zebra = models()
    assert version_before(campus, "champion").number == 1
    first = models_of([answer(1)])[0]
    with pytest.raises(UsageError, match="was not rolled back"):
        version_before(first, "champion")
    with pytest.raises(UsageError, match="has no alias"):
        version_before(zebra, "champion")


def test_chain_and_proof_are_shown(isolated_home: Path) -> None:
    version = find_version(models(), "campus@champion")
    assert local_proof(version, isolated_home) == {}
    folder = isolated_home / "models" / "bucket" / "campus" / "v3"
    folder.mkdir(parents=True)
    (folder / "proof.json").write_bytes(orjson.dumps({**PROOF, "sha256": "d" * 64}))
    assert local_proof(version, isolated_home) == {}, "it is the proof of another file"
    (folder / "proof.json").write_bytes(orjson.dumps(PROOF))
    proof = local_proof(version, isolated_home)
    terminal = Terminal(100, color=False, unicode=True, interactive=False)
    text = "\n".join(show_lines(version, proof, "", 4.0, terminal))
    for words in ("a" * 64, "b" * 64, "c" * 64, "20261124-090000-abc", "campus v3", "@champion"):
        assert words in text
    assert "agrees with PyTorch at batches 1, 7, 32" in text
    assert "differs by 0.00100 at most" in text
    assert "2.0 times as fast" in text
    listed = "\n".join(list_lines(models(), 4.0, terminal))
    assert "incomplete" in listed


@pytest.mark.parametrize(
    "typed", ["~nobody-of-this-name/x", "/" + "a" * 300, "~nobody-of-this-name"]
)
def test_a_path_that_is_being_typed_raises_nothing(typed: str) -> None:
    assert folder_problem(typed) == ""


def test_a_folder_that_is_there_is_refused(tmp_path: Path) -> None:
    assert folder_problem(str(tmp_path)) == "it exists already"
    assert folder_problem(" ") == "a folder"
