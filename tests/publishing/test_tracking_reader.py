"""A real reader process on an embedded database and on a server, with runs of other programs."""

import math
import os
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from heimdall_console.sources.tracking_reader import TrackingReader
from tests.publishing.runs import embedded
from tests.publishing.servers import (
    GuardedServer,
    S3Server,
    end_group,
    free_port,
    listens,
    mlflow_server,
    wait_until,
)
from training_core.contract.errors import TrackingError

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

HOSTILE = "[red]a\x1b[2J\u202eb" + "x" * 200
PATH_LIKE = "..%2f..%2fetc"


@contextmanager
def reading(home: Path, uri: str = "") -> Iterator[TrackingReader]:
    reader = TrackingReader(home, uri)
    try:
        yield reader
    finally:
        reader.close()


def every(reader: TrackingReader, request: str, key: str, **asked: Any) -> list[dict[str, Any]]:
    return [entry for answer in reader.stream(request, **asked) for entry in answer[key]]


def client_of(uri: str) -> "MlflowClient":
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def log_runs(uri: str, folder: Path, count: int = 3) -> list[str]:
    """Runs as any program logs them; the first one with everything."""
    from mlflow.entities import Metric, Param, RunTag

    client = client_of(uri)
    experiment = client.create_experiment(f"others-{folder.name}")
    ids = []
    for place in range(count):
        run = client.create_run(experiment, start_time=1000 * (place + 1), run_name=f"run {place}")
        run_id = run.info.run_id
        client.log_batch(
            run_id,
            [Metric("loss", 1.0 / (1 + step), 1000 + step, step) for step in range(20)],
            [Param("lr", "0.1"), Param("name", HOSTILE)],
            [RunTag("note", HOSTILE), RunTag("mlflow.note.content", "y" * 5000)],
        )
        ids.append(run_id)
    client.log_metric(ids[0], "odd", math.nan, 1001, 0)
    client.log_metric(ids[0], "odd", -math.inf, 1002, 1)
    files = folder / "files"
    (files / "sub").mkdir(parents=True)
    (files / "sub" / "values.json").write_text('{"b":[1,2]}')
    (files / "big.txt").write_text("line\n" * 100_000)
    (files / "weights.bin").write_bytes(b"\0\1" * 100)
    client.log_artifacts(ids[0], str(files), "out")
    client.set_terminated(ids[0], "KILLED", 9000)
    name = f"model-{folder.name}"
    client.create_registered_model(name)
    version = client.create_model_version(name, f"runs:/{ids[0]}/out", ids[0])
    client.set_registered_model_alias(name, "champion", version.version)
    return ids


def check_everything(reader: TrackingReader, ids: list[str], folder: Path) -> None:
    rows = {row["id"]: row for row in every(reader, "runs", "runs") if row["id"] in ids}
    assert list(rows) == ids[::-1], "the newest first"
    first = rows[ids[0]]
    assert (first["name"], first["experiment"]) == ("run 0", f"others-{folder.name}")
    assert (first["status"], first["start_ms"], first["end_ms"]) == ("KILLED", 1000, 9000)
    assert first["params"] == {"lr": "0.1", "name": HOSTILE}
    assert first["tags"]["note"] == HOSTILE
    assert "mlflow.note.content" not in first["tags"], "a list carries no essays"
    assert first["metrics"] == {"loss": 0.05, "odd": "-Infinity"}

    full = reader.answer("run", run=ids[0])["run"]
    assert full["tags"]["mlflow.note.content"] == "y" * 5000
    history = {
        a["metric"]: a for a in reader.stream("history", run=ids[0], metrics=["loss", "odd"])
    }
    assert history["loss"]["steps"] == list(range(20))
    assert history["loss"]["values"][0] == 1.0
    assert history["loss"]["times_ms"][-1] == 1019
    assert (history["loss"]["total"], history["loss"]["is_thinned"]) == (20, False)
    assert history["odd"]["values"] == ["NaN", "-Infinity"]
    figures = reader.answer("figures", runs=[ids[0]], metric="loss")["figures"]
    assert (figures["last"], figures["min"], figures["max"]) == (0.05, 0.05, 1.0)
    assert len(figures["values"]) == 20

    root = reader.answer("artifacts", run=ids[0])["artifacts"]
    assert root == [{"path": "out", "is_folder": True, "size_bytes": None}]
    listed = reader.answer("artifacts", run=ids[0], folder="out")["artifacts"]
    assert [entry["path"] for entry in listed] == ["out/sub", "out/big.txt", "out/weights.bin"]
    shown = reader.answer("preview", run=ids[0], path="out/sub/values.json")
    assert (shown["kind"], orjson.loads(shown["text"])) == ("json", {"b": [1, 2]})
    shown = reader.answer("preview", run=ids[0], path="out/big.txt")
    assert (shown["kind"], shown["is_cut"], shown["size_bytes"]) == ("text", True, 500_000)
    assert len(shown["text"]) == 256 * 1024
    assert reader.answer("preview", run=ids[0], path="out/weights.bin")["kind"] == "binary"
    for path in ("../../../../etc/passwd", PATH_LIKE, "/etc/passwd", "out", "none.txt", "a\0b"):
        with pytest.raises(TrackingError) as refused:
            reader.answer("preview", run=ids[0], path=path)
        assert "nothing was changed" in refused.value.unharmed

    versions = reader.answer("versions", run=ids[0])["versions"]
    made = [(v["name"], v["version"], v["aliases"]) for v in versions]
    assert made == [(f"model-{folder.name}", 1, ["champion"])]
    models = {model["name"]: model for model in every(reader, "models", "models")}
    model = models[f"model-{folder.name}"]
    assert model["aliases"] == {"champion": 1}
    assert (model["versions"][0]["run_id"], model["versions"][0]["aliases"]) == (
        ids[0],
        ["champion"],
    )
    names = {entry["name"] for entry in every(reader, "experiments", "experiments")}
    assert f"others-{folder.name}" in names


