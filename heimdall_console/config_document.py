"""One configuration with two views: its TOML text, which is the truth, and the form's fields."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from heimdall_console.config_changes import (
    Difference,
    differences,
    flat_of,
    flat_of_text,
    is_same,
)
from heimdall_console.config_command import run_words
from heimdall_console.config_edits import with_value, without_value
from heimdall_console.config_fields import ConfigField, toml_literal
from training_core.contract.config import Config
from training_core.contract.config_file import (
    ConfigSource,
    line_of,
    parse_source,
    read_text,
    validate,
)
from training_core.contract.config_template import PRESETS, preset_config, render_template
from training_core.contract.errors import ConfigError, ConfigProblem, UsageError
from training_core.contract.home import working_folder
from training_core.contract.run_dir import RunDir, find_run
from training_core.contract.toml_text import parse_toml

_KEPT_STEPS: Final = 200


@dataclass(frozen=True)
class Origin:
    """Where a configuration began."""

    kind: Literal["preset", "run", "file", "text"]
    """`text` is what MLflow holds of a run that is not on this disk."""
    name: str
    """Of the preset, id of the run, or path of the file."""
    text: str
    """Its TOML."""
    title: str = ""
    """For people; the name where it is empty."""

    @property
    def is_run(self) -> bool:
        """Whether a new run would repeat a run of this disk."""
        return self.kind == "run"

    @property
    def source(self) -> Path | None:
        """File that relative paths may be relative to."""
        return Path(self.name) if self.kind == "file" else None


def preset_origin(name: str, dataset: str = "") -> Origin:
    """A preset.

    Args:
        name: Its name.
        dataset: What it trains on.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in PRESETS:
        raise UsageError(
            f"There is no preset {name}",
            unharmed="The form is as it was",
            action=f"Choose one of {', '.join(PRESETS)}",
        )
    config = preset_config(name)
    data = config.data.model_copy(update={"dataset": dataset})
    text = render_template(config.model_copy(update={"data": data}))
    return Origin("preset", name, text, f"preset {name}")


def run_origin(home: Path, reference: str) -> Origin:
    """The configuration of a run of this disk.

    Raises:
        UsageError: There is no such run.
        ConfigError: Its configuration cannot be read.
    """
    run: RunDir = find_run(home, reference)
    return Origin("run", run.id, read_text(run.config_path), run.read_info().name)


def file_origin(path: Path) -> Origin:
    """A file.

    Raises:
        ConfigError: It cannot be read.
    """
    path = working_folder() / os.path.expanduser(path)  # a name that nobody has is no error
    return Origin("file", str(path), read_text(path), path.name)


def text_origin(text: str, title: str) -> Origin:
    """A configuration that no run of this disk has, such as that of a run in MLflow."""
    return Origin("text", title, text, title)


