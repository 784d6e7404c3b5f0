"""The object store, in a folder and behind a real S3 server."""

import os
import socket
import time
from pathlib import Path

import pytest

from tests.publishing.servers import S3Server, free_port
from training_core.contract.errors import StorageError
from training_core.contract.files import sha256_file
from training_core.contract.secrets import Credentials, credentials
from training_core.contract.sections import StorageSection
from training_core.publishing.object_store import (
    LocalObjectStore,
    ObjectStore,
    etags,
    model_key,
    open_object_store,
)
from training_core.publishing.s3_store import S3ObjectStore


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "folder":
        return open_object_store(StorageSection(), tmp_path / "home")
    server: S3Server = request.getfixturevalue("s3_server")
    request.getfixturevalue("s3_keys")
    return open_object_store(StorageSection(endpoint=server.endpoint), tmp_path / "home")


@pytest.mark.parametrize("size", [0, 1_000, 20 * 1024 * 1024 + 1])
def test_an_upload_comes_back_bit_for_bit(store: ObjectStore, tmp_path: Path, size: int) -> None:
    source = tmp_path / "model.onnx"
    source.write_bytes(os.urandom(size))
    stored = store.upload(source, f"round-trip-{size}/v1/model.onnx")
    assert (stored.size_bytes, stored.sha256) == (size, sha256_file(source))
    store.download(stored.key, tmp_path / "back" / "model.onnx")
    assert sha256_file(tmp_path / "back" / "model.onnx") == stored.sha256
    assert [path.name for path in (tmp_path / "back").iterdir()] == ["model.onnx"]


def test_an_upload_again_replaces_and_keys_list_it_once(store: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "metrics.json"
    for text in ("first", "second"):
        source.write_text(text)
        store.upload(source, "again/v2/metrics.json")
    store.upload(source, "again/v20/metrics.json")
    assert store.keys("again/v2/") == ["again/v2/metrics.json"]
    assert store.keys("again/") == ["again/v2/metrics.json", "again/v20/metrics.json"]
    store.download("again/v2/metrics.json", source)
    assert source.read_text() == "second"


def test_a_missing_object_is_named(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    store.upload(tmp_path / "a", "present/v1/a")
    with pytest.raises(StorageError, match=r"absent/v1/model\.onnx"):
        store.download("absent/v1/model.onnx", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_the_bucket_is_made_when_missing(
    s3_server: S3Server, s3_keys: None, tmp_path: Path
) -> None:
    (tmp_path / "a").write_text("a")
    storage = StorageSection(endpoint=s3_server.endpoint, bucket="a-new-bucket")
    open_object_store(storage, tmp_path).upload(tmp_path / "a", "m/v1/a")
    assert (s3_server.folder / "a-new-bucket" / "m" / "v1" / "a").read_text() == "a"


def test_listing_a_bucket_that_is_not_there_names_it(
    s3_server: S3Server, s3_keys: None, tmp_path: Path
) -> None:
    storage = StorageSection(endpoint=s3_server.endpoint, bucket="never-made")
    with pytest.raises(StorageError, match="no bucket 'never-made'"):
        open_object_store(storage, tmp_path).download("m/v1/a", tmp_path / "a")


@pytest.mark.parametrize(
    ("access", "secret"), [("somebody", "test-secret"), ("test-access", "wrong-secret")]
)
def test_a_wrong_key_is_said(
    s3_server: S3Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    access: str,
    secret: str,
) -> None:
    monkeypatch.setenv("HEIMDALL_S3_ACCESS_KEY", access)
    monkeypatch.setenv("HEIMDALL_S3_SECRET_KEY", secret)
    (tmp_path / "a").write_text("a")
    store = open_object_store(StorageSection(endpoint=s3_server.endpoint), tmp_path)
    with pytest.raises(StorageError, match="key") as caught:
        store.upload(tmp_path / "a", "m/v1/a")
    assert "HEIMDALL_S3_ACCESS_KEY" in str(caught.value)
    assert secret not in str(caught.value)


def test_no_key_at_all_is_said_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HEIMDALL_S3", "MINIO", "AWS"):
        for end in ("ACCESS_KEY", "SECRET_KEY", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
            monkeypatch.delenv(f"{name}_{end}", raising=False)
    with pytest.raises(StorageError, match="not set"):
        open_object_store(StorageSection(endpoint="http://127.0.0.1:9"), tmp_path)


def test_a_server_that_is_not_there_is_said_quickly(s3_keys: None, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    store = open_object_store(StorageSection(endpoint=f"http://127.0.0.1:{free_port()}"), tmp_path)
    start = time.monotonic()
    with pytest.raises(StorageError, match="not reachable"):
        store.upload(tmp_path / "a", "m/v1/a")
    assert time.monotonic() - start < 5


def test_a_server_that_never_answers_does_not_hang_us(s3_keys: None, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        store = S3ObjectStore.connect(
            StorageSection(endpoint=endpoint), credentials(tmp_path), timeout_s=0.5
        )
        start = time.monotonic()
        with pytest.raises(StorageError, match="does not answer"):
            store.upload(tmp_path / "a", "m/v1/a")
        assert time.monotonic() - start < 5


def test_an_endpoint_that_is_no_address_is_said(tmp_path: Path) -> None:
    keys = Credentials.model_validate({"storage_access_key": "a", "storage_secret_key": "b"})
    with pytest.raises(StorageError, match="not an address"):
        S3ObjectStore.connect(StorageSection(endpoint="http://host/with/path"), keys)


def test_a_full_or_unwritable_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "root").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="was not stored"):
        LocalObjectStore(tmp_path / "root", "bucket").upload(tmp_path / "a", "m/v1/a")


def test_etags_are_those_of_one_piece_and_of_parts(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abcdef")
    whole = "e80b5017098950fc58aad83c8c14978e"
    assert whole in etags(tmp_path / "a", 100)
    assert [tag for tag in etags(tmp_path / "a", 2) if tag.endswith("-3")]


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b"])
def test_a_name_that_would_leave_the_store_is_refused(name: str) -> None:
    with pytest.raises(StorageError, match="cannot be stored"):
        model_key(name, 1)
    assert model_key("ok", 3, "model.onnx") == "ok/v3/model.onnx"
