"""Checkpoints: what keeps them, what lies inside without running it, the trash and its undoing."""

import os
import pickle
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import orjson
import pytest
import torch

from heimdall_console import checkpoint_trash
from heimdall_console.checkpoint_archive import read_details
from heimdall_console.checkpoint_rows import (
    BEST,
    EXPORTED,
    IN_USE,
    KEPT,
    LAST,
    REGISTERED,
    checkpoint_rows,
    find_checkpoints,
)
from heimdall_console.onnx_props import read_props
from tests.console.records import export_of, saved_run
from training_core.contract.checkpoints import list_checkpoints, sidecar_path
from training_core.contract.errors import CheckpointError, UsageError
from training_core.contract.jobs import ExportArguments, SetAliasArguments, create_job
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogWriter


def marks(run: RunDir, home: Path) -> dict[int, set[str]]:
    return {row.sidecar.epoch: set(row.marks) for row in checkpoint_rows(run, home)}


def test_every_reason_to_keep_a_checkpoint_is_a_mark(isolated_home: Path) -> None:
    run = saved_run(isolated_home, [3.0, 2.0, 1.0, 4.0, 5.0, 6.0], {3: "request"})
    rows = checkpoint_rows(run, isolated_home)
    sha256 = export_of(run, rows[0], "first")
    export_of(run, rows[1], "second")
    registered = {"name": "campus", "version": 3, "alias": "champion", "sha256": sha256}
    run.publisher_path.write_bytes(orjson.dumps({"state": "done", "registered": [registered]}))
    create_job(isolated_home, "export", ExportArguments(checkpoint=rows[4].path))
    assert marks(run, isolated_home) == {
        0: {EXPORTED, REGISTERED},
        1: {EXPORTED},
        2: {BEST},
        3: {KEPT},
        4: {IN_USE},
        5: {LAST},
    }
    rows = checkpoint_rows(run, isolated_home)
    assert rows[0].registered == ("campus v3 (as @champion)",)
    assert [row.rank for row in rows] == [3, 2, 1, 4, 5, 6]
    assert read_props(run.exports / "first" / "model.onnx") == {
        "checkpoint_sha256": rows[0].sidecar.sha256
    }
    # The export is gone, the version is not: its stored file still names the checkpoint.
    stored = isolated_home / "models" / "campus" / "v3"
    (run.exports / "first").rename(isolated_home / "elsewhere")
    stored.parent.mkdir(parents=True)
    (isolated_home / "elsewhere").rename(stored)
    registered["uri"] = stored.as_uri()
    run.publisher_path.write_bytes(orjson.dumps({"state": "done", "registered": [registered]}))
    assert marks(run, isolated_home)[0] == {REGISTERED}
    rows = checkpoint_rows(run, isolated_home)
    for row in rows:
        if row.sidecar.epoch != 3:
            with pytest.raises(UsageError, match="is not pruned"):
                checkpoint_trash.move_to_trash(run, [row])
    assert len(list_checkpoints(run.checkpoints)) == 6


def test_a_version_is_told_with_the_aliases_that_it_has_now(isolated_home: Path) -> None:
    run = saved_run(isolated_home, [3.0, 2.0])
    sha256 = export_of(run, checkpoint_rows(run, isolated_home)[0], "first")
    registered = {"name": "campus", "version": 3, "alias": "challenger", "sha256": sha256}
    state = {"state": "done", "registered": [registered], "updated": time.time() - 60}
    run.publisher_path.write_bytes(orjson.dumps(state))

    def told() -> tuple[str, ...]:
        return checkpoint_rows(run, isolated_home)[0].registered

    def move(alias: str, version: int) -> None:
        job = create_job(
            isolated_home,
            "set-alias",
            SetAliasArguments(name="campus", alias=alias, version=version),
        )
        moved = {"name": "campus", "alias": alias, "version": version}
        job.result_path.write_bytes(orjson.dumps(moved))
        with RunLogWriter(job.log_path) as log:
            log.append("state", status="finished", exit_code=0)

    assert told() == ("campus v3 (as @challenger)",)
    move("champion", 3)
    assert told() == ("campus v3 (as @challenger, @champion)",)
    move("challenger", 2)
    assert told() == ("campus v3 (as @champion)",)
    move("champion", 0)
    assert told() == ("campus v3",)


def test_a_pruning_is_undone_whole_and_the_trash_frees_its_bytes(isolated_home: Path) -> None:
    run = saved_run(isolated_home, [1.0, 2.0, 3.0, 4.0])
    before = [(row.path.read_bytes(), row.sidecar) for row in checkpoint_rows(run, isolated_home)]
    rows = find_checkpoints(checkpoint_rows(run, isolated_home), ["step=20", "epoch=002"])
    pruned = checkpoint_trash.move_to_trash(run, rows)
    assert pruned.size_bytes == sum(row.sidecar.size_bytes for row in rows)
    assert [s.epoch for s in list_checkpoints(run.checkpoints)] == [0, 3]
    assert [p.id for p in checkpoint_trash.list_trash(run)] == [pruned.id]
    checkpoint_trash.restore(run, checkpoint_trash.list_trash(run)[0])
    after = [(row.path.read_bytes(), row.sidecar) for row in checkpoint_rows(run, isolated_home)]
    assert after == before
    assert checkpoint_trash.list_trash(run) == []
    rows = find_checkpoints(checkpoint_rows(run, isolated_home), ["step=20"])
    checkpoint_trash.move_to_trash(run, rows)
    assert checkpoint_trash.empty_trash(run) == rows[0].sidecar.size_bytes
    assert not checkpoint_trash.trash_of(run).exists()
    with pytest.raises(CheckpointError, match="no checkpoint step=20"):
        find_checkpoints(checkpoint_rows(run, isolated_home), ["step=20"])