class ConfigDocument:
    """The text, what it says, what is wrong with it, and where it began.

    Args:
        origin: Where it began.
        text: Where it is now; as it began when None.
    """

    def __init__(self, origin: Origin, text: str | None = None) -> None:
        self.origin = origin
        self.saved_text = origin.text
        """What stands in the file or run that holds it."""
        self.base = flat_of_text(origin.text)
        self.values: dict[str, Any] = {}
        """As the text said it when it last was TOML."""
        self.flat = flat_of({})
        self.problems: tuple[ConfigProblem, ...] = ()
        """Everything that is wrong, in the order of the lines."""
        self._in_form: tuple[ConfigProblem, ...] = ()
        self._in_text: tuple[ConfigProblem, ...] = ()
        self._refused: tuple[ConfigProblem, ...] = ()
        self._outside: tuple[Mapping[str, Any], tuple[ConfigProblem, ...]] = ({}, ())
        self._source = ConfigSource({})
        self.is_toml = True
        """Whether the text can be read at all; the form shows its last good state otherwise."""
        self.text = ""
        self._part = ""
        self._before: list[str] = []
        self._after: list[str] = []
        self._take(origin.text if text is None else text)

    # Changing it.

    def replace_text(self, text: str, *, part: str = "") -> None:
        """Take another text.

        Args:
            text: As typed.
            part: What is being edited: changes of one part in a row are undone together.
        """
        if text != self.text:
            if not part or part != self._part:
                self._before = [*self._before, self.text][-_KEPT_STEPS:]
            self._part, self._after = part, []
            self._take(text)

    def check_again(self) -> None:
        """Forget what somebody else found wrong: it may be right by now."""
        self._outside = ({}, ())
        self._take(self.text)

    def end_part(self) -> None:
        """What is changed next is undone by itself."""
        self._part = ""

    def set_typed(self, field: ConfigField, typed: str) -> None:
        """Set a field to what was typed into it; nothing else of the text changes.

        Raises:
            HeimdallError: The text cannot be edited by the form.
        """
        self.set_literal(field, field.literal(typed))

    def set_literal(self, field: ConfigField, literal: str) -> None:
        """Set a field to a value given as TOML.

        Raises:
            HeimdallError: The text cannot be edited by the form.
        """
        self._refuse_broken()
        if literal == toml_literal(self.flat[field.key]):
            return
        self.replace_text(with_value(self.text, field.path, literal), part=field.key)

    def reset(self, field: ConfigField) -> None:
        """Give a field the value that it began with.

        Raises:
            HeimdallError: The text cannot be edited by the form.
        """
        self._refuse_broken()
        if is_same(self.base[field.key], self.flat[field.key]):
            return
        if _has(parse_toml(self.origin.text), field):
            made = with_value(self.text, field.path, toml_literal(self.base[field.key]))
        else:
            made = without_value(self.text, field.path)
        self.replace_text(made)

    def undo(self) -> bool:
        """Go back one change; False where there is none."""
        return self._step(self._before, self._after)

    def redo(self) -> bool:
        """Take an undone change again; False where there is none."""
        return self._step(self._after, self._before)

    def has_been_saved(self, path: Path, text: str) -> None:
        """The text stands in a file now: that file is where it began."""
        self.origin = Origin("file", str(path), text, path.name)
        self.base, self.saved_text = flat_of_text(text), text

    def refuse(self, problems: Sequence[ConfigProblem]) -> None:
        """Take note of what somebody else found wrong, until the text changes."""
        self._refused = tuple(problems)
        self._collect()

    def judge(self, about: Mapping[str, Any], problems: Sequence[ConfigProblem]) -> None:
        """Take note of what the disk says of some values, as long as they stay.

        Args:
            about: Dotted key → the value that was looked at.
            problems: What is wrong with them; empty where nothing is.
        """
        self._outside = (about, tuple(problems))
        self._collect()

    # What it says.

    @property
    def is_unsaved(self) -> bool:
        """Whether something was changed that stands in no file and no run."""
        return self.text != self.saved_text

    @property
    def is_worth_keeping(self) -> bool:
        """Whether something is unsaved that is more than blanks and values as they were."""
        if not self.is_unsaved:
            return False
        is_same_text = _comments(self.text) == _comments(self.saved_text)
        return not self.is_toml or bool(self.changes) or not is_same_text

    @property
    def changes(self) -> tuple[Difference, ...]:
        """What differs from where it began."""
        return differences(self.base, self.flat)

    def problem_of(self, key: str) -> str:
        """What is wrong with a field or with something inside it; empty where nothing is."""
        inside = f"{key}."
        found = (p.message for p in self._in_form if p.key == key or p.key.startswith(inside))
        return next(found, "")

    def config(self) -> Config:
        """The valid configuration.

        Raises:
            ConfigError: Everything that is wrong.
        """
        return validate(parse_source(self.text, self._file))

    def command(self, *more: str) -> tuple[str, ...]:
        """The words of the command line that makes the same run.

        Wrong values are left out: no command line can hold them.
        """
        start: tuple[str, ...] = ()
        base = flat_of({})
        if self.origin.kind == "run":
            start, base = ("--from", self.origin.name), self.base
        elif self.origin.kind == "file":
            start, base = ("--config", self.origin.name), self.base
        right = [d for d in differences(base, self.flat) if not self.problem_of(d.key)]
        return run_words(start, right, *more)

    # How.

    @property
    def _file(self) -> str:
        return self.origin.name if self.origin.kind == "file" else ""

    def _take(self, text: str) -> None:
        self.text, self._refused, self._in_text = text, (), ()
        try:
            source = parse_source(text, self._file)
        except ConfigError as error:
            self.is_toml, self.problems = False, error.problems
            return
        self.is_toml, self.values, self.flat = True, source.values, flat_of(source.values)
        self._source = source
        try:
            validate(source)
        except ConfigError as error:
            self._in_text = error.problems
        self._collect()

    def _collect(self) -> None:
        """Put together what the text, a refusal and the disk say, once for each key."""
        if not self.is_toml:
            return
        about, outside = self._outside
        is_about_this = all(self.flat[key] == value for key, value in about.items())
        kept = list(self._in_text)
        for problem in (*self._refused, *(outside if is_about_this else ())):
            if problem.key not in {known.key for known in kept}:
                line = line_of(self._source, tuple(problem.key.split(".")))
                kept.append(replace(problem, line=line))
        self.problems = self._in_form = tuple(sorted(kept, key=lambda p: p.line or 0))

    def _step(self, source: list[str], target: list[str]) -> bool:
        if not source:
            return False
        target.append(self.text)
        self._part = ""
        self._take(source.pop())
        return True

    def _refuse_broken(self) -> None:
        if not self.is_toml:
            problem = self.problems[0]
            raise UsageError(
                "The form cannot be changed now",
                why=f"Line {problem.line} of the text {problem.message}",
                unharmed="The text is as it was",
                action="Correct that line in the TOML view",
            )


def _comments(text: str) -> list[str]:
    """What stands behind the number signs of a text."""
    return [line.partition("#")[2].strip() for line in text.splitlines() if "#" in line]


def _has(values: dict[str, Any], field: ConfigField) -> bool:
    table: Any = values
    for part in field.path:
        if not isinstance(table, dict) or part not in table:
            return False
        table = table[part]
    return True
