"""The command line as a process: output, errors, exit codes."""

import json
import os
import stat
from pathlib import Path

import pytest

from tests.console.programs import heimdall, write_dataset

COMMANDS = [
    ["run"],
    ["runs"],
    ["runs", "list"],
    ["runs", "show"],
    ["runs", "watch"],
    ["runs", "output"],
    ["runs", "log"],
    ["runs", "pause"],
    ["runs", "resume"],
    ["runs", "stop"],
    ["runs", "checkpoint"],
    ["runs", "validate"],
    ["runs", "set"],
    ["runs", "kill"],
    ["runs", "rm"],
    ["runs", "prune"],
    ["runs", "queue"],
    ["attach"],
    ["queue"],
    ["queue", "add"],
    ["queue", "list"],
    ["queue", "move"],
    ["queue", "cancel"],
    ["config"],
    ["config", "settings"],
    ["config", "init"],
    ["config", "validate"],
    ["config", "show"],
    ["config", "schema"],
    ["data"],
    ["data", "import"],
    ["data", "import", "wide-csv"],
    ["data", "import", "long-csv"],
    ["data", "import", "npy"],
    ["data", "info"],
    ["data", "check"],
    ["data", "synth"],
    ["data", "list"],
    ["evaluate"],
    ["export"],
    ["predict"],
    ["sync"],
]


def test_a_bare_call_says_what_to_type() -> None:
    answer = heimdall()
    assert answer.returncode == 0
    assert "heimdall-console run --config" in answer.stdout


