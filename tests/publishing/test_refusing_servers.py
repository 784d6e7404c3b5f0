"""Servers that want credentials: said in plain words, and gone on with when they are there."""

from pathlib import Path

import pytest

from tests.publishing.runs import assert_every_step_once, finished_run, run_of, start_publisher
from tests.publishing.servers import GuardedServer, end_group, wait_until
from training_core.publishing.publisher_state import read_state

pytestmark = pytest.mark.slow


def write_credentials(home: Path, **values: str) -> None:
    path = home / "credentials.toml"
    path.touch(mode=0o600)
    path.write_text("".join(f'tracking_{name} = "{value}"\n' for name, value in values.items()))


def test_a_run_is_published_to_a_server_behind_a_token(home: Path, mlflow_uri: str) -> None:
    with GuardedServer(mlflow_uri, "Bearer the right one") as guard:
        run = finished_run(home, tracking=f'uri = "{guard.uri}"')
        write_credentials(home, token="guest of ours")
        process = start_publisher(run)
        try:
            wait_until(lambda: "403" in read_state(run.publisher_path).waits_for, 60, "a refusal")
            said = read_state(run.publisher_path).waits_for
            assert "does not accept the credentials" in said
            assert "MLFLOW_TRACKING_TOKEN" in said
            write_credentials(home, token="the right one")
            assert process.wait(60) == 0
        finally:
            end_group(process)
    state = read_state(run.publisher_path)
    assert_every_step_once(mlflow_uri, state.mlflow_run_id, 20)
    assert "the right one" not in run.publisher_path.read_text()


def test_credentials_that_come_later_are_used_without_a_restart(
    home: Path, mlflow_uri: str
) -> None:
    with GuardedServer(mlflow_uri, "somebody:the right one") as guard:
        run = finished_run(home, tracking=f'uri = "{guard.uri}"')
        process = start_publisher(run)
        try:
            wait_until(lambda: "401" in read_state(run.publisher_path).waits_for, 60, "a refusal")
            state = read_state(run.publisher_path)
            assert state.state == "retrying"
            assert "does not accept the credentials" in state.waits_for
            assert "credentials.toml" in state.waits_for

            write_credentials(home, username="guest", password="a wrong one")
            wait_until(lambda: "403" in read_state(run.publisher_path).waits_for, 60, "another")
            assert (read_state(run.publisher_path).points, state.mlflow_run_id) == (0, "")

            write_credentials(home, username="somebody", password="the right one")
            assert process.wait(60) == 0
        finally:
            end_group(process)
    state = read_state(run.publisher_path)
    assert (state.state, state.waits_for, state.attempts) == ("done", "", 0)
    assert_every_step_once(mlflow_uri, state.mlflow_run_id, 20)
    assert run_of(mlflow_uri, state.mlflow_run_id).info.status == "FINISHED"
    for file in (*run.path.iterdir(), home / "credentials.toml"):
        is_secret = file.is_file() and "the right one" in file.read_text(errors="replace")
        assert is_secret == (file.name == "credentials.toml"), file
