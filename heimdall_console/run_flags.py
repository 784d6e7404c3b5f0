"""Flags of `run` and the configuration keys they stand for."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from training_core.contract.config import Config
from training_core.contract.config_template import flat_values
from training_core.contract.errors import ConfigError

KEYS: Final[dict[str, str]] = {
    "epochs": "trainer.epochs",
    "batch_size": "trainer.batch_size",
    "learning_rate": "optimizer.learning_rate",
    "validation_split": "data.validation_split",
    "data_dir": "data.dataset",
    "num_workers": "data.num_workers",
    "accelerator": "trainer.accelerator",
    "devices": "trainer.devices",
    "checkpoint_dir": "checkpoint.directory",
    "experiment_name": "run.experiment",
    "run_name_prefix": "run.name_prefix",
    "init_from": "checkpoint.init_from",
    "max_minutes": "trainer.max_minutes",
}
"""Flag, as Python spells it → dotted key."""


def overrides(flags: Mapping[str, object]) -> list[str]:
    """Flags that were given, as `section.key=value` texts; None means not given."""
    return [f"{KEYS[f]}={_as_toml(value)}" for f, value in flags.items() if value is not None]


def blame_flags(error: ConfigError, flags: Mapping[str, object]) -> ConfigError:
    """The same problems, with the flag named where a flag set the value."""
    given = {KEYS[flag]: flag for flag, value in flags.items() if value is not None}
    problems = [
        replace(problem, file="--" + given[problem.key].replace("_", "-"))
        if problem.file == "--set" and problem.key in given
        else problem
        for problem in error.problems
    ]
    return ConfigError(problems)


def default_of(flag: str) -> str:
    """The schema's default of a flag, as help shows it."""
    value = flat_values(Config())[KEYS[flag]]
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if value != "" else "none"


def _as_toml(value: object) -> str:
    # JSON strings are TOML strings, but for DEL, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
