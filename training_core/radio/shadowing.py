"""Lognormal shadowing that is correlated between neighboring emitters and neighboring receivers.

The correlation of two links is the product of two of Gudmundson's exponentials,
exp(-|e1-e2| / d_emitter) · exp(-|r1-r2| / d_receiver) (M. Gudmundson, "Correlation model for
shadow fading in mobile radio systems", Electronics Letters 27(23), 1991, carried over to both
ends of a link). Being a product it factors: a field over the emitters' plane for each receiver,
mixed by a Cholesky factor over the receivers.

Up to `EXACT_LIMIT` emitters the field over the plane is exact (Cholesky). Beyond, it is a sum
of `WAVE_COUNT` plane waves drawn from the spectrum of exp(-d/D): its covariance is right in
the mean over seeds, and within about one field off by a few hundredths of the variance.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky
from scipy.spatial.distance import cdist

EXACT_LIMIT: Final = 2_500
WAVE_COUNT: Final = 2_048
_BLOCK_ROWS: Final = 4_096
_JITTER: Final = 1e-9


def correlated_shadowing(
    emitter_m: NDArray[np.float64],
    receiver_m: NDArray[np.float64],
    *,
    emitter_correlation_m: float,
    receiver_correlation_m: float,
    generator: np.random.Generator,
    report: Callable[[int, int], None] | None = None,
) -> NDArray[np.float64]:
    """Draw shadowing of unit variance for every link.

    Args:
        emitter_m: (emitters, 2) east, north.
        receiver_m: (receivers, 2) east, north.
        emitter_correlation_m: where the correlation of two emitters has fallen to 1/e.
        receiver_correlation_m: the same for two receivers.
        generator: source of all randomness.
        report: told (emitters done, emitters in all).

    Returns:
        (emitters, receivers), standard normal each, in units of the standard deviation.
    """
    mixing = _factor(receiver_m, receiver_correlation_m)
    if len(emitter_m) <= EXACT_LIMIT:
        normal = generator.standard_normal((len(emitter_m), len(receiver_m)))
        field: NDArray[np.float64] = _factor(emitter_m, emitter_correlation_m) @ normal @ mixing.T
        if report is not None:
            report(len(emitter_m), len(emitter_m))
        return field
    return spectral_shadowing(emitter_m, mixing, emitter_correlation_m, generator, report=report)


def spectral_shadowing(
    emitter_m: NDArray[np.float64],
    mixing: NDArray[np.float64],
    correlation_m: float,
    generator: np.random.Generator,
    *,
    waves: int = WAVE_COUNT,
    report: Callable[[int, int], None] | None = None,
) -> NDArray[np.float64]:
    """The same field as a sum of plane waves: linear in the number of emitters.

    In the plane, exp(-d/D) has the spectral density D²/(2π) · (1 + k²D²)^(-3/2), so the
    magnitude of a wave vector has the distribution 1 - 1/sqrt(1 + k²D²). Its quantiles are
    drawn one from each of `waves` equal shares, which keeps the tail and lowers the spread.

    Args:
        emitter_m: (emitters, 2) east, north.
        mixing: (receivers, receivers) lower factor of the receivers' correlation.
        correlation_m: where the correlation of two emitters has fallen to 1/e.
        generator: source of all randomness.
        waves: number of plane waves.
        report: told (emitters done, emitters in all).

    Returns:
        (emitters, receivers).
    """
    share = (np.arange(waves) + generator.uniform(size=waves)) / waves
    magnitude = np.sqrt((1.0 - share) ** -2 - 1.0) / correlation_m
    direction = generator.uniform(0.0, 2.0 * np.pi, size=waves)
    wave = magnitude * np.stack([np.cos(direction), np.sin(direction)])  # (2, waves)
    amplitude = generator.standard_normal((2, waves, len(mixing))) @ mixing.T / np.sqrt(waves)
    field = np.empty((len(emitter_m), len(mixing)))
    for start in range(0, len(emitter_m), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        phase = emitter_m[rows] @ wave  # (rows, waves)
        field[rows] = np.cos(phase) @ amplitude[0] + np.sin(phase) @ amplitude[1]
        if report is not None:
            report(min(start + _BLOCK_ROWS, len(emitter_m)), len(emitter_m))
    return field


def _factor(position_m: NDArray[np.float64], correlation_m: float) -> NDArray[np.float64]:
    correlation = np.exp(-cdist(position_m, position_m) / correlation_m)
    # Two at the same place make the matrix singular.
    correlation[np.diag_indices_from(correlation)] += _JITTER
    lower: NDArray[np.float64] = cholesky(
        correlation, lower=True, overwrite_a=True, check_finite=False
    )
    return lower
