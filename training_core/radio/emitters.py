"""Where emitters are and when they transmit: anywhere, or moving along tracks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training_core.radio.presets import GeneratorOptions
from training_core.radio.random_streams import RandomStreams

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True)
class Emissions:
    """One row for each time an emitter transmits.

    `position_m` is (emissions, 2) east and north of the middle of the area, `time_ns` the
    time written down with it (Unix nanoseconds), `emission_ns` the true one, which no
    receiver knows, and `track` counts from 0 (-1: no track).
    """

    position_m: NDArray[np.float64]
    time_ns: NDArray[np.int64]
    emission_ns: NDArray[np.int64]
    track: NDArray[np.int64]
    power_dbm: NDArray[np.float64]


def draw_emissions(options: GeneratorOptions, count: int, streams: RandomStreams) -> Emissions:
    """Draw `count` emissions; asking for more leaves the first ones as they were.

    Args:
        options: area, movement, times and power.
        count: how many.
        streams: source of all randomness.
    """
    index = np.arange(count, dtype=np.int64)
    if options.movement == "tracks":
        track = index // options.track_sessions
        place_in_track = index % options.track_sessions
        offset_s = track * options.track_interval_s + place_in_track * options.interval_s
        position = _positions_on_tracks(options, count, streams)
    else:
        track = np.full(count, -1, dtype=np.int64)
        offset_s = index * options.interval_s
        share = streams["emitter_position"].uniform(-0.5, 0.5, size=(count, 2))
        position = share * (options.width_m, options.height_m)
    start_ns = round(options.start.timestamp()) * NANOSECONDS
    time_ns = start_ns + np.rint(offset_s * 1e3).astype(np.int64) * 1_000_000
    # The time of a label is no time of emission: their difference must not tell the distance.
    within_second = streams["emission_time"].integers(
        -NANOSECONDS // 2, NANOSECONDS // 2, size=count
    )
    power_draw = streams["transmit_power"].standard_normal(count)
    of_whom = index if options.movement == "uniform" else track
    return Emissions(
        position_m=position,
        time_ns=time_ns,
        emission_ns=time_ns + within_second,
        track=track,
        power_dbm=options.transmit_power_dbm + options.transmit_power_sd_db * power_draw[of_whom],
    )


def _positions_on_tracks(
    options: GeneratorOptions, count: int, streams: RandomStreams
) -> NDArray[np.float64]:
    tracks = -(-count // options.track_sessions)
    drawn = streams["track"].uniform(size=(tracks, 4))
    start = (drawn[:, :2] - 0.5) * (options.width_m, options.height_m)
    speed = options.slowest_m_s + (options.fastest_m_s - options.slowest_m_s) * drawn[:, 2]
    turn = streams["turn"].standard_normal((tracks, options.track_sessions))
    heading = 2.0 * np.pi * drawn[:, 3:] + np.cumsum(np.radians(options.turn_deg) * turn, axis=1)
    length_m = (speed * options.interval_s)[:, None, None]
    moved = np.cumsum(length_m * np.stack([np.sin(heading), np.cos(heading)], axis=-1), axis=1)
    position = (start[:, None, :] + moved).reshape(-1, 2)[:count]
    return np.stack(
        [
            _reflected(position[:, 0], options.width_m),
            _reflected(position[:, 1], options.height_m),
        ],
        axis=-1,
    )


def _reflected(coordinate_m: NDArray[np.float64], extent_m: float) -> NDArray[np.float64]:
    """Fold what leaves -extent/2 … extent/2 back inside, as at a mirror."""
    phase = np.mod(coordinate_m / extent_m + 0.5, 2.0)
    folded: NDArray[np.float64] = (1.0 - np.abs(1.0 - phase) - 0.5) * extent_m
    return folded
