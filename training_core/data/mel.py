"""Mel spectrograms of IQ: the parameters, the filterbank and a NumPy reference."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training_core.contract.errors import DatasetError

MEL_BANDS = 128
MEL_FRAMES = 32
_LONGEST_WINDOW = 8192
_SHORTEST_WINDOW = 256


@dataclass(frozen=True)
class MelParameters:
    """How a clip becomes a 128 x 32 picture; plain values, stored with the model."""

    sample_rate_hz: float
    n_fft: int
    hop_length: int
    n_mels: int = MEL_BANDS
    frames: int = MEL_FRAMES
    min_power: float = 1e-10
    """Powers below count as this, so that silence stays finite in dB."""

    @property
    def samples(self) -> int:
        """IQ samples that the frames cover."""
        return self.n_fft + (self.frames - 1) * self.hop_length


def mel_parameters(samples: int, sample_rate_hz: float) -> MelParameters:
    """Choose window and hop so that a clip gives 32 frames over its whole length.

    Args:
        samples: IQ samples of a clip.
        sample_rate_hz: Complex samples a second.

    Raises:
        DatasetError: The clip is too short for 32 frames.
    """
    window = _LONGEST_WINDOW
    while window > _SHORTEST_WINDOW and window * 8 > samples:
        window //= 2
    hop = (samples - window) // (MEL_FRAMES - 1)
    if hop < 1:
        needed = _SHORTEST_WINDOW + MEL_FRAMES - 1
        raise DatasetError(
            f"A recording of {samples} IQ samples is too short for a spectrogram",
            why=f"{MEL_FRAMES} frames need at least {needed} samples",
            unharmed="The recording is unchanged",
            action="Import longer recordings",
        )
    return MelParameters(sample_rate_hz=float(sample_rate_hz), n_fft=window, hop_length=hop)


def hann_window(length: int) -> NDArray[np.float64]:
    """Periodic Hann window, (length,)."""
    return np.asarray(0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length))


def hz_to_mel(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's mel scale: linear to 1 kHz (15 mel), then 27 mel for each factor of 6.4."""
    safe = np.maximum(frequency_hz, 1000.0)
    above = 15.0 + 27.0 * np.log(safe / 1000.0) / np.log(6.4)
    return np.where(frequency_hz < 1000.0, frequency_hz * 3.0 / 200.0, above)


def mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of `hz_to_mel`."""
    above = 1000.0 * np.exp(np.log(6.4) * (np.maximum(mel, 15.0) - 15.0) / 27.0)
    return np.where(mel < 15.0, mel * 200.0 / 3.0, above)


def mel_filterbank(parameters: MelParameters) -> NDArray[np.float64]:
    """Triangular filters of equal area up to half the sample rate, (n_mels, n_fft / 2 + 1)."""
    half = parameters.sample_rate_hz / 2.0
    bins = np.linspace(0.0, half, parameters.n_fft // 2 + 1)
    top = hz_to_mel(np.array([half]))[0]
    edges = mel_to_hz(np.linspace(0.0, top, parameters.n_mels + 2))
    lower, center, upper = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (bins - lower) / (center - lower)
    falling = (upper - bins) / (upper - center)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(triangles * 2.0 / (upper - lower))


def mel_spectrogram(
    iq: NDArray[np.complexfloating], parameters: MelParameters
) -> NDArray[np.float32]:
    """Return the mel power of I plus that of Q in dB.

    The power of the complex spectrum at +f and -f, halved, is the one-sided power of I plus
    that of Q: nothing of a signal below the tuned frequency is lost.

    Args:
        iq: (..., samples), at least `parameters.samples`; what follows is not used.
        parameters: Window, hop and bands.

    Returns:
        (..., n_mels, frames).

    Raises:
        DatasetError: The clip is shorter than the parameters ask for.
    """
    if iq.shape[-1] < parameters.samples:
        raise DatasetError(
            f"A clip has {iq.shape[-1]} IQ samples and {parameters.samples} are needed",
            unharmed="The recording is unchanged",
            action="Use recordings as long as those that the model was trained on",
        )
    windows = np.lib.stride_tricks.sliding_window_view(iq, parameters.n_fft, axis=-1)
    starts = np.arange(parameters.frames) * parameters.hop_length
    framed = windows[..., starts, :] * hann_window(parameters.n_fft)
    spectrum = np.square(np.abs(np.fft.fft(framed, axis=-1)))
    power = fold(spectrum) @ mel_filterbank(parameters).T
    decibels = 10.0 * np.log10(np.maximum(power, parameters.min_power))
    return np.asarray(np.swapaxes(decibels, -1, -2), dtype=np.float32)


def fold(spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the power at +f and -f, (..., n_fft) to (..., n_fft / 2 + 1)."""
    half = spectrum.shape[-1] // 2
    positive = spectrum[..., : half + 1]
    negative = np.concatenate((spectrum[..., :1], spectrum[..., : half - 1 : -1]), axis=-1)
    return (positive + negative) / 2.0
