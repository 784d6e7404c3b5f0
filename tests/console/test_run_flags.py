"""Flags of the seed's command line, in both spellings, to configuration keys."""

import pytest

from heimdall_console.lazy_command import hyphenated
from heimdall_console.run_flags import KEYS, blame_flags, default_of, overrides
from heimdall_console.starting.request import Request
from training_core.contract.config import Config
from training_core.contract.config_file import all_keys
from training_core.contract.config_template import flat_values
from training_core.contract.errors import ConfigError

VALUES: dict[str, tuple[object, object]] = {
    "epochs": (7, 7),
    "batch_size": (8, 8),
    "learning_rate": (0.5, 0.5),
    "validation_split": (0.3, 0.3),
    "data_dir": ('odd "name" = 1', 'odd "name" = 1'),
    "num_workers": (0, 0),
    "accelerator": ("cpu", "cpu"),
    "devices": (1, 1),
    "checkpoint_dir": ("/tmp/ä b", "/tmp/ä b"),
    "experiment_name": ("true", "true"),
    "run_name_prefix": ("1.5", "1.5"),
    "init_from": ("x.ckpt", "x.ckpt"),
    "max_minutes": (2.0, 2.0),
}


def test_every_flag_stands_for_a_key_of_the_schema() -> None:
    known = {".".join(path) for path in all_keys()}
    assert set(KEYS.values()) <= known
    assert set(KEYS) == set(VALUES)


@pytest.mark.parametrize("flag", KEYS)
def test_a_flag_sets_its_key_and_nothing_else(flag: str) -> None:
    given, expected = VALUES[flag]
    config = Request(None, [], {flag: given}, None, "", False).resolve()
    before, after = flat_values(Config()), flat_values(config)
    assert after.pop(KEYS[flag]) == expected
    before.pop(KEYS[flag])
    assert after == before


def test_flags_that_were_not_given_set_nothing() -> None:
    assert overrides(dict.fromkeys(KEYS)) == []


def test_help_shows_the_defaults_of_the_schema() -> None:
    assert default_of("epochs") == "100"
    assert default_of("learning_rate") == "0.001"
    assert default_of("experiment_name") == "heimdall-localization"


def test_a_problem_names_the_flag_that_caused_it() -> None:
    flags: dict[str, object] = {"batch_size": 0, "epochs": None}
    with pytest.raises(ConfigError) as caught:
        Request(None, ["trainer.epochs=0"], flags, None, "", False).resolve()
    places = {problem.key: problem.file for problem in caught.value.problems}
    assert places == {"trainer.batch_size": "--batch-size", "trainer.epochs": "--set"}
    assert blame_flags(caught.value, flags).problems == caught.value.problems


def test_underscores_are_rewritten_in_flags_only() -> None:
    given = ["--batch_size", "8", "--data_dir=my_data", "--set", "trainer.batch_size=1", "a_b"]
    expected = ["--batch-size", "8", "--data-dir=my_data", "--set", "trainer.batch_size=1", "a_b"]
    assert hyphenated(given) == expected
    assert hyphenated(["--", "--a_b"]) == ["--", "--a_b"]