def test_help_lists_every_command() -> None:
    answer = heimdall("--help")
    assert answer.returncode == 0
    for command in (
        "run",
        "attach",
        "runs",
        "queue",
        "config",
        "data",
        "evaluate",
        "export",
        "predict",
        "sync",
    ):
        assert f"\n  {command} " in answer.stdout


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command: list[str]) -> None:
    answer = heimdall(*command, "--help")
    assert answer.returncode == 0
    assert "Usage: heimdall-console" in answer.stdout
    if command[-1] not in ("config", "data", "import", "queue", "runs"):
        assert "Example" in answer.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["rum"],
        ["run", "--nonsense"],
        ["config", "show", "--set"],
        ["run", "--epochs", "ten"],
        ["--readonly", "runs", "stop", "@last"],
        ["--ascii", "doctor"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_usage(arguments: list[str]) -> None:
    answer = heimdall(*arguments)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert "Traceback" not in answer.stderr


def test_a_configuration_can_be_made_checked_and_shown(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    assert heimdall("config", "init", "--preset", "quick", "--out", str(file)).returncode == 0
    assert heimdall("config", "validate", str(file)).returncode == 0
    answer = heimdall("config", "show", str(file), "--set", "trainer.epochs=7", "--json")
    assert json.loads(answer.stdout)["config"]["trainer"]["epochs"] == 7


def test_a_shown_configuration_keeps_its_comments(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("# why so few\n[trainer]\nepochs = 3  # enough\n")
    shown = heimdall("config", "show", str(file)).stdout
    assert "# why so few" in shown
    assert "epochs = 3  # enough" in shown
    assert "batch_size = 32" in shown


def test_a_file_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("precious")
    answer = heimdall("config", "init", "--out", str(file))
    assert answer.returncode == 2
    assert file.read_text() == "precious"
    assert heimdall("config", "init", "--out", str(file), "--force").returncode == 0
    assert file.read_text() != "precious"


def test_all_problems_are_named_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text("[optimizer]\nlerning_rate = 0.1\n[trainer]\nepochs = true\n")
    answer = heimdall("config", "validate", str(file))
    assert answer.returncode == 2
    assert f"{file}:2" in answer.stderr
    assert "did you mean learning_rate?" in answer.stderr
    assert f"{file}:4" in answer.stderr
    for_machines = heimdall("config", "validate", str(file), "--json")
    assert for_machines.returncode == 2
    assert [p["line"] for p in json.loads(for_machines.stdout)["problems"]] == [2, 4]


def test_credentials_are_listed_and_masked(
    isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    isolated_home.mkdir()
    file = isolated_home / "credentials.toml"
    file.write_text('storage_secret_key = "swordfish"\n')
    file.chmod(stat.S_IRUSR | stat.S_IWUSR)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "sesame")
    for arguments in (["config", "show"], ["config", "show", "--json"]):
        answer = heimdall(*arguments)
        assert "MLFLOW_TRACKING_TOKEN" in answer.stdout
        assert "credentials.toml" in answer.stdout
        assert "swordfish" not in answer.stdout + answer.stderr
        assert "sesame" not in answer.stdout + answer.stderr


def test_a_dataset_is_described_from_its_summary(isolated_home: Path) -> None:
    write_dataset(isolated_home / "datasets" / "site")
    answer = heimdall("data", "info", "site")
    assert answer.returncode == 0
    for text in ("1,200", "1 without a position", "4 tracks", "r0", "grid (by list)", "▲", "north"):
        assert text in answer.stdout
    assert "\x1b" not in answer.stdout
    assert json.loads(heimdall("data", "info", "site", "--json").stdout)["sessions"] == 1200
    assert "site" in heimdall("data", "list").stdout


def test_a_dataset_can_be_drawn_in_ascii(isolated_home: Path) -> None:
    write_dataset(isolated_home / "datasets" / "site")
    answer = heimdall("data", "info", "site", "--ascii")
    assert "^" in answer.stdout
    assert "⣀" not in answer.stdout


def test_text_from_a_dataset_is_shown_and_not_obeyed(isolated_home: Path) -> None:
    hostile = "\x1b[2J[bold]evil[/bold]\u202e"
    write_dataset(isolated_home / "datasets" / "site", name=hostile, source=hostile)
    answer = heimdall("data", "info", "site")
    assert "\x1b" not in answer.stdout
    assert "\u202e" not in answer.stdout
    assert "[bold]evil[/bold]" in answer.stdout


def test_an_unknown_dataset_is_an_error_that_names_the_nearest(isolated_home: Path) -> None:
    write_dataset(isolated_home / "datasets" / "campus")
    answer = heimdall("data", "info", "campsu")
    assert answer.returncode == 1
    assert "Did you mean campus?" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["run"], 2),
        (["run", "--data-dir", "nowhere"], 1),
        (["run", "--checkpoint", "x.ckpt", "--data-dir", "nowhere"], 2),
        (["run", "--resume-training", "--export-only"], 2),
        (["run", "--resume-training"], 2),
        (["run", "--export-only", "--checkpoint", "missing.ckpt"], 1),
        (["evaluate", "nothing", "nowhere"], 2),
        (["export", "nothing"], 2),
        (["predict", "nothing", "nowhere", "--out", "x.csv"], 2),
        (["sync", "@last"], 2),
        (["attach"], 2),
        (["runs", "show", "../../etc"], 2),
        (["runs", "pause", "@last"], 2),
        (["runs", "stop", "x", "--now", "--after-epoch"], 2),
        (["runs", "set", "@last", "epochs=3"], 2),
        (["runs", "rm", "@last", "--yes"], 2),
        (["data", "import", "wide-csv", "missing.csv", "--map", "missing.toml"], 2),
        (["data", "synth", "--preset", "moon"], 2),
        (["data", "synth", "--name", "../escape"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_what_cannot_be_done_is_said_and_starts_nothing(
    arguments: list[str], code: int, isolated_home: Path
) -> None:
    answer = heimdall(*arguments)
    assert answer.returncode == code, answer.stderr
    assert answer.stderr.strip()
    assert "Traceback" not in answer.stderr
    assert not list(isolated_home.glob("runs/*"))
    assert not list(isolated_home.glob("jobs/*"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_home_is_an_error(isolated_home: Path, tmp_path: Path) -> None:
    write_dataset(tmp_path / "site")
    isolated_home.mkdir()
    isolated_home.chmod(0o500)
    answer = heimdall("run", "--data-dir", str(tmp_path / "site"))
    isolated_home.chmod(0o700)
    assert answer.returncode == 1
    assert "could not be made" in answer.stderr


def test_a_home_that_is_a_file_is_an_error(isolated_home: Path, tmp_path: Path) -> None:
    write_dataset(tmp_path / "site")
    isolated_home.write_text("in the way")
    answer = heimdall("run", "--data-dir", str(tmp_path / "site"))
    assert answer.returncode == 1
    assert "could not be made" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_without_runs_the_list_says_how_to_start_one() -> None:
    answer = heimdall("runs")
    assert answer.returncode == 0
    assert "heimdall-console run" in answer.stdout
    assert json.loads(heimdall("runs", "list", "--json").stdout) == []


def test_shell_completion_knows_commands_and_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_HEIMDALL_CONSOLE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "heimdall-console ev")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert heimdall().stdout.split() == ["evaluate"]
    monkeypatch.setenv("COMP_WORDS", "heimdall-console run --batch")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert "--batch-size" in heimdall().stdout
