"""How good position estimates are, in meters."""

import numpy as np
from numpy.typing import NDArray

from training_core.contract.errors import DatasetError

FloatArray = NDArray[np.floating]
METRIC_NAMES = (
    "median_m",
    "mean_m",
    "p90_m",
    "within_30m",
    "within_50m",
    "within_100m",
    "coverage_50",
    "coverage_90",
    "coverage_95",
    "nll",
)


def position_errors(mean_m: FloatArray, target_m: FloatArray) -> NDArray[np.float64]:
    """Return the distance between estimate and truth, (sessions,), meters."""
    difference = np.asarray(mean_m, np.float64) - np.asarray(target_m, np.float64)
    return np.asarray(np.hypot(difference[:, 0], difference[:, 1]))


def squared_mahalanobis(
    mean_m: FloatArray, covariance_m2: FloatArray, target_m: FloatArray
) -> NDArray[np.float64]:
    """Return the squared distance in standard deviations of each estimate, (sessions,)."""
    difference = np.asarray(target_m, np.float64) - np.asarray(mean_m, np.float64)
    covariance = np.asarray(covariance_m2, np.float64)
    solved = np.linalg.solve(covariance, difference[:, :, None])[:, :, 0]
    return np.asarray(np.sum(difference * solved, axis=1))


def position_metrics(
    mean_m: FloatArray, covariance_m2: FloatArray | None, target_m: FloatArray
) -> dict[str, float]:
    """Summarize estimates of labeled sessions.

    Coverage is the share of truths inside the ellipse that should hold 50, 90 or 95 % of
    them: chi-square with two degrees of freedom, whose quantile is -2 ln(1 - p).

    Args:
        mean_m: (sessions, 2) estimated east and north.
        covariance_m2: (sessions, 2, 2), or None for an estimator that states none: coverage
            and nll are then absent from the result.
        target_m: (sessions, 2) true east and north.

    Returns:
        Values by the names in `METRIC_NAMES`; shares lie between 0 and 1.

    Raises:
        DatasetError: There is no session to judge.
    """
    if len(target_m) == 0:
        raise DatasetError(
            "There is no labeled session to evaluate",
            action="Choose a split that holds sessions with a known position",
        )
    errors = position_errors(mean_m, target_m)
    metrics = {
        "median_m": float(np.median(errors)),
        "mean_m": float(np.mean(errors)),
        "p90_m": float(np.percentile(errors, 90)),
        "within_30m": float(np.mean(errors <= 30.0)),
        "within_50m": float(np.mean(errors <= 50.0)),
        "within_100m": float(np.mean(errors <= 100.0)),
    }
    if covariance_m2 is None:
        return metrics
    distance = squared_mahalanobis(mean_m, covariance_m2, target_m)
    for percent in (50, 90, 95):
        inside = distance <= -2.0 * np.log(1.0 - percent / 100.0)
        metrics[f"coverage_{percent}"] = float(np.mean(inside))
    _, log_determinant = np.linalg.slogdet(np.asarray(covariance_m2, np.float64))
    nll = 0.5 * (distance + log_determinant) + np.log(2.0 * np.pi)
    metrics["nll"] = float(np.mean(nll))
    return metrics
