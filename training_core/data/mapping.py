"""mapping.toml: which column of somebody's table is which column of the session store."""

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from training_core.contract.errors import UsageError
from training_core.contract.toml_text import parse_toml
from training_core.data.info import Block, SiteOrigin

Measurement = Literal["rssi_dbm", "snr_db", "toa_ns", "time_sd_ns", "cfo_hz"]
Missing = list[float | str]
"""Cells that mean "not observed": numbers by value, words as written. Empty cells always do."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class DatasetSection(_Section):
    """What dataset.toml will say."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    licence: str = ""
    source: str = ""
    description: str = ""
    site_origin: SiteOrigin | None = None
    """Where local east and north are zero; the middle of the labels when absent."""


class TimeColumn(_Section):
    """When a session was recorded."""

    column: str
    format: str = "iso8601"
    """`iso8601`, `unix_s`, `unix_ms`, `unix_us`, `unix_ns`, or a strptime pattern."""
    timezone: str = "UTC"
    """Zone of times that name none."""


class TrackRule(_Section):
    """Which sessions belong to one track of the emitter."""

    column: str | None = None
    gap_s: Annotated[float, Field(gt=0)] | None = None
    """A new track begins where this many seconds pass without a session."""

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if (self.column is None) == (self.gap_s is None):
            raise ValueError("give either column or gap_s")
        return self


class LabelColumns(_Section):
    """Where the emitter was."""

    file: str | None = None
    """A file of its own, row by row beside the sessions."""
    latitude: str
    longitude: str
    altitude_m: str | None = None
    accuracy_m: str | None = None
    missing: Missing = []


class SessionsSection(_Section):
    """One row, one session (wide, or long with packed readings)."""

    file: str
    """File inside the source, or a pattern such as `set_*.csv`."""
    id: str | None = None
    """Column of the session's id; its row number when absent."""
    time: TimeColumn | None = None
    track: TrackRule | None = None
    label: LabelColumns | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","


class ReceiversSection(_Section):
    """Where the receivers stand. Without a file their positions stay unknown."""

    file: str | None = None
    format: Literal["csv", "json", "python"] = "csv"
    """`python` is a literal with tuples and None; it is parsed, never run."""
    id: str = "receiver"
    """Column of the receiver's id, in a CSV file."""
    latitude: str | int = "latitude"
    """Column, key, or place in a list."""
    longitude: str | int = "longitude"
    altitude_m: str | int | None = None
    missing: Missing = []
    null_island: bool = True
    """Whether 0, 0 means that the position is not known."""
    only_heard: bool = False
    """Leave out receivers of the file that no reading names."""
    sync_class: str | None = None
    """Clock of every receiver, such as gpsdo, gps, ntp."""


class MobileColumns(_Section):
    """Receivers that move: columns per receiver, with `{receiver}` in their names."""

    value: str
    latitude: str
    longitude: str
    altitude_m: str | None = None
    missing: Missing = []
    within_km: Annotated[float, Field(gt=0)] = 100.0
    """A position farther from the site origin is impossible: that observation is dropped."""

    @model_validator(mode="after")
    def _named_by_receiver(self) -> Self:
        for pattern in (self.value, self.latitude, self.longitude, self.altitude_m):
            if pattern is not None and pattern.count("{receiver}") != 1:
                raise ValueError(f"{pattern!r} must contain {{receiver}} once")
        return self


class WideReadings(_Section):
    """One column per receiver."""

    measurement: Measurement = "rssi_dbm"
    columns: list[str] = ["*"]
    """Names or patterns of the fixed receivers' columns, among those not named elsewhere.

    A column's name is the receiver's id; `{receiver}_rss` says which part of it is.
    """
    ignore: list[str] = []
    """Names or patterns of columns that are no receivers."""
    missing: Missing = []
    mobile: MobileColumns | None = None

    @model_validator(mode="after")
    def _one_placeholder(self) -> Self:
        for pattern in self.columns:
            if pattern.count("{receiver}") > 1:
                raise ValueError(f"{pattern!r} may contain {{receiver}} once")
        return self


class PackedReadings(_Section):
    """All readings of a session in one cell: a JSON list of lists or of objects."""

    column: str
    receiver: int | str
    rssi_dbm: int | str | None = None
    snr_db: int | str | None = None
    toa_ns: int | str | None = None
    time_sd_ns: int | str | None = None
    cfo_hz: int | str | None = None


