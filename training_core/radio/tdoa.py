"""Positions from times of arrival whose common moment of emission is unknown."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training_core.radio.chan_ho import chan_ho
from training_core.radio.geocentric import geocentric, local_axes, moved

Float64Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

LEAST_RECEIVERS: Final = 3
"""Fewer give a curve, not a place."""
_CAUCHY: Final = 2.385
"""Keeps 95 % of the efficiency under Gaussian noise (Huber and Ronchetti, 2009)."""
_STARTS_AROUND: Final = 6
_STEPS: Final = 40
_ENOUGH_M: Final = 0.01
_LONGEST_STEP_M: Final = 300_000.0
_FARTHEST_SHARE: Final = 3.0


@dataclass(frozen=True)
class TimedSessions:
    """Arrivals of sessions, each padded to the same number of slots."""

    receiver_m: Float64Array
    """(rows, slots, 3) geocentric; NaN where there is none."""
    arrival_m: Float64Array
    """(rows, slots) times of arrival in meters of light travel, NaN where there is none."""
    sigma_m: Float64Array
    """(rows, slots) standard deviations of the arrivals."""
    altitude_m: Float64Array
    """(rows,) of the emitter above the ellipsoid: known, or assumed."""

    @property
    def is_heard(self) -> BoolArray:
        """(rows, slots)."""
        heard: BoolArray = np.isfinite(self.arrival_m) & np.isfinite(self.receiver_m).all(axis=2)
        return heard


@dataclass(frozen=True)
class Fixes:
    """Solutions, NaN where too few receivers heard."""

    latitude_deg: Float64Array
    longitude_deg: Float64Array
    covariance_m2: Float64Array
    """(rows, 2, 2) of east and north."""
    cost: Float64Array
    """(rows,) robust sum of the squared residuals in standard deviations."""


def locate(sessions: TimedSessions) -> Fixes:
    """Robust nonlinear least squares on arrivals, with the moment of emission eliminated.

    Levenberg-Marquardt steps along east and north at the emitter's altitude, weighted by Cauchy's
    function of the residuals (Foy: "Position-location solutions by Taylor-series estimation", IEEE
    Transactions AES-12(2), 1976; Huber and Ronchetti: "Robust statistics", 2009, 7.8), from several
    starts: Chan and Ho's closed form and a ring of places around the receivers. The solution of
    the least cost wins. Its covariance is the inverse of the information that the arrivals give
    there, (Jᵀ W J)⁻¹ with the common time projected out.
    """
    heard = sessions.is_heard
    rows = np.flatnonzero(heard.sum(axis=1) >= LEAST_RECEIVERS)
    some = TimedSessions(
        sessions.receiver_m[rows],
        sessions.arrival_m[rows],
        sessions.sigma_m[rows],
        sessions.altitude_m[rows],
    )
    latitude, longitude = _starts(some)
    starts = latitude.shape[1]
    repeated = TimedSessions(*(np.repeat(v, starts, axis=0) for v in vars(some).values()))
    solved = _refined(repeated, latitude.ravel(), longitude.ravel())
    cost = np.where(np.isfinite(solved.cost), solved.cost, np.inf).reshape(-1, starts)
    best = np.argmin(cost, axis=1) + starts * np.arange(len(rows))
    count = len(heard)
    fixes = Fixes(
        np.full(count, np.nan),
        np.full(count, np.nan),
        np.full((count, 2, 2), np.nan),
        np.full(count, np.nan),
    )
    for name, values in vars(fixes).items():
        values[rows] = getattr(solved, name)[best]
    return fixes


def arrival_residuals_m(
    sessions: TimedSessions, latitude_deg: Float64Array, longitude_deg: Float64Array
) -> Float64Array:
    """Arrivals minus what each place (rows,) implies and minus their own median, (rows, slots)."""
    place = geocentric(latitude_deg, longitude_deg, sessions.altitude_m)
    distance = np.linalg.norm(place[:, None] - sessions.receiver_m, axis=2)
    residual = np.where(sessions.is_heard, sessions.arrival_m - distance, np.nan)
    known = np.isfinite(residual).any(axis=1)
    residual[known] -= np.nanmedian(residual[known], axis=1, keepdims=True)
    centered: Float64Array = residual
    return centered


def _starts(sessions: TimedSessions) -> tuple[Float64Array, Float64Array]:
    """Latitudes and longitudes (rows, starts) to begin from."""
    heard = sessions.is_heard
    weight = heard / np.maximum(heard.sum(axis=1, keepdims=True), 1)
    middle = np.einsum("rs,rsk->rk", weight, np.where(heard[..., None], sessions.receiver_m, 0.0))
    # A spherical latitude is near enough for a frame and for starts.
    latitude = np.degrees(np.arctan2(middle[:, 2], np.hypot(middle[:, 0], middle[:, 1])))
    longitude = np.degrees(np.arctan2(middle[:, 1], middle[:, 0]))
    origin = geocentric(latitude, longitude, 0.0)
    axes = local_axes(latitude, longitude)
    local = np.einsum("rak,rsk->rsa", axes, sessions.receiver_m - origin[:, None])
    local = np.where(heard[..., None], local, np.nan)
    reach = np.nanmax(np.hypot(local[..., 0], local[..., 1]), axis=1)
    angle = 2.0 * np.pi * np.arange(_STARTS_AROUND) / _STARTS_AROUND
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) * 0.5
    offset = np.concatenate([np.zeros((1, 2)), ring])[None] * reach[:, None, None]
    # The surface falls away from the plane: the height is corrected once the place is known.
    closed = chan_ho(local, sessions.arrival_m, sessions.altitude_m)
    fallen = sessions.altitude_m - (np.nan_to_num(closed[:, 0]) ** 2).sum(axis=1) / 12_742_000.0
    closed = np.concatenate([closed, chan_ho(local, sessions.arrival_m, fallen)[:, :1]], axis=1)
    far = np.hypot(*np.moveaxis(closed, 2, 0)) > _FARTHEST_SHARE * reach[:, None]
    closed = np.where(np.isfinite(closed) & ~far[..., None], closed, 0.0)
    offset = np.concatenate([closed, offset], axis=1)
    ones = np.ones(offset.shape[1])
    altitude = sessions.altitude_m[:, None] * ones
    return moved(
        latitude[:, None] * ones,
        longitude[:, None] * ones,
        altitude,
        offset[..., 0],
        offset[..., 1],
    )


def _refined(sessions: TimedSessions, latitude: Float64Array, longitude: Float64Array) -> Fixes:
    heard = sessions.is_heard
    receiver = np.where(heard[..., None], sessions.receiver_m, 0.0)
    arrival = np.where(heard, sessions.arrival_m, 0.0)
    inverse_sd = np.where(heard, 1.0 / sessions.sigma_m, 0.0)
    altitude = sessions.altitude_m

    def judged(
        at_latitude: Float64Array, at_longitude: Float64Array, rows: NDArray[np.intp]
    ) -> tuple[Float64Array, Float64Array, Float64Array]:
        """Cost (rows,), gradient (rows, 2) and information (rows, 2, 2)."""
        place = geocentric(at_latitude, at_longitude, altitude[rows])
        away = place[:, None] - receiver[rows]
        distance = np.maximum(np.linalg.norm(away, axis=2), 1e-3)
        axes = local_axes(at_latitude, at_longitude)[:, :2]
        slope = np.einsum("rsk,rak->rsa", away / distance[..., None], axes)
        residual = arrival[rows] - distance
        base = inverse_sd[rows] ** 2
        weight = base
        for _ in range(3):
            # The common time and the weights depend on one another.
            time = (weight * residual).sum(axis=1) / weight.sum(axis=1)
            scaled = (residual - time[:, None]) * inverse_sd[rows] / _CAUCHY
            weight = base / (1.0 + scaled**2)
        cost = _CAUCHY**2 * np.log1p(scaled**2).sum(axis=1)
        total = weight.sum(axis=1)
        mean_slope = np.einsum("rs,rsa->ra", weight, slope) / total[:, None]
        centered = slope - mean_slope[:, None]
        weighted = weight[..., None] * centered
        gradient = np.einsum("rsa,rs->ra", weighted, residual - time[:, None])
        return cost, gradient, np.einsum("rsa,rsb->rab", weighted, centered)

    count = len(latitude)
    latitude, longitude = latitude.copy(), longitude.copy()
    cost, gradient, information = judged(latitude, longitude, np.arange(count))
    damping = np.full(count, 1e-3)
    active = np.arange(count)
    for _ in range(_STEPS):
        step = _damped_step(information[active], gradient[active], damping[active])
        trial = moved(latitude[active], longitude[active], altitude[active], *step.T)
        new_cost, new_gradient, new_information = judged(*trial, active)
        better = new_cost <= cost[active]
        kept = active[better]
        latitude[kept], longitude[kept] = trial[0][better], trial[1][better]
        cost[kept], gradient[kept] = new_cost[better], new_gradient[better]
        information[kept] = new_information[better]
        damping[active] = np.where(better, damping[active] * 0.2, damping[active] * 5.0)
        length = np.hypot(*step.T)
        active = active[(length > _ENOUGH_M) & (damping[active] < 1e8)]
        if len(active) == 0:
            break
    return Fixes(latitude, longitude, _inverse(information), cost)


def _damped_step(
    information: Float64Array, gradient: Float64Array, damping: Float64Array
) -> Float64Array:
    diagonal = np.einsum("raa->ra", information)
    damped = information.copy()
    least = 1e-9 * diagonal.max(axis=1, keepdims=True) + 1e-18
    damped[:, (0, 1), (0, 1)] += damping[:, None] * diagonal + least
    step = np.linalg.solve(damped, gradient[..., None])[..., 0]
    length = np.maximum(np.hypot(step[:, 0], step[:, 1]), 1e-12)
    # A distance falls where the emitter comes nearer: the step is against the slope.
    shortened: Float64Array = step * np.minimum(1.0, _LONGEST_STEP_M / length)[:, None]
    return shortened


def _inverse(information: Float64Array) -> Float64Array:
    """Covariances; NaN where the information is singular."""
    determinant = np.linalg.det(information)
    trace = np.einsum("raa->r", information)
    regular = determinant > 1e-12 * trace**2
    covariance = np.full(information.shape, np.nan)
    covariance[regular] = np.linalg.inv(information[regular])
    return covariance
