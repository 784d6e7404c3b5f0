"""The correlation of shadowing over emitters and receivers, exact and by plane waves."""

import numpy as np
import pytest
from numpy.typing import NDArray

from training_core.radio import shadowing
from training_core.radio.shadowing import correlated_shadowing, spectral_shadowing

Float64Array = NDArray[np.float64]

EMITTER_M = 200.0
RECEIVER_M = 500.0


def draw(emitter_m: Float64Array, receiver_m: Float64Array, seeds: int) -> Float64Array:
    """(seeds, emitters, receivers)."""
    return np.stack(
        [
            correlated_shadowing(
                emitter_m,
                receiver_m,
                emitter_correlation_m=EMITTER_M,
                receiver_correlation_m=RECEIVER_M,
                generator=np.random.default_rng(seed),
            )
            for seed in range(seeds)
        ]
    )


@pytest.mark.parametrize("method", ["exact", "waves"])
def test_correlation_falls_to_one_over_e_at_the_correlation_distance(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if method == "waves":
        monkeypatch.setattr(shadowing, "EXACT_LIMIT", 0)
    emitter = np.array([[0.0, 0.0], [EMITTER_M, 0.0], [0.0, 2 * EMITTER_M], [20_000.0, 0.0]])
    receiver = np.array([[0.0, 0.0], [0.0, RECEIVER_M], [30_000.0, 0.0]])
    field = draw(emitter, receiver, seeds=3_000)
    links = field.reshape(len(field), -1)
    found = np.corrcoef(links.T).reshape(4, 3, 4, 3)

    assert links.std(axis=0) == pytest.approx(1.0, abs=0.05)
    assert links.mean(axis=0) == pytest.approx(0.0, abs=0.07)
    between_emitters = found[:, 0, :, 0]
    assert between_emitters[0] == pytest.approx([1, np.exp(-1), np.exp(-2), 0], abs=0.06)
    between_receivers = found[0, :, 0, :]
    assert between_receivers[0] == pytest.approx([1, np.exp(-1), 0], abs=0.06)
    both = found[0, 0, 1, 1]
    assert both == pytest.approx(np.exp(-2), abs=0.06)


def test_one_field_of_waves_has_the_covariance_of_the_exact_one() -> None:
    generator = np.random.default_rng(3)
    emitter = generator.uniform(-5_000, 5_000, size=(8_000, 2))
    beside = emitter + np.array([EMITTER_M, 0.0])
    field = spectral_shadowing(np.concatenate([emitter, beside]), np.eye(2), EMITTER_M, generator)
    assert field.std(axis=0) == pytest.approx(1.0, abs=0.08)
    for receiver in range(2):
        correlation = np.corrcoef(field[:8_000, receiver], field[8_000:, receiver])[0, 1]
        assert correlation == pytest.approx(np.exp(-1), abs=0.05)
    between_receivers: Float64Array = np.cov(field.T)
    assert between_receivers[0, 1] == pytest.approx(0.0, abs=0.08)


def test_two_emitters_at_one_place_are_shadowed_alike() -> None:
    field = draw(np.zeros((3, 2)), np.array([[0.0, 0.0], [100.0, 0.0]]), seeds=1)[0]
    assert field[1] == pytest.approx(field[0], abs=1e-3)


def test_more_emitters_leave_the_first_ones_as_they_were() -> None:
    emitter = np.random.default_rng(5).uniform(0, 1_000, size=(50, 2))
    receiver = np.array([[0.0, 0.0], [300.0, 100.0]])
    few, many = draw(emitter[:20], receiver, 1), draw(emitter, receiver, 1)
    assert many[0, :20] == pytest.approx(few[0], abs=1e-9)


def test_progress_ends_at_the_number_of_emitters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadowing, "EXACT_LIMIT", 0)
    seen: list[tuple[int, int]] = []
    correlated_shadowing(
        np.zeros((9_000, 2)),
        np.zeros((1, 2)),
        emitter_correlation_m=100.0,
        receiver_correlation_m=100.0,
        generator=np.random.default_rng(0),
        report=lambda done, total: seen.append((done, total)),
    )
    assert [done for done, _ in seen] == [4_096, 8_192, 9_000]
    assert {total for _, total in seen} == {9_000}
