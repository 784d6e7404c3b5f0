"""Recording sessions at the level of observations: who hears an emission, how loud and when.

For each link: log-distance path loss, correlated shadowing, fading; the receiver's own gain
offset and noise; from the SNR whether it hears at all and how well it can time the arrival;
its clock. Every quantity has a random stream of its own, and whatever is drawn is returned.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from training_core.contract.errors import UsageError
from training_core.radio.clocks import draw_clock_sd_ns, toa_bound_ns
from training_core.radio.emitters import Emissions, draw_emissions
from training_core.radio.geo import LocalFrame
from training_core.radio.path_loss import SPEED_OF_LIGHT_M_S, log_distance_loss_db, noise_power_dbm
from training_core.radio.presets import GeneratorOptions
from training_core.radio.random_streams import RandomStreams
from training_core.radio.shadowing import correlated_shadowing

_MAX_CANDIDATES = 20
_MAX_SITE_TRIES = 10_000

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Receivers:
    """The receivers and what was drawn for each, arrays of (receivers,).

    `position_m` is (receivers, 2) east and north of the middle of the area; `clock_sd_ns` is
    NaN without synchronization.
    """

    receiver_id: NDArray[np.str_]
    latitude_deg: Float64Array
    longitude_deg: Float64Array
    altitude_m: Float64Array
    position_m: Float64Array
    noise_dbm: Float64Array
    gain_offset_db: Float64Array
    clock_sd_ns: Float64Array
    delay_bias_ns: Float64Array

    @property
    def floor_dbm(self) -> Float64Array:
        """The noise as the receiver reports it, its gain offset included."""
        return self.noise_dbm + self.gain_offset_db


@dataclass(frozen=True)
class Links:
    """What happened between every emission and every receiver, (sessions, receivers) each.

    `rssi_dbm`, `snr_db`, `time_sd_ns` are the observations: NaN where a receiver heard nothing
    or cannot tell. `toa_ns` (Unix nanoseconds) counts only where `has_toa`. The others are
    drawn truth, also where nothing was heard.
    """

    rssi_dbm: Float64Array
    snr_db: Float64Array
    toa_ns: NDArray[np.int64]
    has_toa: NDArray[np.bool_]
    time_sd_ns: Float64Array
    path_loss_db: Float64Array
    shadowing_db: Float64Array
    fading_db: Float64Array
    clock_error_ns: Float64Array
    toa_noise_ns: Float64Array
    excess_delay_ns: Float64Array


@dataclass(frozen=True)
class SyntheticSessions:
    """Sessions that were heard, with everything that was drawn.

    `unheard` counts emissions before the last session that too few receivers heard.
    """

    options: GeneratorOptions
    seed: int
    frame: LocalFrame
    receivers: Receivers
    emissions: Emissions
    links: Links
    unheard: int


_Rows = TypeVar("_Rows", Emissions, Links)


def generate(
    options: GeneratorOptions,
    sessions: int,
    seed: int,
    report: Callable[[int, int], None] | None = None,
) -> SyntheticSessions:
    """Draw `sessions` sessions.

    Args:
        options: area, receivers, emitters, propagation, clocks.
        sessions: how many sessions are wanted.
        seed: of all randomness; the same seed and options give the same sessions.
        report: told (links' rows done, rows in all).

    Raises:
        UsageError: drawn receivers do not fit into the area at their distance, or hardly
            any emission would be heard.
    """
    if sessions < 1 or seed < 0:
        raise UsageError(
            "The generator needs at least one session and a seed of 0 or more",
            why=f"sessions = {sessions}, seed = {seed}",
            unharmed="Nothing was written",
        )
    streams = RandomStreams(seed)
    frame = LocalFrame(options.latitude_deg, options.longitude_deg)
    receivers = _draw_receivers(options, frame, streams)
    candidates = sessions
    while True:
        emissions = draw_emissions(options, candidates, streams)
        links = _draw_links(options, frame, receivers, emissions, streams, report)
        heard = np.flatnonzero(np.isfinite(links.rssi_dbm).sum(axis=1) >= options.minimum_heard)
        if len(heard) >= sessions:
            kept = heard[:sessions]
            return SyntheticSessions(
                options=options,
                seed=seed,
                frame=frame,
                receivers=receivers,
                emissions=_take(emissions, kept),
                links=_take(links, kept),
                unheard=int(kept[-1]) + 1 - sessions,
            )
        if candidates >= _MAX_CANDIDATES * sessions:
            raise UsageError(
                f"Only {len(heard)} of {candidates} emissions were heard by "
                f"{options.minimum_heard} or more receivers",
                unharmed="Nothing was written",
                action="Raise transmit_power_dbm, add receivers or lower minimum_heard",
            )
        expected = int(candidates * sessions / max(len(heard), 1) * 1.1) + 16
        candidates = min(expected, _MAX_CANDIDATES * sessions)


def _draw_receivers(
    options: GeneratorOptions, frame: LocalFrame, streams: RandomStreams
) -> Receivers:
    if options.sites:
        receiver_id = np.array([site.receiver_id for site in options.sites])
        latitude = np.array([site.latitude_deg for site in options.sites])
        longitude = np.array([site.longitude_deg for site in options.sites])
        altitude = np.array([site.altitude_m for site in options.sites])
        position = np.stack(frame.to_local(latitude, longitude), axis=-1)
    else:
        position = _draw_sites(options, streams["receiver_site"])
        latitude, longitude = frame.to_wgs84(position[:, 0], position[:, 1])
        receiver_id = np.array([f"r{number:02d}" for number in range(1, len(position) + 1)])
        altitude = np.full(len(position), options.ground_altitude_m + options.receiver_height_m)
    count = len(receiver_id)
    noise = noise_power_dbm(
        options.noise_bandwidth_hz, options.noise_figure_db, options.man_made_noise_db
    )
    return Receivers(
        receiver_id=receiver_id,
        latitude_deg=latitude,
        longitude_deg=longitude,
        altitude_m=altitude,
        position_m=position,
        noise_dbm=noise + options.noise_sd_db * streams["noise"].standard_normal(count),
        gain_offset_db=options.gain_offset_sd_db * streams["gain_offset"].standard_normal(count),
        clock_sd_ns=draw_clock_sd_ns(options.sync_class, count, streams["clock_sd"]),
        delay_bias_ns=options.delay_bias_sd_ns * streams["delay_bias"].standard_normal(count),
    )


def _draw_sites(options: GeneratorOptions, generator: np.random.Generator) -> Float64Array:
    """Uniform over the area, a place too near to an earlier one being drawn again."""
    extent = np.array([options.width_m, options.height_m])
    sites: list[Float64Array] = []
    for candidate in generator.uniform(-0.5, 0.5, size=(_MAX_SITE_TRIES, 2)) * extent:
        if all(np.hypot(*(candidate - site)) >= options.receiver_spacing_m for site in sites):
            sites.append(candidate)
        if len(sites) == options.receiver_count:
            return np.array(sites)
    raise UsageError(
        f"{options.receiver_count} receivers do not fit into {options.width_m:g} by "
        f"{options.height_m:g} m at {options.receiver_spacing_m:g} m from each other",
        unharmed="Nothing was written",
        action="Lower receiver_spacing_m or receiver_count",
    )


def _draw_links(
    options: GeneratorOptions,
    frame: LocalFrame,
    receivers: Receivers,
    emissions: Emissions,
    streams: RandomStreams,
    report: Callable[[int, int], None] | None,
) -> Links:
    shape = (len(emissions.time_ns), len(receivers.receiver_id))
    distance = _slant_range_m(options, frame, receivers, emissions)
    path_loss = options.system_loss_db + log_distance_loss_db(
        distance, options.frequency_hz, options.path_loss_exponent, options.reference_m
    )
    shadowing = options.shadowing_sd_db * correlated_shadowing(
        emissions.position_m,
        receivers.position_m,
        emitter_correlation_m=options.emitter_correlation_m,
        receiver_correlation_m=options.receiver_correlation_m,
        generator=streams["shadowing"],
        report=report,
    )
    fading = options.fading_sd_db * streams["fading"].standard_normal(shape)
    power = emissions.power_dbm[:, None] - path_loss + shadowing + fading
    snr = power - receivers.noise_dbm
    is_heard = snr >= options.detection_snr_db

    bound = toa_bound_ns(
        snr,
        noise_bandwidth_hz=options.noise_bandwidth_hz,
        rms_bandwidth_hz=options.rms_bandwidth_hz,
        duration_s=options.duration_s,
    )
    has_toa = is_heard & np.isfinite(bound) & np.isfinite(receivers.clock_sd_ns)
    toa_noise = bound * streams["toa_noise"].standard_normal(shape)
    clock_error = receivers.clock_sd_ns * streams["clock_error"].standard_normal(shape)
    excess = options.excess_delay_ns * streams["excess_delay"].exponential(size=shape)
    # Only the delay goes through float64: the absolute time has more digits than it holds.
    delay = (
        distance * (1e9 / SPEED_OF_LIGHT_M_S)
        + excess
        + toa_noise
        + clock_error
        + receivers.delay_bias_ns
    )
    arrival = emissions.emission_ns[:, None] + np.rint(np.where(has_toa, delay, 0.0)).astype(
        np.int64
    )
    return Links(
        rssi_dbm=np.where(is_heard, power + receivers.gain_offset_db, np.nan),
        snr_db=np.where(is_heard, snr, np.nan),
        toa_ns=np.where(has_toa, arrival, 0),
        has_toa=has_toa,
        time_sd_ns=np.where(has_toa, np.hypot(bound, receivers.clock_sd_ns), np.nan),
        path_loss_db=path_loss,
        shadowing_db=shadowing,
        fading_db=fading,
        clock_error_ns=clock_error,
        toa_noise_ns=toa_noise,
        excess_delay_ns=excess,
    )


def _slant_range_m(
    options: GeneratorOptions, frame: LocalFrame, receivers: Receivers, emissions: Emissions
) -> Float64Array:
    """Straight lines between antennas, (emissions, receivers): radio knows no map projection."""
    to_geocentric = Transformer.from_crs("EPSG:4979", "EPSG:4978", always_xy=True)
    latitude, longitude = frame.to_wgs84(emissions.position_m[:, 0], emissions.position_m[:, 1])
    altitude = np.full(len(latitude), options.ground_altitude_m + options.emitter_height_m)
    emitter = np.stack(to_geocentric.transform(longitude, latitude, altitude), axis=-1)
    receiver = np.stack(
        to_geocentric.transform(
            receivers.longitude_deg, receivers.latitude_deg, receivers.altitude_m
        ),
        axis=-1,
    )
    distance: Float64Array = np.linalg.norm(emitter[:, None, :] - receiver[None], axis=-1)
    return distance


def _take(rows: _Rows, index: NDArray[np.int64]) -> _Rows:
    return type(rows)(**{name: values[index] for name, values in vars(rows).items()})
