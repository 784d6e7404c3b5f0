"""How well a receiver knows the time, and how well a time of arrival can be measured at all."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

SyncClass = Literal["gpsdo", "gps", "reference_tx", "ntp", "none"]
SYNC_CLASSES: Final[tuple[SyncClass, ...]] = get_args(SyncClass)

MINIMUM_INTEGRATED_SNR_DB: Final = 10.0
"""Below this SNR after integration a correlator picks wrong peaks and the bound means nothing."""


@dataclass(frozen=True)
class ClockQuality:
    """Range of the standard deviation of a class's clock error, in nanoseconds."""

    lowest_ns: float
    highest_ns: float


CLOCK_QUALITY: Final[dict[SyncClass, ClockQuality]] = {
    "gpsdo": ClockQuality(30.0, 100.0),
    "gps": ClockQuality(100.0, 1_000.0),
    "reference_tx": ClockQuality(100.0, 3_000.0),
    "ntp": ClockQuality(1e6, 20e6),
}
"""What each class of synchronization reaches; `none` has no common time, hence no entry."""


def draw_clock_sd_ns(
    sync_class: SyncClass, receivers: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Draw one standard deviation of the clock error for each receiver.

    The logarithm is uniform over the range of the class.

    Args:
        sync_class: how the receivers keep time.
        receivers: how many.
        generator: source of all randomness.

    Returns:
        (receivers,) nanoseconds; NaN without synchronization.
    """
    share = generator.uniform(size=receivers)
    if sync_class not in CLOCK_QUALITY:
        return np.full(receivers, np.nan)
    quality = CLOCK_QUALITY[sync_class]
    sd_ns: NDArray[np.float64] = (
        quality.lowest_ns * (quality.highest_ns / quality.lowest_ns) ** share
    )
    return sd_ns


def toa_bound_ns(
    snr_db: NDArray[np.float64],
    *,
    noise_bandwidth_hz: float,
    rms_bandwidth_hz: float,
    duration_s: float,
) -> NDArray[np.float64]:
    """Cramér-Rao bound on the standard deviation of a time of arrival, in nanoseconds.

    sd = 1 / (2π · B_rms · sqrt(2·E/N0)) with E/N0 = B_n · T · SNR: the range estimation bound of
    S. Kay, "Fundamentals of Statistical Signal Processing: Estimation Theory", 1993, chapter 3,
    for a complex envelope. The variances of two receivers add up to the bound on their time
    difference of Fowler & Hu (the deterministic-signal model of Stein 1981),
    1 / (π·sqrt(8)·B_rms·sqrt(B_n·T·gamma)), without its product of two noises, which matters only
    where the SNR in the channel is near 0 dB.

    Args:
        snr_db: SNR within the noise bandwidth, any shape; NaN stays NaN.
        noise_bandwidth_hz: B_n.
        rms_bandwidth_hz: B_rms about the spectrum's center, B/sqrt(12) of a flat one.
        duration_s: T, the length of the recording.

    Returns:
        Same shape; NaN where B_n·T·SNR is below `MINIMUM_INTEGRATED_SNR_DB`.
    """
    integrated = noise_bandwidth_hz * duration_s * 10.0 ** (snr_db / 10.0)
    enough = integrated >= 10.0 ** (MINIMUM_INTEGRATED_SNR_DB / 10.0)
    usable = np.where(enough, integrated, np.nan)
    sd_ns: NDArray[np.float64] = 1e9 / (2.0 * np.pi * rms_bandwidth_hz * np.sqrt(2.0 * usable))
    return sd_ns
