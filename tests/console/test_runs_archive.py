"""Runs that are put away and listed again."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from heimdall_console.run_archive import archived_runs, change_archive
from tests.console.programs import FakeRun, heimdall
from training_core.contract.errors import HeimdallError


def test_archived_runs_are_listed_when_asked_for(
    isolated_home: Path, fake_run: Callable[..., FakeRun]
) -> None:
    run_id = fake_run("one").run.id
    assert heimdall("runs", "archive", "@last").stdout == f"{run_id}  archived\n"
    assert json.loads(heimdall("runs", "list", "--json").stdout) == []
    listed = json.loads(heimdall("runs", "list", "--archived", "--json").stdout)
    assert [run["id"] for run in listed] == [run_id]
    assert heimdall("runs", "archive", "--undo", run_id).stdout == f"{run_id}  listed again\n"
    assert archived_runs(isolated_home) == frozenset()


def test_a_damaged_archive_hides_nothing_and_a_full_one_says_so(isolated_home: Path) -> None:
    isolated_home.mkdir()
    (isolated_home / "archived.json").write_text('{"a": 1')
    assert archived_runs(isolated_home) == frozenset()
    assert change_archive(isolated_home, ["a", "b"], put_away=True) == {"a", "b"}
    assert change_archive(isolated_home, ["b"], put_away=False) == {"a"}
    (isolated_home / "archived.json").unlink()
    (isolated_home / "archived.json").mkdir()
    with pytest.raises(HeimdallError, match="was not changed"):
        change_archive(isolated_home, ["a"], put_away=True)
