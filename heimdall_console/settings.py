"""The console's preferences: `settings.toml` in the XDG configuration directory."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import platformdirs
from pydantic import Field, ValidationError

from heimdall_console.formatting import counted
from training_core.contract.config_file import ConfigSource, read_source
from training_core.contract.errors import ConfigError, ConfigProblem
from training_core.contract.sections import Section

_ADDRESS: Final = r"^$|^https?://[^\s/]\S*$"


class NotificationSettings(Section):
    """How the end of a run is told."""

    bell: bool = True
    """Whether a terminal that follows a run rings at its end."""
    webhook: Annotated[str, Field(pattern=_ADDRESS)] = ""
    """Address that a JSON object is posted to at the end of every run; empty posts nothing."""
    command: list[str] = Field(default_factory=list)
    """Program and arguments run at the end of every run, with the same JSON on its input."""


class QueueSettings(Section):
    """How runs take turns on this machine."""

    cpu_runs: Annotated[int, Field(ge=1, le=1024)] = 1
    """Runs that may train on the CPU at once."""


class ConsoleSettings(Section):
    """How the console is used."""

    keys: dict[str, str] = Field(default_factory=dict)
    """Other keys for actions: `{ "live.stop" = "ctrl+x", "app.quit" = "ctrl+d" }`."""


class Settings(Section):
    """Preferences of the person, whatever is trained."""

    notifications: NotificationSettings = NotificationSettings()
    """How the end of a run is told."""
    queue: QueueSettings = QueueSettings()
    """How runs take turns on this machine."""
    console: ConsoleSettings = ConsoleSettings()
    """How the console is used."""


def settings_path() -> Path:
    """`heimdall/settings.toml` in the XDG configuration directory; it may not exist."""
    return Path(platformdirs.user_config_dir("heimdall", appauthor=False)) / "settings.toml"


def load_settings() -> Settings:
    """The settings of this person; the defaults where there is no file.

    Raises:
        ConfigError: Everything that is wrong in the file, each with its line.
    """
    path = settings_path()
    if not path.exists():
        return Settings()
    try:
        source = read_source(path)
    except ConfigError as error:
        raise _wrong_settings(list(error.problems)) from error
    try:
        # JSON mode: lax Python mode would read `bell = 1` as true.
        return Settings.model_validate_json(json.dumps(source.values, default=str))
    except ValidationError as error:
        # The cause quotes the values, and the address may hold a secret: it is not chained.
        problems = list(_problems(error, source))
    raise _wrong_settings(problems)


def masked(settings: Settings) -> Settings:
    """The settings to be shown: the address of a webhook is a secret."""
    told = settings.notifications
    hidden = told.model_copy(update={"webhook": "****" if told.webhook else ""})
    return settings.model_copy(update={"notifications": hidden})


def settings_template(settings: Settings) -> str:
    """A complete, commented `settings.toml` with these values."""
    lines = []
    for name, field in Settings.model_fields.items():
        section: Section = getattr(settings, name)
        lines += [f"# {field.description}", f"[{name}]"]
        for key, inner in type(section).model_fields.items():
            value = getattr(section, key)
            lines += [f"# {inner.description}", f"{key} = {_toml(value)}"]
        lines.append("")
    return "\n".join(lines)


def _toml(value: object) -> str:
    """A value as TOML; JSON strings, lists of them, booleans and integers are TOML too."""
    if not isinstance(value, dict):
        return json.dumps(value)
    pairs = (f"{json.dumps(key)} = {json.dumps(item)}" for key, item in value.items())
    return "{ " + ", ".join(pairs) + " }"


def _wrong_settings(problems: list[ConfigProblem]) -> ConfigError:
    wrong = ConfigError(problems)
    wrong.what = f"The settings have {counted(len(problems), 'problem')}"
    wrong.unharmed = "Nothing was changed"
    wrong.action = "Correct what is listed; the README names every key"
    return wrong


def _problems(error: ValidationError, source: ConfigSource) -> Iterator[ConfigProblem]:
    for detail in error.errors(include_url=False, include_input=False):
        path = tuple(str(part) for part in detail["loc"])
        message = detail["msg"].replace("Input should be", "expected")
        if detail["type"] == "extra_forbidden":
            message = f"unknown; expected one of {', '.join(_known(path[:-1]))}"
        elif detail["type"] == "string_pattern_mismatch":
            message = "expected an address that begins with http:// or https://"
        place = path
        while place and place not in (source.lines or {}):
            place = place[:-1]
        line = (source.lines or {}).get(place)
        yield ConfigProblem(".".join(path), message, source.file, line)


def _known(path: tuple[str, ...]) -> list[str]:
    model: type[Section] = Settings
    for part in path:
        model = model.model_fields[part].annotation  # type: ignore[assignment]  # sections all
    return list(model.model_fields)
