"""How much power arrives over a distance, and how much noise waits for it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

SPEED_OF_LIGHT_M_S: Final = 299_792_458.0
THERMAL_NOISE_DBM_HZ: Final = -173.98
"""k·T at 290 K."""


def free_space_loss_db(distance_m: NDArray[np.float64], frequency_hz: float) -> NDArray[np.float64]:
    """Friis' loss between isotropic antennas, in dB.

    Args:
        distance_m: distances, any shape, above 0.
        frequency_hz: the carrier.
    """
    loss: NDArray[np.float64] = 20.0 * np.log10(
        4.0 * np.pi * distance_m * frequency_hz / SPEED_OF_LIGHT_M_S
    )
    return loss


def log_distance_loss_db(
    distance_m: NDArray[np.float64],
    frequency_hz: float,
    exponent: float,
    reference_m: float = 1.0,
) -> NDArray[np.float64]:
    """Free space up to `reference_m`, then 10·n dB a decade of distance.

    Args:
        distance_m: distances, any shape; what is nearer than `reference_m` counts as there.
        frequency_hz: the carrier.
        exponent: n, 2 in free space, 2.5 to 4 on the ground.
        reference_m: where free space ends.
    """
    ratio = np.maximum(distance_m, reference_m) / reference_m
    reference_loss = free_space_loss_db(np.asarray(reference_m), frequency_hz)
    loss: NDArray[np.float64] = reference_loss + 10.0 * exponent * np.log10(ratio)
    return loss


def noise_power_dbm(bandwidth_hz: float, noise_figure_db: float, man_made_db: float) -> float:
    """Noise at the antenna connector: thermal, the receiver's own and man-made.

    Args:
        bandwidth_hz: noise bandwidth of the channel filter.
        noise_figure_db: of the receiver.
        man_made_db: what the surroundings add, 5 to 20 dB at VHF (ITU-R P.372).
    """
    bandwidth_db = 10.0 * float(np.log10(bandwidth_hz))
    return THERMAL_NOISE_DBM_HZ + bandwidth_db + noise_figure_db + man_made_db
