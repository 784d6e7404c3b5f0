"""What can be chosen about a synthetic dataset, and two sets of choices with a name."""

import difflib
from datetime import UTC, datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training_core.contract.errors import UsageError
from training_core.radio.clocks import SyncClass


class Site(BaseModel):
    """One receiver at a given place."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    receiver_id: str = Field(min_length=1)
    latitude_deg: float = Field(ge=-90, le=90)
    longitude_deg: float = Field(ge=-180, le=180)
    altitude_m: float = Field(default=0.0, ge=-500, le=9000)
    """Of the antenna, above the ellipsoid."""


class GeneratorOptions(BaseModel):
    """Everything that shapes a synthetic dataset except its seed and its length."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )

    latitude_deg: float = Field(ge=-85, le=85)
    """Latitude of the middle of the area."""
    longitude_deg: float = Field(ge=-180, le=180)
    """Longitude of the middle of the area."""
    width_m: float = Field(gt=0, le=2e6)
    """Extent of the area from west to east."""
    height_m: float = Field(gt=0, le=2e6)
    """Extent of the area from south to north."""
    ground_altitude_m: float = Field(default=0.0, ge=-500, le=9000)
    """Height of the ground above the ellipsoid."""
    cell_m: float = Field(gt=0)
    """Side of the cells of the split by place."""

    sites: tuple[Site, ...] = ()
    """Receivers at given places; none: `receiver_count` places are drawn."""
    receiver_count: int = Field(default=10, ge=1, le=1000)
    """Number of receivers that are drawn."""
    receiver_spacing_m: float = Field(default=0.0, ge=0)
    """Least distance between two drawn receivers."""
    receiver_height_m: float = Field(default=10.0, ge=0, le=1000)
    """Height of a drawn receiver's antenna above the ground."""

    movement: Literal["uniform", "tracks"] = "uniform"
    """Emitters anywhere in the area, or along tracks."""
    interval_s: float = Field(default=60.0, gt=0)
    """Time between two sessions, on a track or without tracks."""
    track_sessions: int = Field(default=50, ge=2)
    """Sessions of one track."""
    track_interval_s: float = Field(default=21_600.0, gt=0)
    """Time between the beginnings of two tracks."""
    slowest_m_s: float = Field(default=1.2, gt=0)
    """Speed of the slowest emitter."""
    fastest_m_s: float = Field(default=6.0, gt=0)
    """Speed of the fastest emitter."""
    turn_deg: float = Field(default=12.0, ge=0, le=180)
    """Standard deviation of the change of direction from one session to the next."""
    emitter_height_m: float = Field(default=1.5, ge=0, le=20_000)
    """Height of the emitter's antenna above the ground."""
    start: datetime = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
    """Time of the first session."""

    frequency_hz: float = Field(gt=0)
    """The carrier."""
    transmit_power_dbm: float = Field(default=30.0, ge=-50, le=90)
    """Mean power of an emitter."""
    transmit_power_sd_db: float = Field(default=0.0, ge=0, le=20)
    """Standard deviation of the power between sessions (between tracks where there are any)."""
    path_loss_exponent: float = Field(default=3.0, ge=1, le=8)
    """n of the log-distance path loss, 20 dB a decade in free space being n = 2."""
    reference_m: float = Field(default=1.0, gt=0)
    """Distance up to which the path loss is that of free space."""
    system_loss_db: float = Field(default=0.0, ge=-30, le=80)
    """Bodies, cables, mismatch and antenna gains together."""
    shadowing_sd_db: float = Field(default=6.0, ge=0, le=30)
    """Standard deviation of the correlated shadowing."""
    emitter_correlation_m: float = Field(default=200.0, gt=0)
    """Distance of two emitters at which the correlation of the shadowing is 1/e."""
    receiver_correlation_m: float = Field(default=200.0, gt=0)
    """The same for two receivers."""
    fading_sd_db: float = Field(default=3.0, ge=0, le=20)
    """Standard deviation of what changes from one reading to the next: fading, measuring."""

    noise_bandwidth_hz: float = Field(default=12_500.0, gt=0)
    """Bandwidth in which power and noise are measured."""
    noise_figure_db: float = Field(default=7.0, ge=0, le=40)
    """Noise figure of a receiver."""
    man_made_noise_db: float = Field(default=10.0, ge=0, le=60)
    """What the surroundings add to the thermal noise."""
    noise_sd_db: float = Field(default=2.0, ge=0, le=20)
    """Standard deviation of the noise between receivers."""
    gain_offset_sd_db: float = Field(default=6.0, ge=0, le=30)
    """Standard deviation between receivers of the unknown gain, which moves RSSI and floor."""
    detection_snr_db: float = Field(default=4.0, ge=-30, le=40)
    """SNR that a receiver needs to hear anything."""
    minimum_heard: int = Field(default=1, ge=1)
    """Receivers that must hear an emission for it to become a session."""

    sync_class: SyncClass = "none"
    """How receivers keep time; without it there are no times of arrival."""
    delay_bias_sd_ns: float = Field(default=0.0, ge=0)
    """Standard deviation between receivers of a constant delay: cables, filters."""
    excess_delay_ns: float = Field(default=0.0, ge=0)
    """Mean of the exponential delay that detours add to the straight path."""
    rms_bandwidth_hz: float = Field(default=1_650.0, gt=0)
    """Root-mean-square bandwidth of the signal, 1.65 kHz for voice on narrow-band FM."""
    duration_s: float = Field(default=1.0, gt=0)
    """Length of the recording from which a time of arrival is measured."""


