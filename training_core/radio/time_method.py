"""The method that locates by differences of times of arrival."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from training_core.radio.geo import LocalFrame
from training_core.radio.geocentric import moved
from training_core.radio.method_answer import (
    Learned,
    MethodAnswer,
    Prediction,
    gaussian_temperature,
)
from training_core.radio.method_inputs import MethodInputs, TimeInputs
from training_core.radio.tdoa import LEAST_RECEIVERS, TimedSessions, locate
from training_core.radio.timing_fit import TimingFit, fit_timing

_STEP_M = 10.0

Float64Array = NDArray[np.float64]
IndexArray = NDArray[np.int64]


@dataclass(frozen=True)
class TimeMethod:
    """Least squares on arrivals, with biases and errors learned from the training rows.

    Where the emitters stand in training, a Gaussian, is the prior that a fix is weighed with: it
    matters where a fix is no better than that, and stands in where there is none.
    """

    inputs: MethodInputs
    time: TimeInputs

    def answer(self) -> MethodAnswer:
        """The test rows' fixes, their covariances calibrated on folds."""
        temperature = gaussian_temperature(
            lambda rows: self._learned(rows, None), self.inputs.target_m, self.inputs.train
        )
        mean, covariance = self._learned(self.inputs.train, temperature)(self.inputs.test)
        return MethodAnswer(mean, covariance)

    def timing(self, rows: IndexArray) -> TimingFit:
        """Biases, errors and excess delay that some rows show."""
        return fit_timing(
            self.time.rows(rows),
            self.time.receiver[rows],
            self.inputs.latitude_deg[rows],
            self.inputs.longitude_deg[rows],
            self.time.receivers,
            self.time.has_stated,
        )

    def corrected(self, timing: TimingFit, rows: IndexArray) -> TimedSessions:
        """Some sessions with biases taken out, at the altitude that is known or assumed."""
        return timing.corrected(
            self.time.rows(rows), self.time.receiver[rows], self.time.has_stated
        )

    def unlocated(self) -> int:
        """How many test rows too few receivers timed."""
        heard = self.time.rows(self.inputs.test).is_heard.sum(axis=1)
        return int((heard < LEAST_RECEIVERS).sum())

    def _learned(self, rows: IndexArray, temperature: float | None) -> Learned:
        """Raw fixes without a temperature, weighed with the prior with one."""
        timing = self.timing(rows)
        target = self.inputs.target_m[rows]
        spread = np.cov(target.T) + np.eye(2)

        def predict(asked: IndexArray) -> Prediction:
            fixes = locate(self.corrected(timing, asked))
            mean = np.stack(
                self.inputs.frame.to_local(fixes.latitude_deg, fixes.longitude_deg), axis=1
            )
            altitude = self.time.sessions.altitude_m[asked]
            turned = _turn(self.inputs.frame, fixes.latitude_deg, fixes.longitude_deg, altitude)
            covariance = turned @ fixes.covariance_m2 @ np.swapaxes(turned, 1, 2)
            if temperature is None:
                return mean, covariance
            return _weighed(mean, covariance * temperature, target.mean(axis=0), spread)

        return predict


def with_altitude(time: TimeInputs, altitude_m: Float64Array, train: IndexArray) -> TimeInputs:
    """The same with altitudes where they are unknown: the median of training's, or receivers' 0.

    Args:
        time: whose altitudes are replaced.
        altitude_m: (rows,) of the emitters, NaN where unknown.
        train: rows whose altitudes may be used for others.
    """
    known = altitude_m[train][np.isfinite(altitude_m[train])]
    assumed = float(np.median(known)) if len(known) else 0.0
    filled = np.where(np.isfinite(altitude_m), altitude_m, assumed)
    return replace(time, sessions=replace(time.sessions, altitude_m=filled))


def _weighed(
    mean: Float64Array, covariance: Float64Array, prior_m: Float64Array, prior_m2: Float64Array
) -> Prediction:
    """Product of two Gaussians; the prior alone where there is no fix."""
    known = np.isfinite(mean).all(axis=1) & np.isfinite(covariance).all(axis=(1, 2))
    weighed_mean = np.tile(prior_m, (len(mean), 1))
    weighed_covariance = np.tile(prior_m2, (len(mean), 1, 1))
    # K = C (C + P)⁻¹ is the share of the prior.
    share = covariance[known] @ np.linalg.inv(covariance[known] + prior_m2)
    toward = np.einsum("rab,rb->ra", share, prior_m - mean[known])
    weighed_mean[known] = mean[known] + toward
    weighed_covariance[known] = share @ prior_m2
    symmetric = 0.5 * (weighed_covariance + np.swapaxes(weighed_covariance, 1, 2))
    return weighed_mean, symmetric


def _turn(
    frame: LocalFrame, latitude: Float64Array, longitude: Float64Array, altitude: Float64Array
) -> Float64Array:
    """What a meter to the east and one to the north are in the frame, (rows, 2, 2) columns.

    Far from its origin a frame's axes are not those of the place.
    """
    here = np.stack(frame.to_local(latitude, longitude), axis=1)
    columns = []
    for east, north in ((_STEP_M, 0.0), (0.0, _STEP_M)):
        step_east, step_north = np.full(len(here), east), np.full(len(here), north)
        beside = moved(latitude, longitude, altitude, step_east, step_north)
        columns.append((np.stack(frame.to_local(*beside), axis=1) - here) / _STEP_M)
    return np.stack(columns, axis=2)
