"""LocalizationNet: ConvNeXt over a stack of spectrograms, one per receiver."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from training_core.models.convnext import ConvNeXt
from training_core.models.convnext_weights import load_convnext_weights
from training_core.models.gaussian_head import GaussianHead


class LocalizationNet(nn.Module):
    """Position and uncertainty from the spectrograms of a fixed list of receivers.

    Spectrograms are normalized by the training set's statistics, which are buffers: the
    level of one clip against another carries the distance and is kept.

    Args:
        receivers: Length of the receiver axis.
        size: ConvNeXt variant: `tiny`, `small`, `base` or `large`.
        mean_db: Mean of the training spectrograms for each receiver.
        std_db: Their standard deviation.
        center_m: Mean east and north of the training targets.
        scale_m: Spread of the training targets.
        sigma_floor_m: Smallest standard deviation that the network may state.
        head_width: Width of the hidden layer of both heads.
        dropout: Dropout before the heads.
        stochastic_depth: Share of residual branches skipped in training.
        freeze_backbone: Train the heads only; the backbone then stays in evaluation mode.
    """

    input_names = ("spectrogram",)
    spectrogram_mean_db: Tensor
    spectrogram_std_db: Tensor

    def __init__(
        self,
        *,
        receivers: int,
        size: str = "tiny",
        mean_db: list[float] | None = None,
        std_db: list[float] | None = None,
        center_m: list[float] | None = None,
        scale_m: float = 1000.0,
        sigma_floor_m: float = 5.0,
        head_width: int = 128,
        dropout: float = 0.0,
        stochastic_depth: float = 0.1,
        freeze_backbone: bool = False,
    ) -> None:
        super().__init__()
        self.is_backbone_frozen = freeze_backbone
        shape = (1, receivers, 1, 1)
        means = torch.tensor(mean_db or [0.0] * receivers, dtype=torch.float32)
        stds = torch.tensor(std_db or [1.0] * receivers, dtype=torch.float32)
        self.register_buffer("spectrogram_mean_db", means.reshape(shape))
        self.register_buffer("spectrogram_std_db", stds.reshape(shape))
        self.backbone = ConvNeXt(size, receivers, None, stochastic_depth)
        self.position_head = _head(self.backbone.width, head_width, 2, dropout)
        self.uncertainty_head = _head(self.backbone.width, head_width, 3, dropout)
        self.gaussian = GaussianHead(center_m or [0.0, 0.0], scale_m, sigma_floor_m)
        if freeze_backbone:
            self.backbone.requires_grad_(False)
            self.backbone.eval()

    def train(self, mode: bool = True) -> "LocalizationNet":
        """Switch to training mode; a frozen backbone stays deterministic."""
        super().train(mode)
        if self.is_backbone_frozen:
            self.backbone.eval()
        return self

    def load_backbone(self, path: str | Path) -> None:
        """Start the backbone from a published ConvNeXt weight file.

        Raises:
            CheckpointError: The file is missing, unreadable or of another size.
        """
        load_convnext_weights(self.backbone, Path(path))

    def trained_parameters(self) -> Iterator[nn.Parameter]:
        """Yield the parameters that the optimizer may move."""
        return (parameter for parameter in self.parameters() if parameter.requires_grad)

    def forward(self, spectrogram: Tensor) -> tuple[Tensor, Tensor]:
        """Return the position's distribution in local meters.

        Args:
            spectrogram: (batch, receivers, 128, 32) in dB; NaN where nothing was received.

        Returns:
            Mean (batch, 2) and Cholesky factor (batch, 2, 2).
        """
        normalized = (spectrogram - self.spectrogram_mean_db) / self.spectrogram_std_db
        normalized = torch.where(torch.isnan(normalized), torch.zeros_like(normalized), normalized)
        features = self.backbone(normalized)
        raw = torch.cat((self.position_head(features), self.uncertainty_head(features)), dim=-1)
        mean, cholesky = self.gaussian(raw)
        return mean, cholesky


def _head(inputs: int, width: int, outputs: int, dropout: float) -> nn.Sequential:
    last = nn.Linear(width, outputs)
    # A small start states the center and spread of the targets, whatever the input.
    nn.init.normal_(last.weight, std=0.01)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(inputs, width), nn.GELU(), nn.Dropout(dropout), last)
