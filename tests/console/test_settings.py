"""The console's preferences: defaults, mistakes, and what is shown of them."""

import json
import tomllib
from pathlib import Path

import pytest

from heimdall_console.settings import Settings, load_settings, settings_path, settings_template
from tests.console.programs import heimdall, write_dataset, write_settings
from training_core.contract.errors import ConfigError


def test_without_a_file_there_are_defaults() -> None:
    settings = load_settings()
    assert settings == Settings()
    assert settings.notifications.bell
    assert settings.queue.cpu_runs == 1


def test_what_is_shown_is_a_file_that_loads() -> None:
    shown = heimdall("config", "settings")
    assert shown.returncode == 0, shown.stderr
    assert str(settings_path()) in shown.stdout
    assert tomllib.loads(shown.stdout) == tomllib.loads(settings_template(Settings()))
    write_settings(shown.stdout)
    assert load_settings() == Settings()


def test_the_address_of_a_webhook_is_not_shown() -> None:
    write_settings('[notifications]\nwebhook = "https://chat.example/hooks/swordfish"\n')
    for arguments in (["config", "settings"], ["config", "settings", "--json"]):
        answer = heimdall(*arguments)
        assert "swordfish" not in answer.stdout + answer.stderr
        assert "****" in answer.stdout


def test_every_mistake_is_named_with_its_line() -> None:
    text = '[notifications]\nbel = true\nwebhook = "ftp://swordfish"\ncommand = "x"\n[queues]\n'
    write_settings(text)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    told = {problem.key: (problem.line, problem.message) for problem in caught.value.problems}
    assert {key: line for key, (line, _) in told.items()} == {
        "notifications.bel": 2,
        "notifications.webhook": 3,
        "notifications.command": 4,
        "queues": 5,
    }
    assert told["notifications.bel"][1] == "unknown; expected one of bell, webhook, command"
    assert "http" in told["notifications.webhook"][1]
    assert "swordfish" not in str(caught.value)
    assert caught.value.what == "The settings have 4 problems"
    assert caught.value.unharmed == "Nothing was changed"
    write_settings("[queue\n")
    with pytest.raises(ConfigError, match="The settings have 1 problem"):
        load_settings()


def test_a_wrong_file_is_found_before_a_run_is_made(isolated_home: Path) -> None:
    write_dataset(isolated_home / "datasets" / "site")
    write_settings("[notifications]\nbell = 1\n")
    answer = heimdall("run", "--data-dir", "site", "--detach")
    assert answer.returncode == 2
    assert f"{settings_path()}:2" in answer.stderr
    assert not list(isolated_home.glob("runs/*"))


def test_settings_are_also_json() -> None:
    write_settings("[queue]\ncpu_runs = 3\n")
    told = json.loads(heimdall("config", "settings", "--json").stdout)
    assert told["queue"] == {"cpu_runs": 3}
    assert told["exists"]


def test_the_readme_names_every_setting_with_its_default(repository: Path) -> None:
    text = (repository / "README.md").read_text(encoding="utf-8")
    for section, keys in Settings().model_dump().items():
        for key, value in keys.items():
            assert f"| `{section}.{key}` | `{json.dumps(value)}` |" in text
