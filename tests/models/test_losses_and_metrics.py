"""The likelihood agrees with scipy, the metrics with numbers worked out by hand."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from training_core.contract.errors import DatasetError
from training_core.models.gaussian_head import GaussianHead, covariance_from_cholesky
from training_core.models.losses import gaussian_nll
from training_core.models.metrics import METRIC_NAMES, position_metrics


def _random_estimates(rows: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    mean = 100.0 * torch.randn(rows, 2, generator=generator, dtype=torch.float64)
    cholesky = torch.zeros(rows, 2, 2, dtype=torch.float64)
    cholesky[:, 0, 0] = 5.0 + 50.0 * torch.rand(rows, generator=generator, dtype=torch.float64)
    cholesky[:, 1, 1] = 5.0 + 50.0 * torch.rand(rows, generator=generator, dtype=torch.float64)
    cholesky[:, 1, 0] = 30.0 * torch.randn(rows, generator=generator, dtype=torch.float64)
    noise = torch.randn(rows, 2, 1, generator=generator, dtype=torch.float64)
    return mean, cholesky, mean + (cholesky @ noise)[..., 0]


def test_nll_is_scipys() -> None:
    mean, cholesky, target = _random_estimates(40)
    covariance = covariance_from_cholesky(cholesky)
    expected = [
        -multivariate_normal(mean[row].numpy(), covariance[row].numpy()).logpdf(target[row].numpy())
        for row in range(40)
    ]
    np.testing.assert_allclose(gaussian_nll(mean, cholesky, target).numpy(), expected, rtol=1e-9)
    metrics = position_metrics(mean.numpy(), covariance.numpy(), target.numpy())
    assert metrics["nll"] == pytest.approx(np.mean(expected), rel=1e-9)


def test_beta_weighs_uncertain_examples_up_and_keeps_the_scale() -> None:
    mean, cholesky, target = _random_estimates(40)
    plain = gaussian_nll(mean, cholesky, target)
    weighted = gaussian_nll(mean, cholesky, target, beta=0.5)
    ratio = weighted / plain
    assert ratio.mean().item() == pytest.approx(1.0)
    area = torch.linalg.det(cholesky)
    torch.testing.assert_close(ratio, area.sqrt() / area.sqrt().mean())


def test_coverage_is_that_of_a_calibrated_gaussian() -> None:
    mean, cholesky, target = _random_estimates(20_000)
    covariance = covariance_from_cholesky(cholesky).numpy()
    metrics = position_metrics(mean.numpy(), covariance, target.numpy())
    assert metrics["coverage_50"] == pytest.approx(0.50, abs=0.01)
    assert metrics["coverage_90"] == pytest.approx(0.90, abs=0.01)
    assert metrics["coverage_95"] == pytest.approx(0.95, abs=0.01)


def test_metrics_by_hand() -> None:
    target = np.zeros((5, 2))
    mean = np.array([[3.0, 4.0], [0.0, 30.0], [40.0, 0.0], [60.0, 80.0], [0.0, -200.0]])
    covariance = np.broadcast_to(np.diag([100.0, 2500.0]), (5, 2, 2))
    metrics = position_metrics(mean, covariance, target)
    assert set(metrics) == set(METRIC_NAMES)
    assert metrics["median_m"] == pytest.approx(40.0)
    assert metrics["mean_m"] == pytest.approx((5 + 30 + 40 + 100 + 200) / 5)
    assert metrics["p90_m"] == pytest.approx(160.0)
    assert metrics["within_30m"] == pytest.approx(0.4)
    assert metrics["within_50m"] == pytest.approx(0.6)
    assert metrics["within_100m"] == pytest.approx(0.8)
    # Squared distances 0.0964, 0.36, 16, 38.56, 16 against 1.386, 4.605 and 5.991.
    assert metrics["coverage_50"] == pytest.approx(0.4)
    assert metrics["coverage_95"] == pytest.approx(0.4)
    distance = (0.0964 + 0.36 + 16.0 + 38.56 + 16.0) / 5
    assert metrics["nll"] == pytest.approx(
        math.log(2 * math.pi) + 0.5 * (distance + math.log(250_000.0))
    )


def test_an_estimator_without_uncertainty_has_no_coverage() -> None:
    metrics = position_metrics(np.ones((3, 2)), None, np.zeros((3, 2)))
    assert metrics["median_m"] == pytest.approx(math.sqrt(2.0))
    assert "nll" not in metrics
    assert "coverage_90" not in metrics


def test_no_rows_is_an_error_not_a_nan() -> None:
    with pytest.raises(DatasetError, match="no labeled session"):
        position_metrics(np.zeros((0, 2)), None, np.zeros((0, 2)))


def test_untrained_head_states_the_spread_of_the_targets() -> None:
    head = GaussianHead([10.0, -20.0], 300.0, 5.0)
    mean, cholesky = head(torch.zeros(3, 5))
    torch.testing.assert_close(mean, torch.tensor([[10.0, -20.0]]).expand(3, 2))
    torch.testing.assert_close(cholesky, (305.0 * torch.eye(2)).expand(3, 2, 2))


def test_sigma_never_falls_below_its_floor() -> None:
    _, cholesky = GaussianHead([0.0, 0.0], 300.0, 5.0)(torch.full((1, 5), -1e4))
    assert cholesky.diagonal(dim1=-2, dim2=-1).min().item() == pytest.approx(5.0)


def test_calibration_makes_the_90_percent_ellipse_hold_90_percent() -> None:
    mean, cholesky, target = _random_estimates(5_000)
    head = GaussianHead([0.0, 0.0], 300.0, 5.0).eval()
    too_sure = cholesky / 1.6
    factor = head.calibrate(mean, too_sure, target)
    assert factor.item() == pytest.approx(1.6, rel=0.05)
    assert head.sigma_scale.item() == pytest.approx(factor.item())
    covariance = covariance_from_cholesky(too_sure * factor).numpy()
    metrics = position_metrics(mean.numpy(), covariance, target.numpy())
    assert metrics["coverage_90"] == pytest.approx(0.90, abs=0.002)
    # The answers are scaled now: calibrating again on them changes nothing.
    assert head.calibrate(mean, too_sure * factor, target).item() == pytest.approx(1.0, abs=1e-3)


def test_calibration_shows_in_evaluation_and_not_in_training() -> None:
    head = GaussianHead([0.0, 0.0], 300.0, 5.0)
    raw = torch.randn(4, 5)
    before = head.train()(raw)
    head.sigma_scale.fill_(2.0)
    assert torch.equal(head(raw)[1], before[1])
    torch.testing.assert_close(head.eval()(raw)[1], 2.0 * before[1])
    assert torch.equal(head(raw)[0], before[0])


@pytest.mark.parametrize("spoil", ["few", "nan"])
def test_calibration_leaves_what_it_cannot_judge(spoil: str) -> None:
    mean, cholesky, target = _random_estimates(40 if spoil == "few" else 100)
    if spoil == "nan":
        mean[3] = torch.nan
    head = GaussianHead([0.0, 0.0], 300.0, 5.0)
    assert head.calibrate(mean, cholesky / 2.0, target).item() == 1.0
    assert head.sigma_scale.item() == 1.0
