"""Registered models, with real MLflow and real object stores."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.publishing.models import make_dataset, make_export
from tests.publishing.runs import embedded, finished_run, publish, start_publisher
from tests.publishing.servers import S3Server, end_group, wait_until
from training_core.contract.errors import ExportError, StorageError, TrackingError
from training_core.contract.files import sha256_file
from training_core.contract.jobs import (
    DownloadArguments,
    PredictArguments,
    RegisterArguments,
    SetAliasArguments,
)
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogWriter
from training_core.contract.sections import StorageSection
from training_core.publishing.inference import OnnxModel
from training_core.publishing.jobs import predict, register
from training_core.publishing.mlflow_store import MlflowStore
from training_core.publishing.model_jobs import download, set_alias
from training_core.publishing.publisher_state import read_state
from training_core.publishing.registry import resolve_model

pytestmark = pytest.mark.slow


def client_of(uri: str) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def version_tags(uri: str, name: str, version: int) -> Any:
    return client_of(uri).get_model_version(name, str(version))


def add_export(run: RunDir, name: str = "site", alias: str = "challenger", seed: int = 3) -> Path:
    """Export into a run and say so in its log, as a worker does."""
    folder = make_export(run.exports / name, seed, run_id=run.id)
    (folder / "config.toml").write_text("[run]\n")
    with RunLogWriter(run.log_path) as log:
        log.append(
            "artifact",
            name="model.onnx",
            path=f"exports/{name}",
            sha256=sha256_file(folder / "model.onnx"),
            size_bytes=(folder / "model.onnx").stat().st_size,
            register={"name": "heimdall-localization", "alias": alias},
        )
    return folder


def test_a_run_s_export_is_registered_stored_and_found_by_alias(home: Path) -> None:
    run = finished_run(home)
    folder = add_export(run)
    state = publish(run)
    assert state.waiting == []
    [registered] = state.registered
    assert (registered.version, registered.alias) == (1, "challenger")
    stored = home / "models" / "heimdall-models" / "heimdall-localization" / "v1"
    assert {path.name for path in stored.iterdir()} == {
        *("model.onnx", "config.toml", "metrics.json", "proof.json", "README.md")
    }
    assert sha256_file(stored / "model.onnx") == sha256_file(folder / "model.onnx")
    found = version_tags(embedded(home), "heimdall-localization", 1)
    assert found.run_id == state.mlflow_run_id
    assert found.aliases == ["challenger"]
    expected = {
        "heimdall.status": "ready",
        "heimdall.run_id": run.id,
        "heimdall.mlflow_run_id": state.mlflow_run_id,
        "heimdall.checkpoint_sha256": "ab" * 32,
        "heimdall.config_hash": "c" * 64,
        "heimdall.dataset_fingerprint": "d" * 64,
        "heimdall.onnx_sha256": sha256_file(folder / "model.onnx"),
        "heimdall.git_commit": "0123456789abcdef",
        "heimdall.uri": registered.uri,
    }
    assert {key: found.tags.get(key) for key in expected} == expected

    again = publish(run)
    assert again.registered == [registered]
    run.publisher_path.unlink()
    assert publish(run).registered == [registered], "found by its tags, not made again"

    make_dataset(home / "datasets" / "near")
    result = predict(
        PredictArguments(
            model="heimdall-localization@challenger",
            dataset=home / "datasets" / "near",
            out=home / "out.csv",
        )
    )
    assert (result["registered_model"], result["version"]) == ("heimdall-localization", 1)
    assert Path(result["model"]).parent.parent == home / "cache" / "models"
    assert len((home / "out.csv").read_text().splitlines()) == 41


@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning")
def test_mlflow_s_own_loaders_take_a_registered_model(home: Path) -> None:
    import mlflow

    run = finished_run(home)
    add_export(run)
    publish(run)
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    try:
        mlflow.set_tracking_uri(embedded(home))
        mlflow.set_registry_uri(embedded(home))
        model = mlflow.pyfunc.load_model("models:/heimdall-localization@challenger")
        inputs: dict[str, Any] = {
            "receiver": np.zeros((2, 3), np.int64),
            "position_m": np.zeros((2, 3, 2), np.float32),
            "observation": np.full((2, 3, 1), -60.0, np.float32),
        }
        answer = model.predict(inputs)
        direct = OnnxModel(run.exports / "site" / "model.onnx").run(inputs)
        np.testing.assert_allclose(answer["mean_m"], direct["mean_m"], atol=1e-3)
        assert mlflow.onnx.load_model("models:/heimdall-localization@challenger").graph.node
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])


def test_through_a_server_into_s3(
    home: Path, mlflow_uri: str, s3_server: S3Server, s3_keys: None
) -> None:
    storage = f'endpoint = "{s3_server.endpoint}"\nbucket = "published-models"'
    run = finished_run(home, tracking=f'uri = "{mlflow_uri}"', storage=storage)
    add_export(run, alias="champion")
    state = publish(run)
    [registered] = state.registered
    assert registered.uri == "s3://published-models/heimdall-localization/v1/"
    stored = s3_server.folder / "published-models" / "heimdall-localization" / "v1"
    assert sha256_file(stored / "model.onnx") == registered.sha256
    found = version_tags(mlflow_uri, "heimdall-localization", 1)
    assert found.source.endswith("exports/site")
    make_dataset(home / "datasets" / "near")
    arguments = PredictArguments(
        model="heimdall-localization@champion",
        dataset=home / "datasets" / "near",
        out=home / "out.csv",
        tracking_uri=mlflow_uri,
    )
    assert predict(arguments)["version"] == 1, "the version says where it is"
    (stored / "model.onnx").write_bytes(bytes((stored / "model.onnx").stat().st_size))
    assert predict(arguments)["version"] == 1, "the verified file of the cache is used"
    (home / "cache" / "models" / registered.sha256 / "model.onnx").unlink()
    with pytest.raises(StorageError, match="damaged in the object store"):
        predict(arguments)


def test_a_version_in_s3_is_downloaded_where_its_run_is_not(
    home: Path,
    mlflow_uri: str,
    s3_server: S3Server,
    s3_keys: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = "from-elsewhere"
    registered = register(
        RegisterArguments(
            export=make_export(home / "export"),
            name=name,
            alias="champion",
            tracking_uri=mlflow_uri,
            storage_endpoint=s3_server.endpoint,
            bucket="other-models",
        )
    )
    tags = version_tags(mlflow_uri, name, 1).tags
    assert tags["heimdall.storage_endpoint"] == s3_server.endpoint
    arguments = DownloadArguments(
        model=f"{name}@champion", target=tmp_path / "first", tracking_uri=mlflow_uri
    )
    download(arguments)
    assert sha256_file(tmp_path / "first" / "model.onnx") == registered["sha256"]

    # One that an earlier release registered.
    client_of(mlflow_uri).delete_model_version_tag(name, "1", "heimdall.storage_endpoint")
    again = arguments.model_copy(update={"target": tmp_path / "second"})
    with pytest.raises(StorageError, match="nobody says on which server") as refused:
        download(again)
    assert "MLFLOW_S3_ENDPOINT_URL" in refused.value.action
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", s3_server.endpoint)
    assert download(again)["files"] == len(list((tmp_path / "first").iterdir()))


def test_a_store_that_refuses_delays_the_registration_only(
    home: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEIMDALL_S3_ACCESS_KEY", "somebody")
    monkeypatch.setenv("HEIMDALL_S3_SECRET_KEY", "else-and-long-enough")
    run = finished_run(
        home,
        tracking="give_up_after_minutes = 0.2",
        storage=f'endpoint = "{s3_server.endpoint}"\nbucket = "delayed"',
    )
    add_export(run)
    process = start_publisher(run)
    try:
        wait_until(lambda: read_state(run.publisher_path).attempts > 1, 60, "two attempts")
        state = read_state(run.publisher_path)
        assert (state.state, state.final_status) == ("retrying", "FINISHED")
        assert "key" in state.waits_for
        assert len(state.waiting) == 1
    finally:
        end_group(process)
    found = version_tags(embedded(home), "heimdall-localization", 1)
    assert found.tags["heimdall.status"] == "uploading"
    assert found.aliases == [], "the alias moves last"
    with pytest.raises(TrackingError, match="not complete"):
        resolve(home, "heimdall-localization@v1")
    monkeypatch.setenv("HEIMDALL_S3_ACCESS_KEY", "test-access")
    monkeypatch.setenv("HEIMDALL_S3_SECRET_KEY", "test-secret-of-twenty")
    state = publish(run)
    assert state.registered[0].version == 1, "the version of the first attempt is completed"
    assert (s3_server.folder / "delayed" / "heimdall-localization" / "v1" / "model.onnx").is_file()


def resolve(home: Path, reference: str) -> Any:
    tracking = MlflowStore.connect("", home)
    return resolve_model(reference, tracking, StorageSection(), home)


def test_versions_count_up_and_an_alias_moves_forward_only_by_itself(home: Path) -> None:
    folders = [make_export(home / f"export-{seed}", seed, run_id="") for seed in (3, 4)]

    def add(folder: Path) -> dict[str, Any]:
        return register(RegisterArguments(export=folder, name="site", alias="champion"))

    assert [add(folder)["version"] for folder in folders] == [1, 2]
    assert resolve(home, "site@champion").version == 2
    assert resolve(home, "site@latest").version == 2
    assert resolve(home, "site@v1").version == 1
    assert add(folders[0])["version"] in {1, 3}, "a person may move an alias back"
    assert resolve(home, "site@champion").version != 2


def test_what_is_not_registered_is_said_with_what_is(home: Path) -> None:
    with pytest.raises(TrackingError, match="knows no models"):
        resolve(home, "site@champion")
    register(RegisterArguments(export=make_export(home / "e"), name="site", alias="champion"))
    with pytest.raises(TrackingError, match="site with champion, v1"):
        resolve(home, "site@challenger")
    with pytest.raises(TrackingError, match="the models site"):
        resolve(home, "other@champion")
    with pytest.raises(TrackingError, match="name@alias"):
        resolve(home, "no-reference")


def test_an_export_that_is_not_what_was_proved_is_refused(home: Path) -> None:
    folder = make_export(home / "e")
    other = make_export(home / "other", seed=4)
    (folder / "model.onnx").write_bytes((other / "model.onnx").read_bytes())
    arguments = RegisterArguments(export=folder, name="site")
    with pytest.raises(ExportError, match="not the file that was proved"):
        register(arguments)
    (folder / "proof.json").unlink()
    with pytest.raises(ExportError, match="no readable proof"):
        register(arguments)
    with pytest.raises(ExportError, match="There is no model"):
        register(RegisterArguments(export=home / "absent", name="site"))


def test_a_reserved_alias_is_refused_with_the_reason(home: Path) -> None:
    folder = make_export(home / "e")
    with pytest.raises(TrackingError, match="alias"):
        register(RegisterArguments(export=folder, name="site", alias="latest"))


def test_aliases_move_by_hand_and_whole_versions_are_downloaded(home: Path, tmp_path: Path) -> None:
    run = finished_run(home)
    first = add_export(run, "one", "champion")
    add_export(run, "two", "champion", seed=4)
    publish(run)
    name = "heimdall-localization"
    moved = set_alias(SetAliasArguments(name=name, alias="champion", version=1, expected=2))
    assert (moved["before"], moved["version"]) == (2, 1)
    with pytest.raises(TrackingError, match="was not moved") as refused:
        set_alias(SetAliasArguments(name=name, alias="champion", version=2, expected=2))
    assert "It is at version 1 by now" in refused.value.why
    for arguments in (
        SetAliasArguments(name=name, alias="champion", version=99),
        SetAliasArguments(name=name, alias="v7", version=1),
        SetAliasArguments(name="nothing", alias="champion", version=1),
    ):
        with pytest.raises(TrackingError):
            set_alias(arguments)
    target = tmp_path / "deep" / "model"
    done = download(DownloadArguments(model=f"{name}@champion", target=target))
    assert (done["version"], done["files"]) == (1, 5)
    assert sha256_file(target / "model.onnx") == sha256_file(first / "model.onnx")
    with pytest.raises(StorageError, match="was not made"):
        download(DownloadArguments(model=f"{name}@champion", target=target))
    stored = home / "models" / "heimdall-models" / name / "v1" / "model.onnx"
    stored.write_bytes(b"damaged")
    with pytest.raises(StorageError, match="damaged"):
        download(DownloadArguments(model=f"{name}@v1", target=tmp_path / "other"))
    assert sorted(path.name for path in tmp_path.iterdir() if "other" in path.name) == []
    assert set_alias(SetAliasArguments(name=name, alias="champion", version=0))["before"] == 1
