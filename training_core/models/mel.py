"""Mel spectrograms of IQ in batches on the device."""

import torch
from torch import Tensor, nn

from training_core.data.mel import MelParameters, hann_window, mel_filterbank


class MelSpectrogram(nn.Module):
    """The torch twin of `training_core.data.mel.mel_spectrogram`.

    Args:
        parameters: Window, hop and bands.
    """

    window: Tensor
    filterbank: Tensor

    def __init__(self, parameters: MelParameters) -> None:
        super().__init__()
        self.mel = parameters
        window = torch.from_numpy(hann_window(parameters.n_fft)).float()
        filters = torch.from_numpy(mel_filterbank(parameters)).float()
        # They follow from the parameters, which the model's description holds.
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("filterbank", filters, persistent=False)

    def forward(self, iq: Tensor) -> Tensor:
        """Return the mel power of I plus that of Q in dB.

        Args:
            iq: Complex (..., samples), at least `parameters.samples`.

        Returns:
            (..., 128, 32).
        """
        used = iq[..., : self.mel.samples]
        framed = used.unfold(-1, self.mel.n_fft, self.mel.hop_length)
        transformed = torch.fft.fft(framed * self.window, dim=-1)
        spectrum = transformed.real.square() + transformed.imag.square()
        half = self.mel.n_fft // 2
        positive = spectrum[..., : half + 1]
        negative = torch.cat((spectrum[..., :1], spectrum[..., half:].flip(-1)), dim=-1)
        power = (positive + negative) / 2.0 @ self.filterbank.T
        decibels: Tensor = 10.0 * power.clamp(min=self.mel.min_power).log10()
        return decibels.transpose(-1, -2)