class LongReadings(_Section):
    """One row, one observation; rows with one session id make a session."""

    receiver: str
    rssi_dbm: str | None = None
    snr_db: str | None = None
    toa_ns: str | None = None
    time_sd_ns: str | None = None
    cfo_hz: str | None = None
    latitude: str | None = None
    """Where a moving receiver was."""
    longitude: str | None = None
    altitude_m: str | None = None
    missing: Missing = []

    @model_validator(mode="after")
    def _something_measured(self) -> Self:
        if not self.columns():
            raise ValueError("name at least one of rssi_dbm, snr_db, toa_ns, time_sd_ns, cfo_hz")
        return self

    def columns(self) -> dict[str, str]:
        """Measurement → its column."""
        named = {
            "rssi_dbm": self.rssi_dbm,
            "snr_db": self.snr_db,
            "toa_ns": self.toa_ns,
            "time_sd_ns": self.time_sd_ns,
            "cfo_hz": self.cfo_hz,
        }
        return {name: column for name, column in named.items() if column is not None}


class ListSource(_Section):
    """Sessions listed in a JSON file of the source."""

    file: str
    column: str | None = None
    """Column whose values are listed; the session id when absent."""


class SplitRule(_Section):
    """A split that the dataset will define."""

    by: Literal["place", "track", "date", "list", "random"]
    description: str = ""
    cell_m: Annotated[float, Field(gt=0)] | None = None
    validation_by: Block = "place"
    train: ListSource | None = None
    val: ListSource | None = None
    test: ListSource | None = None

    @model_validator(mode="after")
    def _lists_belong_to_list(self) -> Self:
        listed = any((self.train, self.val, self.test))
        if listed != (self.by == "list"):
            raise ValueError('by = "list" goes with train, val or test, and only with them')
        return self

    def lists(self) -> dict[str, ListSource]:
        """Part → where its sessions are listed."""
        named = {"train": self.train, "val": self.val, "test": self.test}
        return {part: source for part, source in named.items() if source is not None}


class _Mapping(_Section):
    dataset: DatasetSection
    sessions: SessionsSection
    receivers: ReceiversSection = ReceiversSection()
    splits: dict[Annotated[str, Field(pattern=r"^[\w.-]+$")], SplitRule] = {}


class WideMapping(_Mapping):
    """A table with a column per receiver."""

    format: Literal["wide-csv"]
    readings: WideReadings = WideReadings()


class LongMapping(_Mapping):
    """A table with a row per observation, or with all of a session's in one cell."""

    format: Literal["long-csv"]
    readings: LongReadings | None = None
    packed: PackedReadings | None = None

    @model_validator(mode="after")
    def _one_kind_of_readings(self) -> Self:
        if (self.readings is None) == (self.packed is None):
            raise ValueError("give either [readings] (a row per observation) or [packed]")
        if self.readings is not None and self.sessions.id is None:
            raise ValueError("sessions.id is needed to know which rows belong together")
        return self


AnyMapping = Annotated[WideMapping | LongMapping, Field(discriminator="format")]
_ADAPTER: TypeAdapter[WideMapping | LongMapping] = TypeAdapter(AnyMapping)


def load_mapping(path: Path) -> WideMapping | LongMapping:
    """Read a mapping file.

    Raises:
        UsageError: It cannot be read, is not TOML, or is not a mapping; the message
            names every key that is wrong.
    """
    try:
        return _ADAPTER.validate_python(parse_toml(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            f"The mapping {path} cannot be read",
            why=str(error),
            unharmed="Nothing was written",
            action="Correct the file; examples/mappings holds three that work",
        ) from error
    except ValidationError as error:
        problems = [_problem(problem) for problem in error.errors(include_url=False)]  # type: ignore[arg-type]  # a TypedDict is read as a dict
        raise UsageError(
            f"The mapping {path} has {len(problems)} problem{'s' if len(problems) > 1 else ''}",
            why="; ".join(problems),
            unharmed="Nothing was written",
            action="Correct these keys; examples/mappings holds three that work",
        ) from error


def _problem(problem: dict[str, object]) -> str:
    location = problem["loc"]
    assert isinstance(location, tuple)
    # The first part is the name of the format, which the file does not contain.
    key = ".".join(str(part) for part in location if part not in ("wide-csv", "long-csv"))
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(location[-1]), _known_keys(), n=1)
        return f"{key}: unknown key" + (f"; did you mean {near[0]}?" if near else "")
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{key or 'format'}: {message[0].lower()}{message[1:]}"


def _known_keys() -> list[str]:
    names: set[str] = set()
    pending = list(_Section.__subclasses__())
    while pending:
        model = pending.pop()
        names |= set(model.model_fields)
        pending += model.__subclasses__()
    return sorted(names)
