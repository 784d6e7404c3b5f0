"""Mel spectrograms: NumPy and torch agree, and both are I's power plus Q's."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from training_core.contract.errors import DatasetError
from training_core.data.mel import (
    MelParameters,
    fold,
    hann_window,
    hz_to_mel,
    mel_filterbank,
    mel_parameters,
    mel_spectrogram,
    mel_to_hz,
)
from training_core.models.mel import MelSpectrogram


def random_iq(*shape: int) -> NDArray[np.complex64]:
    rng = np.random.default_rng(4)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)


@pytest.mark.parametrize("samples", [287, 1_024, 12_000, 44_100, 200_000])
def test_every_clip_gives_128_by_32_over_its_whole_length(samples: int) -> None:
    parameters = mel_parameters(samples, 200_000.0)
    assert parameters.n_fft & (parameters.n_fft - 1) == 0
    assert samples - 31 < parameters.samples <= samples
    assert mel_spectrogram(random_iq(samples), parameters).shape == (128, 32)


def test_a_clip_that_is_too_short_is_refused() -> None:
    with pytest.raises(DatasetError, match="286 IQ samples"):
        mel_parameters(286, 200_000.0)
    with pytest.raises(DatasetError, match="900 IQ samples and"):
        mel_spectrogram(random_iq(900), mel_parameters(1_024, 200_000.0))


def test_torch_agrees_with_numpy_in_batches() -> None:
    parameters = mel_parameters(6_000, 48_000.0)
    iq = 1e-3 * random_iq(5, 3, 6_000)
    expected = mel_spectrogram(iq, parameters)
    found = MelSpectrogram(parameters)(torch.from_numpy(iq)).numpy()
    assert found.shape == (5, 3, 128, 32)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    # As powers, which decibels flatter.
    np.testing.assert_allclose(10 ** (found / 10), 10 ** (expected / 10), rtol=1e-4)


def test_silence_is_the_floor_in_both() -> None:
    parameters = mel_parameters(1_024, 12_000.0)
    silence = np.zeros((2, 1_024), np.complex64)
    assert (mel_spectrogram(silence, parameters) == -100.0).all()
    assert (MelSpectrogram(parameters)(torch.from_numpy(silence)) == -100.0).all()


def test_folded_power_is_that_of_i_plus_that_of_q() -> None:
    iq = random_iq(4, 256).astype(np.complex128)
    folded = fold(np.abs(np.fft.fft(iq)) ** 2)
    of_i = np.abs(np.fft.rfft(iq.real)) ** 2
    of_q = np.abs(np.fft.rfft(iq.imag)) ** 2
    np.testing.assert_allclose(folded, of_i + of_q, rtol=1e-9)


@pytest.mark.parametrize("frequency_hz", [3_000.0, -3_000.0])
def test_a_tone_on_either_side_shows_in_its_band(frequency_hz: float) -> None:
    parameters = mel_parameters(48_000, 48_000.0)
    tone = np.exp(2j * np.pi * frequency_hz * np.arange(48_000) / 48_000.0)
    band = int(mel_spectrogram(tone, parameters).mean(axis=1).argmax())
    edges = mel_to_hz(np.linspace(0.0, hz_to_mel(np.array([24_000.0]))[0], 130))
    assert edges[band] < 3_000.0 < edges[band + 2]


def test_mel_scale_has_slaneys_fixed_points() -> None:
    frequencies = np.array([0.0, 200.0, 1_000.0, 6_400.0])
    np.testing.assert_allclose(hz_to_mel(frequencies), [0.0, 3.0, 15.0, 42.0])
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(frequencies)), frequencies, atol=1e-9)


def test_filters_have_equal_area_and_no_gap() -> None:
    parameters = MelParameters(sample_rate_hz=48_000.0, n_fft=8_192, hop_length=1_000)
    filters = mel_filterbank(parameters)
    assert filters.shape == (128, 4_097)
    area = filters.sum(axis=1) * 48_000.0 / 8_192
    np.testing.assert_allclose(area, 1.0, atol=0.02)
    assert (filters.sum(axis=0)[1:-1] > 0).all()


def test_window_is_periodic() -> None:
    np.testing.assert_allclose(hann_window(8), np.hanning(9)[:-1], atol=1e-12)