def test_an_embedded_database(home: Path, tmp_path: Path) -> None:
    ids = log_runs(embedded(home), tmp_path)
    with reading(home) as reader:
        check_everything(reader, ids, tmp_path)
        assert reader.shown_uri == embedded(home)
        assert reader.answer("changes")["gone"] == []
        client = client_of(embedded(home))
        client.log_metric(ids[0], "loss", 0.01, 2000, 21)
        client.delete_run(ids[1])
        client.set_tag(ids[2], "note", "new")
        found = reader.answer("changes")
        assert found["gone"] == [ids[1]]
        # The first has ended: only runs that live, are new or whose state changed are read again.
        assert [(row["id"], row["tags"]["note"]) for row in found["runs"]] == [(ids[2], "new")]
        client.set_terminated(ids[2])
        found = reader.answer("changes")
        assert [(row["id"], row["status"]) for row in found["runs"]] == [(ids[2], "FINISHED")]
        assert reader.answer("changes")["runs"] == []


def test_a_server_behind_a_password(
    home: Path, mlflow_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = log_runs(mlflow_uri, tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wrong")
    with GuardedServer(mlflow_uri, "ada:right") as guard:
        with reading(home, guard.uri) as reader:
            with pytest.raises(TrackingError) as refused:
                every(reader, "runs", "runs")
            assert "does not accept the credentials" in refused.value.why
            assert "wrong" not in str(refused.value)
        host = guard.uri.removeprefix("http://")
        with reading(home, f"http://ada:right@{host}") as reader:
            check_everything(reader, ids, tmp_path)
            assert reader.shown_uri == guard.uri, "no password is ever shown"
            client = client_of(mlflow_uri)
            client.set_terminated(ids[2], "FINISHED", 8000)
            found = {row["id"]: row for row in reader.answer("changes")["runs"]}
            assert found[ids[2]]["status"] == "FINISHED", "a run that lived is looked at again"
            arguments = subprocess.run(
                ["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True
            )
            assert "ada:right" not in arguments.stdout


def test_a_server_behind_a_token(
    home: Path, mlflow_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = log_runs(mlflow_uri, tmp_path)
    with GuardedServer(mlflow_uri, "Bearer the-right-one") as guard:
        for token, status in (("", "401"), ("a-wrong-one", "401"), ("guest-of-ours", "403")):
            monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token)
            with reading(home, guard.uri) as reader:
                for request in ("runs", "models"):
                    with pytest.raises(TrackingError) as refused:
                        every(reader, request, request)
                    assert "does not accept the credentials" in refused.value.why
                    assert status in refused.value.why
                    assert refused.value.action.startswith("Set MLFLOW_TRACKING_TOKEN")
                    assert not token or token not in str(refused.value)
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "the-right-one")
        with reading(home, guard.uri) as reader:
            check_everything(reader, ids, tmp_path)
        monkeypatch.delenv("MLFLOW_TRACKING_TOKEN")
        path = home / "credentials.toml"
        path.touch(mode=0o600)
        path.write_text('tracking_token = "the-right-one"\n')
        with reading(home, guard.uri) as reader:
            check_everything(reader, ids, tmp_path)


def test_a_silent_server_blocks_no_other_request(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with reading(home, uri) as reader:
            errors: list[TrackingError] = []

            def ask() -> None:
                try:
                    reader.answer("runs", silence_s=6.0)
                except TrackingError as error:
                    errors.append(error)

            thread = threading.Thread(target=ask)
            thread.start()
            with pytest.raises(TrackingError, match="does not know the request"):
                reader.answer("nonsense")
            assert not errors, "the first one is still waiting"
            thread.join(60)
            assert errors[0].what == f"{uri} did not answer"
            abandoned = reader.stream("runs", silence_s=30.0)
            threading.Timer(0.2, reader.close).start()
            with pytest.raises(TrackingError, match="is gone"):
                next(abandoned)


def test_a_home_without_a_database_gets_none_by_being_read(isolated_home: Path) -> None:
    with reading(isolated_home) as reader:
        assert every(reader, "runs", "runs") == []
        assert every(reader, "models", "models") == []
        assert reader.answer("changes")["runs"] == []
        with pytest.raises(TrackingError, match="There is no database"):
            reader.answer("run", run="x")
        process = reader._process
        assert process is not None
    assert process.returncode == 0, "it leaves when its input ends"
    assert not (isolated_home / "mlflow.db").exists()
    assert not (isolated_home / ".mlflow.lock").exists()


def test_thousands_of_points_are_thinned_and_that_is_said(home: Path) -> None:
    client = client_of(embedded(home))
    run_id = client.create_run("0").info.run_id
    count, spike = 250_000, 123_456
    points = ((run_id, "loss", 9.0 if s == spike else 1.0, s, s, 0) for s in range(count))
    with sqlite3.connect(home / "mlflow.db") as database:
        database.executemany(
            "INSERT INTO metrics (run_uuid, key, value, timestamp, step, is_nan)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            points,
        )
    database.close()
    with reading(home) as reader:
        found = reader.answer("history", run=run_id, metrics=["loss"])
    assert (found["total"], found["is_thinned"]) == (count, True)
    assert len(found["steps"]) <= 200_002
    assert found["values"][found["steps"].index(spike)] == 9.0, "no spike is lost"


def test_a_database_that_is_held_is_read_when_it_is_free(home: Path) -> None:
    client_of(embedded(home)).create_run("0", run_name="held")
    with reading(home) as reader:
        holder = sqlite3.connect(home / "mlflow.db")
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TrackingError, match="was not read"):
            every(reader, "runs", "runs")
        holder.rollback()
        holder.close()
        assert [row["name"] for row in every(reader, "runs", "runs")] == ["held"]


def test_tables_of_another_schema_are_left_to_mlflow(home: Path) -> None:
    (home / "mlflow.db").unlink()
    with sqlite3.connect(home / "mlflow.db") as database:
        database.execute("CREATE TABLE runs (id TEXT)")
    database.close()
    with reading(home) as reader, pytest.raises(TrackingError) as refused:
        every(reader, "runs", "runs")
    assert "cannot be used" in refused.value.what
    wait_until(lambda: os.path.exists(home / "mlflow.db"), 1, "the file, which stays")


def spoil(database: Path, run_id: str) -> None:
    """Put texts where MLflow keeps numbers, as an editor of the file can."""
    with sqlite3.connect(database) as connection:
        for table in ("latest_metrics", "metrics"):
            changes = f"UPDATE {table} SET value = 'abc' WHERE run_uuid = ? AND step >= 18"
            connection.execute(changes, (run_id,))
        connection.execute(
            "UPDATE metrics SET step = 'x' WHERE run_uuid = ? AND step = 3", (run_id,)
        )
        connection.execute(
            "UPDATE runs SET end_time = 'later', name = CAST(x'ff' AS TEXT) WHERE run_uuid = ?",
            (run_id,),
        )
    connection.close()


def test_one_odd_run_says_what_is_odd_and_the_others_are_listed(home: Path, tmp_path: Path) -> None:
    ids = log_runs(embedded(home), tmp_path)
    spoil(home / "mlflow.db", ids[1])
    with reading(home) as reader:
        rows = {row["id"]: row for row in every(reader, "runs", "runs")}
        history = reader.answer("history", run=ids[1], metrics=["loss"])
        figures = reader.answer("figures", runs=[ids[1]], metric="loss")["figures"]
    assert list(rows) == ids[::-1]
    assert [bool(rows[run_id]["wrong"]) for run_id in ids] == [False, True, False]
    odd = rows[ids[1]]
    assert "its end is 'later', which is no time" in odd["wrong"]
    assert "its metric loss is 'abc', which is no number" in odd["wrong"]
    assert (odd["name"], odd["end_ms"], odd["metrics"]) == ("\ufffd", None, {"loss": "NaN"})
    assert history["values"][-2:] == ["NaN", "NaN"]
    assert (len(history["steps"]), history["total"]) == (19, 20), "one has no place"
    assert (figures["last"], figures["min_step"]) == (1 / 18, 17)


def test_one_run_that_a_server_fails_at_hides_no_other(
    home: Path, migrated_database: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    shutil.copyfile(migrated_database, folder / "server.db")
    port = free_port()
    process = mlflow_server(f"sqlite:///{folder}/server.db", folder / "artifacts", port)
    try:
        wait_until(lambda: listens(port), 60, "the MLflow server")
        uri = f"http://127.0.0.1:{port}"
        ids = log_runs(uri, tmp_path, count=9)
        spoil(folder / "server.db", ids[3])
        with reading(home, uri) as reader:
            rows = every(reader, "runs", "runs")
            changes = reader.answer("changes")
            for run_id in ids:
                spoil(folder / "server.db", run_id)
            with pytest.raises(TrackingError, match="could not be listed") as failed:
                every(reader, "runs", "runs")
    finally:
        end_group(process)
    expected = [*ids[:3:-1], f"unreadable 2 after {ids[5]}", *ids[2::-1]]
    assert [row["id"] for row in rows] == expected
    assert "the server fails at this run" in rows[5]["wrong"]
    assert not any(row["wrong"] for row in rows if row["id"] in ids)
    assert changes["gone"] == []
    assert {row["id"] for row in changes["runs"]} <= set(ids)
    assert "its own log says why" in failed.value.why, "what fails at all of them is ill itself"


def test_artifacts_in_a_bucket_are_read_with_the_keys_of_publishing(
    home: Path, s3_server: S3Server, s3_keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(embedded(home))
    experiment = client.create_experiment("in s3", artifact_location="s3://artifacts/mlflow")
    run_id = client.create_run(experiment).info.run_id
    folder = s3_server.folder / "artifacts" / "mlflow" / run_id / "artifacts"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "values.json").write_text("[1]")
    (folder / "big.txt").write_text("line\n" * 100_000)
    (folder / "empty.txt").touch()
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", s3_server.endpoint)
    with reading(home) as reader:
        listed = reader.answer("artifacts", run=run_id)["artifacts"]
        assert [(e["path"], e["is_folder"], e["size_bytes"]) for e in listed] == [
            ("sub", True, None),
            ("big.txt", False, 500_000),
            ("empty.txt", False, 0),
        ]
        below = reader.answer("artifacts", run=run_id, folder="sub")["artifacts"]
        assert [entry["path"] for entry in below] == ["sub/values.json"]
        assert reader.answer("preview", run=run_id, path="sub/values.json")["kind"] == "json"
        assert reader.answer("preview", run=run_id, path="empty.txt")["size_bytes"] == 0
        shown = reader.answer("preview", run=run_id, path="big.txt")
        assert (len(shown["text"]), shown["size_bytes"]) == (256 * 1024, 500_000)
        for path in ("../../other", "none.txt", "sub"):
            with pytest.raises(TrackingError):
                reader.answer("preview", run=run_id, path=path)
    monkeypatch.setenv("HEIMDALL_S3_SECRET_KEY", "another-one-of-twenty")
    with reading(home) as reader, pytest.raises(TrackingError) as refused:
        reader.answer("artifacts", run=run_id)
    assert "HEIMDALL_S3_SECRET_KEY" in refused.value.action
    monkeypatch.delenv("HEIMDALL_S3_SECRET_KEY")
    with reading(home) as reader, pytest.raises(TrackingError) as refused:
        reader.answer("artifacts", run=run_id)
    assert "secret key is not set" in refused.value.why


def wakes(pid: int) -> int:
    """How often any thread of a process has given the processor up to wait."""
    found = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        (line,) = (s for s in status.read_text().splitlines() if s.startswith("voluntary"))
        found += int(line.split()[1])
    return found


def test_a_reader_that_nobody_asks_sleeps(home: Path) -> None:
    with reading(home) as reader:
        every(reader, "runs", "runs")
        assert reader._process is not None
        pid = reader._process.pid
        time.sleep(1.0)
        before = wakes(pid)
        time.sleep(3.0)
        assert wakes(pid) == before
        assert every(reader, "runs", "runs") == [], "and wakes when it is asked"
