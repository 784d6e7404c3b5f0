"""A space against the schema of configurations: whatever a trial could draw is valid."""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from heimdall_console.formatting import counted
from heimdall_console.sweeping.space import Dimension, read_dimension, tables, with_values
from training_core.contract.config import CombinationError, Config
from training_core.contract.config_file import (
    ConfigSource,
    all_keys,
    line_of,
    parse_source,
    read_text,
    validate,
)
from training_core.contract.config_template import config_values
from training_core.contract.errors import ConfigError, ConfigProblem

_DRAWS: Final = 64
_OTHER_ROWS: Final = "decides what trials are judged on: it has to be the same for all of them"
_COMPARED: Final = "is what trials are compared by: it has to be the same for all of them"
_NO_PART: Final = "has no part in the training"
_REFUSED: Final = {
    "checkpoint.monitor": _COMPARED,
    "checkpoint.mode": _COMPARED,
    "checkpoint.directory": _NO_PART,
    "data.dataset": _OTHER_ROWS,
    "data.class": _OTHER_ROWS,
    "data.split": _OTHER_ROWS,
    "data.validation_split": _OTHER_ROWS,
    "data.test_split": _OTHER_ROWS,
    "run.experiment": _NO_PART,
    "run.name_prefix": _NO_PART,
    "run.tags": _NO_PART,
}
_REFUSED_SECTIONS: Final = ("tracking", "storage", "export")


def read_space(path: Path, config: Config) -> tuple[str, tuple[Dimension, ...]]:
    """The text of a space and what it says.

    Args:
        path: `space.toml`.
        config: What every trial changes.

    Raises:
        ConfigError: Everything that is wrong in the file, each with its key and line.
    """
    try:
        text = read_text(path)
        source = parse_source(text, str(path))
    except ConfigError as error:
        raise _wrong_space(list(error.problems)) from error
    return text, check_space(source, config)


def check_space(source: ConfigSource, config: Config) -> tuple[Dimension, ...]:
    """The dimensions of a parsed space.

    Raises:
        ConfigError: Everything that is wrong, each with its key and line.
    """
    problems: list[ConfigProblem] = []

    def complain(place: tuple[str, ...], message: str) -> None:
        key, line = ".".join(place), line_of(source, place)
        problems.append(ConfigProblem(key, message, source.file, line))

    dimensions: dict[str, Dimension] = {}
    for place, table in tables(source.values):
        key = ".".join(place)
        if (why := _refusal(key)) or key in dimensions:
            complain(place, why or "stands here twice")
            continue
        found = read_dimension(place, table, complain)
        if found is not None:
            dimensions[key] = _of_schema(found)
            for at, message in _value_problems(dimensions[key]):
                complain(at, message)
    if not source.values:
        complain((), 'names no key; a table ["optimizer.learning_rate"] names one')
    if not problems:
        for problem in _joint_problems(dimensions, config):
            place = dimensions[problem.key].place if problem.key in dimensions else ()
            told = f"{problem.message} (no configuration of this space is valid)"
            line = line_of(source, place)
            problems.append(ConfigProblem(problem.key, told, source.file, line))
    if problems:
        raise _wrong_space(sorted(problems, key=lambda problem: problem.line or 0))
    return tuple(dimensions.values())


def _refusal(key: str) -> str:
    section = key.partition(".")[0]
    if section in _REFUSED_SECTIONS:
        return _NO_PART
    path = tuple(key.split("."))
    if any(known[: len(path)] == path and len(known) > len(path) for known in all_keys()):
        return "is a section; expected one of its keys"
    return _REFUSED.get(key, _REFUSED["run.tags"] if key.startswith("run.tags.") else "")


def _of_schema(dimension: Dimension) -> Dimension:
    """The same, with fractions where the key takes them: `low = 0` does not mean whole numbers."""
    if dimension.is_whole and _annotation(dimension.key) is float:
        return replace(dimension, is_whole=False)
    return dimension


def _annotation(key: str) -> Any:
    model: Any = Config
    for part in key.split("."):
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return None
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if part not in fields:
            return None
        model = fields[part].annotation
    return model


def _value_problems(dimension: Dimension) -> Iterator[tuple[tuple[str, ...], str]]:
    for place, value in dimension.bounds:
        problem = field_problem(dimension.key, value)
        if problem.startswith("unknown"):
            yield dimension.place, problem
            return
        if problem:
            yield place, problem
    step = dimension.step
    if step is not None and not dimension.is_whole and _annotation(dimension.key) is int:
        yield (*dimension.place, "step"), f"expected a whole number, found {step:g}"


def field_problem(key: str, value: Any) -> str:
    """What the schema has against a value of a key, whatever the other keys are; "" for nothing."""
    alone = with_values({}, {key: value})
    try:
        Config.model_validate_json(json.dumps(alone, default=str))
    except ValidationError as error:
        causes = [detail.get("ctx", {}).get("error") for detail in error.errors()]
        if any(isinstance(cause, CombinationError) for cause in causes):
            return ""
    else:
        return ""
    try:
        validate(ConfigSource(alone))
    except ConfigError as error:
        return error.problems[0].message
    return ""


def _joint_problems(dimensions: Mapping[str, Dimension], config: Config) -> list[ConfigProblem]:
    """What is wrong with every configuration that was drawn; nothing where one is valid."""
    values, chance = config_values(config), random.Random(0)
    first: list[ConfigProblem] = []
    for _ in range(_DRAWS):
        drawn = {key: dimension.draw(chance) for key, dimension in dimensions.items()}
        try:
            validate(ConfigSource(with_values(values, drawn)))
        except ConfigError as error:
            first = first or list(error.problems)
        else:
            return []
    return first


def _wrong_space(problems: list[ConfigProblem]) -> ConfigError:
    wrong = ConfigError(problems)
    wrong.what = f"The search space has {counted(len(problems), 'problem')}"
    wrong.action = (
        "Correct what is listed; `heimdall-console sweep --help` shows the form, "
        "`heimdall-console config schema` describes every key"
    )
    return wrong