def test_a_checkpoint_saved_meanwhile_is_not_overwritten(isolated_home: Path) -> None:
    run = saved_run(isolated_home, [1.0, 2.0, 3.0])
    rows = find_checkpoints(checkpoint_rows(run, isolated_home), ["step=20"])
    pruned = checkpoint_trash.move_to_trash(run, rows)
    rows[0].path.write_bytes(b"newer")
    with pytest.raises(UsageError, match="was not restored"):
        checkpoint_trash.restore(run, pruned)
    assert rows[0].path.read_bytes() == b"newer"


_KILLED = """
import os, sys
from pathlib import Path
from heimdall_console import checkpoint_trash
from heimdall_console.checkpoint_rows import checkpoint_rows, find_checkpoints
from training_core.contract.run_dir import RunDir
home, run, step, what = Path(sys.argv[1]), RunDir(Path(sys.argv[2])), int(sys.argv[3]), sys.argv[4]
calls = 0
def trace(frame, event, argument):
    global calls
    if frame.f_code.co_filename == checkpoint_trash.__file__ and event == "line":
        calls += 1
        if calls == step:
            os._exit(9)
    return trace
rows = find_checkpoints(checkpoint_rows(run, home), ["step=20"]) if what == "prune" else []
trash = checkpoint_trash.list_trash(run)
sys.settrace(trace)
if what == "prune":
    checkpoint_trash.move_to_trash(run, rows)
else:
    checkpoint_trash.restore(run, trash[0])
"""


@pytest.mark.parametrize("what", ["prune", "restore"])
def test_a_process_killed_between_any_two_lines_loses_nothing(
    isolated_home: Path, what: str
) -> None:
    run = saved_run(isolated_home, [1.0, 2.0, 3.0])
    row = find_checkpoints(checkpoint_rows(run, isolated_home), ["step=20"])[0]
    content, sidecar = row.path.read_bytes(), sidecar_path(row.path).read_bytes()
    code, step = 9, 0
    while code == 9:
        if what == "restore" and row.path.exists():
            checkpoint_trash.move_to_trash(
                run, find_checkpoints(checkpoint_rows(run, isolated_home), ["step=20"])
            )
        step += 4
        code = subprocess.run(
            [sys.executable, "-c", _KILLED, str(isolated_home), str(run.path), str(step), what],
            check=False,
        ).returncode
        assert code in (0, 9)
        trash = checkpoint_trash.list_trash(run)
        in_trash = [path for pruned in trash for path in pruned.files]
        assert row.path.exists() != bool(in_trash), "it is in one place, never in two or none"
        if in_trash:
            checkpoint_trash.restore(run, trash[0])
        assert row.path.read_bytes() == content
        assert sidecar_path(row.path).read_bytes() == sidecar
    assert step > 20


def test_a_checkpoint_is_looked_into_without_torch(tmp_path: Path) -> None:
    path = tmp_path / "some.ckpt"
    origin = {"network": {"kind": "set", "sizes": {"width": 8}}, "split": {}, "run_id": "x"}
    module = torch.nn.Linear(3, 5)
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.zeros(1, 3)).sum().backward()
    optimizer.step()
    checkpoint = {
        "epoch": 3,
        "global_step": 40,
        "pytorch-lightning_version": "2.6.6",
        "state_dict": {**module.state_dict(), "half": torch.zeros(2, 2, dtype=torch.bfloat16)},
        "optimizer_states": [optimizer.state_dict()],
        "heimdall": origin,
    }
    torch.save(checkpoint, path)
    details = read_details(path)
    assert [(t.name, t.shape, t.dtype) for t in details.tensors] == [
        ("weight", (5, 3), "float32"),
        ("bias", (5,), "float32"),
        ("half", (2, 2), "bfloat16"),
    ]
    assert (details.weights, details.tensors[0].size_bytes) == (24, 60)
    assert details.other_tensors >= 4
    assert (details.epoch, details.step, details.lightning_version) == (3, 40, "2.6.6")
    assert details.says == origin
    assert details.foreign_names == ()


class _Touch:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.path}",)


def test_code_in_a_checkpoint_is_named_and_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "was-here"
    for protocol in (2, 4, 5):
        path = tmp_path / f"evil-{protocol}.ckpt"
        content = {"state_dict": {}, "heimdall": {"run_id": _Touch(str(trace))}}
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps(content, protocol))
        details = read_details(path)
        assert details.foreign_names == ("posix.system",)
        assert not trace.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a zip",
        pickle.dumps({"a": 1}),
        b"PK\x05\x06" + b"\0" * 18,
    ],
)
def test_what_is_no_checkpoint_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.ckpt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be looked into"):
        read_details(path)


def test_damaged_and_endless_pickles_are_refused(tmp_path: Path) -> None:
    whole = pickle.dumps({"state_dict": {"x": [1, 2, (3, "four")]}}, 2)
    bad = [whole[:cut] for cut in range(0, len(whole), 3)]
    bad += [b"(" * 50_000, b"0.", b"2222.", b"h\x05.", b"\x82\x01."]
    for place, content in enumerate(bad):
        path = tmp_path / f"{place}.ckpt"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", content)
        with pytest.raises(CheckpointError):
            read_details(path)
    # A list that holds itself, and one whose references double at every level.
    itself = b"](h\x00h\x00e.".replace(b"](", b"]q\x00(")
    doubling = b"]q\x00" + b"".join(b"](h%ch%ceq%c" % (i, i, i + 1) for i in range(60)) + b"."
    for place, content in enumerate([itself, doubling]):
        path = tmp_path / f"deep-{place}.ckpt"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", b"}U\x08heimdall" + content[:-1] + b"s.")
        assert read_details(path).tensors == ()