CAMPUS: Final = GeneratorOptions(
    latitude_deg=40.7660,
    longitude_deg=-111.8420,
    width_m=3_000.0,
    height_m=2_500.0,
    ground_altitude_m=1_450.0,
    cell_m=250.0,
    receiver_count=24,
    receiver_spacing_m=150.0,
    receiver_height_m=15.0,
    movement="tracks",
    interval_s=4.0,
    frequency_hz=462.7e6,
    transmit_power_dbm=30.0,
    path_loss_exponent=2.54,
    system_loss_db=39.0,
    # Together 6.9 dB, the residual of the path loss fitted to the measured campus.
    shadowing_sd_db=5.95,
    fading_sd_db=3.5,
    emitter_correlation_m=200.0,
    receiver_correlation_m=200.0,
    noise_bandwidth_hz=6_000.0,
    gain_offset_sd_db=6.0,
    sync_class="none",
)
"""Handheld radios at 462.7 MHz carried over a campus of 3 by 2.5 km."""

VHF_NETWORK: Final = GeneratorOptions(
    latitude_deg=44.35,
    longitude_deg=11.40,
    width_m=150_000.0,
    height_m=120_000.0,
    ground_altitude_m=50.0,
    cell_m=10_000.0,
    sites=(
        Site(receiver_id="bologna", latitude_deg=44.479, longitude_deg=11.298, altitude_m=300.0),
        Site(receiver_id="cimone", latitude_deg=44.194, longitude_deg=10.701, altitude_m=2_165.0),
        Site(receiver_id="faenza", latitude_deg=44.286, longitude_deg=11.882, altitude_m=60.0),
        Site(receiver_id="ferrara", latitude_deg=44.835, longitude_deg=11.620, altitude_m=40.0),
        Site(receiver_id="morello", latitude_deg=43.857, longitude_deg=11.239, altitude_m=934.0),
        Site(receiver_id="ravenna", latitude_deg=44.416, longitude_deg=12.204, altitude_m=30.0),
        Site(receiver_id="reggio", latitude_deg=44.698, longitude_deg=10.630, altitude_m=90.0),
    ),
    movement="uniform",
    interval_s=120.0,
    frequency_hz=145e6,
    transmit_power_dbm=42.0,
    transmit_power_sd_db=3.0,
    path_loss_exponent=2.7,
    shadowing_sd_db=6.0,
    fading_sd_db=2.0,
    emitter_correlation_m=500.0,
    receiver_correlation_m=500.0,
    gain_offset_sd_db=5.0,
    minimum_heard=3,
    sync_class="gps",
    delay_bias_sd_ns=100.0,
)
"""Seven hilltop and town receivers with GPS time on 145 MHz, over 150 by 120 km."""

PRESETS: Final[dict[str, GeneratorOptions]] = {"campus": CAMPUS, "vhf-network": VHF_NETWORK}


def preset_options(name: str, changes: dict[str, Any] | None = None) -> GeneratorOptions:
    """The options of a preset, some of them changed.

    Args:
        name: a key of `PRESETS`.
        changes: option → new value.

    Raises:
        UsageError: no such preset, no such option, or a value out of its range.
    """
    if name not in PRESETS:
        raise UsageError(
            f"There is no preset named {name!r}",
            unharmed="Nothing was written",
            action=f"Take one of: {', '.join(PRESETS)}",
        )
    try:
        options = GeneratorOptions.model_validate(PRESETS[name].model_dump() | (changes or {}))
    except ValidationError as error:
        problems = (
            _in_words(".".join(map(str, problem["loc"])), problem["type"], problem["msg"])
            for problem in error.errors()
        )
        raise UsageError(
            "The generator cannot work with these options",
            why="; ".join(problems),
            unharmed="Nothing was written",
        ) from error
    if options.fastest_m_s < options.slowest_m_s:
        raise UsageError(
            "The generator cannot work with these options",
            why=f"fastest_m_s ({options.fastest_m_s}) is below slowest_m_s ({options.slowest_m_s})",
            unharmed="Nothing was written",
        )
    return options


def _in_words(option: str, kind: str, message: str) -> str:
    if kind != "extra_forbidden":
        return f"{option}: {message}"
    near = difflib.get_close_matches(option, GeneratorOptions.model_fields, n=1, cutoff=0.4)
    return f"{option}: unknown option" + (f", did you mean {near[0]}?" if near else "")
