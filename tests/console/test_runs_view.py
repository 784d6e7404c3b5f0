"""Looking at runs: the list, one run on a screen, the table of living ones, output and log."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from heimdall_console.commands.runs_view import list_lines
from heimdall_console.following.watching import WatchedRun, watch_lines
from heimdall_console.formatting import cell_width
from heimdall_console.run_facts import collect_facts
from heimdall_console.run_index import list_runs
from heimdall_console.run_page import page_lines
from heimdall_console.terminal import Terminal
from tests.console.programs import TIMEOUT_S, FakeRun, heimdall, wait_until
from training_core.contract.ending import write_end
from training_core.contract.errors import ExitCode
from training_core.contract.home import home_path
from training_core.contract.records import FIELDS
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogReader, RunLogWriter
from training_core.contract.run_status import RunStatus

MakeRun = Callable[..., FakeRun]
LONG = {"epochs": 500, "step_s": 0.01}
HOSTILE = "\x1b[2J[red]x[/red]\u202e"


def finished(make: MakeRun, name: str = "morning", **plan: Any) -> FakeRun:
    run = make(name, **{"epochs": 2, **plan}).start()
    run.wait()
    return run


def test_the_list_can_be_filtered_and_a_pipe_gets_whole_names(
    fake_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    long_name = "a-name-that-does-not-fit-into-sixty-columns-of-a-terminal"
    finished(fake_run, long_name)
    crashed = finished(fake_run, "second", crash_at=3)
    fake_run(**LONG).start()
    table = heimdall("runs", "list").stdout
    assert long_name in table
    assert "median 190.0 m" in table or "val/loss 4.500" in table
    assert "…" not in table
    listed = json.loads(heimdall("runs", "list", "--status", "crashed", "--json").stdout)
    assert [run["id"] for run in listed] == [crashed.run.id]
    assert listed[0].keys() >= {"id", "name", "experiment", "status", "created", "path", "best"}
    assert len(heimdall("runs", "list", "-n", "2").stdout.splitlines()) == 3
    assert "None of the 3 runs" in heimdall("runs", "list", "--experiment", "other").stdout
    assert heimdall("runs", "list", "--status", "done").returncode == 2


def test_a_query_means_the_same_runs_as_on_the_screen(fake_run: MakeRun) -> None:
    first, second = finished(fake_run, "first"), finished(fake_run, "second", crash_at=3)

    def listed(*query: str) -> set[str]:
        return {run["id"] for run in json.loads(heimdall("runs", "list", *query, "--json").stdout)}

    both = {first.run.id, second.run.id}
    assert listed("state:crashed") == {second.run.id}
    assert listed("first", "|", "state:crashed") == both
    assert listed("!state:crashed seed>=0") == {first.run.id}
    assert listed("last(train/loss)>-1e9") == both
    assert listed("min(train/loss)>1e9") == set()
    heimdall("runs", "archive", first.run.id)
    assert listed("first") == set()
    assert listed("archived:yes") == {first.run.id}
    wrong = heimdall("runs", "list", "losss<1")
    assert wrong.returncode == 2
    assert "losss" in wrong.stderr


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_list_drops_columns_before_it_cuts_values(width: int, fake_run: MakeRun) -> None:
    run = finished(fake_run, "a-name-that-does-not-fit-into-sixty-columns-of-a-terminal")
    lines = list_lines(list_runs(home_path()), Terminal(width=width))
    assert all(cell_width(line) <= width for line in lines)
    assert run.run.id in lines[1]
    assert "val/loss 4.500" in lines[1]
    assert ("experiment" in lines[0]) == (width >= 120)
    assert ("name" in lines[0]) == (width >= 80)


def test_a_run_cancelled_in_the_queue_never_began(fake_run: MakeRun) -> None:
    run = fake_run()
    write_end(run.run, RunStatus.KILLED, "cancelled in the queue", ExitCode.INTERRUPTED)
    assert "started" not in heimdall("runs", "show", "@last").stdout
    told = heimdall("runs", "pause", "@last")
    assert "begins it anew" in told.stderr
    assert " after " not in heimdall("attach", "@last").stdout


def test_a_home_without_runs_says_so(isolated_home: Path) -> None:
    assert "There are no runs yet" in heimdall("runs", "show", "@last").stderr
    assert heimdall("runs", "prune", "--all").stdout == "There are no runs.\n"


@pytest.mark.parametrize("width", [80, 200])
def test_one_run_fits_the_screen(width: int, fake_run: MakeRun) -> None:
    run = finished(fake_run, HOSTILE + "x" * 100)
    lines = page_lines(collect_facts(run.run), Terminal(width=width))
    # A path stays in one piece, so that it can be copied.
    assert all(cell_width(line) <= width for line in lines if not line.startswith(" in "))
    text = "\n".join(lines)
    assert "\x1b" not in text
    for part in ("✓ finished", "epoch 2/2", "step 80 of 80", "190.0 m", "by ada", "best last"):
        assert part in text
    for part in ("tracking.enabled", "agrees with PyTorch", "epoch=001-step=0000080", "GPU 87 %"):
        assert part in text


def test_the_page_of_a_run_is_also_for_machines(fake_run: MakeRun) -> None:
    run = finished(fake_run)
    page = json.loads(heimdall("runs", "show", run.run.id, "--json").stdout)
    assert page["id"] == run.run.id
    assert (page["status"], page["epochs"], page["step"]) == ("finished", 2, 80)
    assert [c["is_best"] for c in page["checkpoints"]] == [False, True]
    assert page["changed"] == {"tracking.enabled": [True, False]}
    assert page["best"]["val/loss"] == 4.5


def test_a_run_with_damaged_files_is_still_shown(fake_run: MakeRun) -> None:
    run = finished(fake_run)
    run.run.config_path.write_text("[trainer\n")
    with run.run.log_path.open("ab") as file:
        file.write(b"\x00garbage\n{half\n")
    answer = heimdall("runs", "show", run.run.id)
    assert answer.returncode == 0, answer.stderr
    assert "✓ finished" in answer.stdout
    assert "2 damaged lines left out" in answer.stdout


def test_a_log_of_a_newer_program_is_shown_and_that_is_said(fake_run: MakeRun) -> None:
    run = finished(fake_run)
    with run.run.log_path.open("ab") as file:
        file.write(b'{"v":2,"t":1,"kind":"telepathy","thought":"?"}\n')
    shown = heimdall("runs", "show", run.run.id).stdout
    assert "✓ finished" in shown
    assert "1 record of a newer program" in shown
    log = heimdall("runs", "log", run.run.id)
    assert "telepathy" in log.stdout
    assert "1 record of a newer program" in log.stderr


def test_alerts_and_a_pause_stand_on_the_page(fake_run: MakeRun) -> None:
    run = fake_run(**LONG).start()
    assert heimdall("runs", "pause", "@last").returncode == 0
    text = "\n".join(page_lines(collect_facts(run.run), Terminal(width=80)))
    assert "‖ paused" in text
    assert "steps/s" not in text
    run.stop()
    with RunLogWriter(run.run.log_path) as log:
        log.append("alert", name="spike", text="The loss rose", advice="Lower the rate", step=3)
        log.append("alert", name="disk", text="Little space", advice="", step=3)
        log.append("alert", name="disk", text="Space again", advice="", step=4, cleared=True)
    text = "\n".join(page_lines(collect_facts(run.run), Terminal(width=80)))
    assert "spike: The loss rose — Lower the rate" in text
    assert "Little space" not in text
    assert "? crashed" in text


def test_watching_ends_with_the_runs_and_prints_lines_on_a_pipe(fake_run: MakeRun) -> None:
    finished(fake_run, "earlier")
    fake_run("prepared, and never begun")
    run = fake_run(epochs=4, step_s=0.01).start()
    answer = heimdall("runs", "watch", "--interval", "0.1")
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert all(run.run.id in line for line in lines)
    assert "running" in lines[0]
    assert "finished" in lines[-1]
    assert "epoch 4/4" in lines[-1]
    named = heimdall("runs", "watch", run.run.id, "--json").stdout.splitlines()
    assert json.loads(named[-1])["status"] == "finished"
    assert "No run is alive" in heimdall("runs", "watch").stdout


def test_ctrl_c_leaves_watching(fake_run: MakeRun) -> None:
    fake_run(**LONG).start()
    command = [sys.executable, "-m", "heimdall_console", "runs", "watch"]
    # Tests may run where Ctrl+C is ignored; a child inherits that.
    viewer = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert viewer.stdout is not None
    assert "running" in viewer.stdout.readline()
    os.kill(viewer.pid, signal.SIGINT)
    viewer.communicate(timeout=TIMEOUT_S)
    assert viewer.returncode == 0


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (200, 60), (80, 5), (60, 20)])
def test_the_watched_table_fits(width: int, height: int, fake_run: MakeRun) -> None:
    for _ in range(4):
        finished(fake_run, HOSTILE + "x" * 100)
    watched = []
    for summary in list_runs(home_path()):
        watched.append(WatchedRun(RunDir(summary.path)))
        watched[-1].look(summary)
    lines = watch_lines(watched, Terminal(width=width), height - 1)
    assert len(lines) < height
    assert all(cell_width(line) <= width for line in lines)
    assert ("and 2 more" in lines[-1]) == (height == 5)


def test_output_is_harmless_and_can_be_followed(fake_run: MakeRun) -> None:
    run = fake_run(**LONG).start()
    with run.run.output_path.open("ab") as file:
        file.write(f"{HOSTILE}\n10 %\r20 %\r\nunfinished \xff".encode())
    answer = heimdall("runs", "output", "@last")
    assert answer.stdout.splitlines() == ["\\x1b[2J[red]x[/red]\\u202e", "20 %", "unfinished ÿ"]
    lines = heimdall("runs", "output", "@last", "--lines", "1", "--json").stdout.splitlines()
    assert json.loads(lines[0]) == {"rank": 0, "text": "20 %"}
    command = [sys.executable, "-m", "heimdall_console", "runs", "output", "@last", "-f"]
    viewer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert viewer.stdout is not None
    assert "[red]" in viewer.stdout.readline()
    with run.run.output_path.open("ab") as file:
        file.write(b" line\nlast words")
    assert viewer.stdout.readline() == "20 %\n"
    assert viewer.stdout.readline() == "unfinished ÿ line\n"
    run.stop()
    out, _ = viewer.communicate(timeout=TIMEOUT_S)
    assert out == "last words\n"
    assert viewer.returncode == 0


def test_other_ranks_have_output_of_their_own(fake_run: MakeRun) -> None:
    run = finished(fake_run)
    run.run.rank_output_path(1).write_text("from rank 1\n")
    assert heimdall("runs", "output", "@last", "--rank", "1").stdout == "from rank 1\n"
    answer = heimdall("runs", "output", "@last", "--rank", "7")
    assert answer.returncode == 2
    assert "rank 7" in answer.stderr


def test_the_log_is_readable_and_raw(fake_run: MakeRun) -> None:
    run = finished(fake_run)
    records = RunLogReader(run.run.log_path).read_new()
    raw = heimdall("runs", "log", "@last", "--json").stdout.splitlines()
    assert [json.loads(line) for line in raw] == records
    lines = heimdall("runs", "log", "@last").stdout.splitlines()
    assert len(lines) == len(records)
    only = heimdall("runs", "log", "@last", "--kind", "checkpoint", "--kind", "state").stdout
    assert {line.split()[2] for line in only.splitlines()} == {"checkpoint", "state"}
    assert len(heimdall("runs", "log", "@last", "-n", "3").stdout.splitlines()) == 3
    assert heimdall("runs", "log", "@last", "--kind", "nonsense").returncode == 2


def test_records_of_every_kind_and_of_none_are_lines(fake_run: MakeRun) -> None:
    run = finished(fake_run)
    with RunLogWriter(run.run.log_path) as log:
        for kind, names in FIELDS.items():
            hostile: dict[str, Any] = dict.fromkeys(names, HOSTILE)
            empty: dict[str, Any] = dict.fromkeys(names)
            log.append(kind, time_s=0.0, **hostile)
            log.append(kind, time_s=1e30, **empty)
            log.append(kind)
        log.append("from_the_future", marvel=HOSTILE)  # type: ignore[arg-type]
    with run.run.log_path.open("ab") as file:
        file.write(b"not json\n")
    answer = heimdall("runs", "log", "@last")
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == "1 damaged line left out\n"
    assert "\x1b" not in answer.stdout
    assert "\u202e" not in answer.stdout
    assert "marvel" in answer.stdout
    assert answer.stdout.count("\n") == len(RunLogReader(run.run.log_path).read_new())
    # Everything else that reads it survives it too.
    for command in (["runs", "show"], ["runs"], ["runs", "watch"], ["attach"]):
        told = heimdall(*command, *([] if command == ["runs"] else ["@last"]))
        assert "Traceback" not in told.stderr
        assert "\x1b" not in told.stdout


def test_a_followed_log_ends_with_its_run(fake_run: MakeRun) -> None:
    run = fake_run(epochs=3, step_s=0.01).start()
    answer = heimdall("runs", "log", "@last", "-f", "--kind", "state", "--json")
    assert answer.returncode == 0
    states = [json.loads(line)["status"] for line in answer.stdout.splitlines()]
    assert states == ["starting", "running", "finished"]
    assert run.wait() == 0


def test_completion_knows_runs(fake_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = finished(fake_run)
    living = fake_run(**LONG).start()
    wait_until(lambda: "metrics" in living.kinds(), "it trains")
    monkeypatch.setenv("_HEIMDALL_CONSOLE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_CWORD", "3")
    monkeypatch.setenv("COMP_WORDS", "heimdall-console runs show ")
    assert heimdall().stdout.split() == ["@last", living.run.id, ended.run.id]
    monkeypatch.setenv("COMP_WORDS", "heimdall-console runs pause ")
    assert heimdall().stdout.split() == ["@last", living.run.id]
