"""A command line of `run`, and the configuration that it asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from heimdall_console.checkpoint_reference import resolve_checkpoint
from heimdall_console.run_flags import blame_flags, overrides
from training_core.contract.config import Config
from training_core.contract.config_file import (
    ConfigSource,
    apply_overrides,
    read_source,
    validate,
)
from training_core.contract.errors import ConfigError
from training_core.contract.run_dir import RunDir


@dataclass(frozen=True)
class Request:
    """A command line of `run`."""

    config_file: Path | None
    set_values: Sequence[str]
    flags: Mapping[str, object]
    """Flag → value; None where it was not given."""
    checkpoint: str | None
    name: str
    as_json: bool

    @property
    def is_configured(self) -> bool:
        """Whether anything about the training itself was said."""
        given = any(value is not None for value in self.flags.values())
        return self.config_file is not None or bool(self.set_values) or given

    def looked_up(self, home: Path, parent: RunDir | None) -> "Request":
        """The same with names turned into paths.

        Args:
            home: Where runs live.
            parent: Run whose configuration this begins from, instead of a file.

        Raises:
            UsageError: There is no such checkpoint to take the weights from.
        """
        flags = dict(self.flags)
        if flags.get("init_from"):
            flags["init_from"] = str(resolve_checkpoint(str(flags["init_from"]), home))
        file = self.config_file if parent is None else parent.config_path
        return replace(self, config_file=file, flags=flags)

    def resolve(self) -> Config:
        """The configuration that file, `--set` and flags make together.

        Raises:
            ConfigError: Everything that is wrong, at once.
        """
        source = read_source(self.config_file) if self.config_file else ConfigSource({})
        try:
            return validate(apply_overrides(source, [*self.set_values, *overrides(self.flags)]))
        except ConfigError as error:
            raise blame_flags(error, self.flags) from error
