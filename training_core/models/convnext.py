"""ConvNeXt with torchvision's parameter names, so that its published weight files load."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class ConvNeXtSize:
    """Shape of one published variant."""

    widths: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]


SIZES: dict[str, ConvNeXtSize] = {
    "tiny": ConvNeXtSize((96, 192, 384, 768), (3, 3, 9, 3)),
    "small": ConvNeXtSize((96, 192, 384, 768), (3, 3, 27, 3)),
    "base": ConvNeXtSize((128, 256, 512, 1024), (3, 3, 27, 3)),
    "large": ConvNeXtSize((192, 384, 768, 1536), (3, 3, 27, 3)),
}
_NORM_EPSILON = 1e-6
_LAYER_SCALE = 1e-6


class LayerNorm2d(nn.LayerNorm):
    """Layer normalization over the channels of (batch, channels, height, width)."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalize each place over its channels."""
        last = input.permute(0, 2, 3, 1)
        last = F.layer_norm(last, self.normalized_shape, self.weight, self.bias, self.eps)
        return last.permute(0, 3, 1, 2)


class Permute(nn.Module):
    """Reorders axes; a module, because it counts in the names of its neighbors."""

    def __init__(self, *axes: int) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, input: Tensor) -> Tensor:
        """Return the view with its axes in the new order."""
        return input.permute(self.axes)


class StochasticDepth(nn.Module):
    """Skips a residual branch for whole examples in training."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, input: Tensor) -> Tensor:
        """Zero the branch with the probability, scale the survivors to keep the mean."""
        if not self.training or self.probability == 0.0:
            return input
        survival = 1.0 - self.probability
        shape = (input.shape[0],) + (1,) * (input.ndim - 1)
        kept = torch.empty(shape, dtype=input.dtype, device=input.device).bernoulli_(survival)
        return input * kept / survival if survival > 0.0 else input * kept


class ConvNeXtBlock(nn.Module):
    """Depthwise 7 x 7 convolution and an inverted bottleneck, added to the input."""

    def __init__(self, width: int, skip_probability: float) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(width, width, kernel_size=7, padding=3, groups=width),
            Permute(0, 2, 3, 1),
            nn.LayerNorm(width, eps=_NORM_EPSILON),
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Linear(4 * width, width),
            Permute(0, 3, 1, 2),
        )
        self.layer_scale = nn.Parameter(torch.full((width, 1, 1), _LAYER_SCALE))
        self.stochastic_depth = StochasticDepth(skip_probability)

    def forward(self, input: Tensor) -> Tensor:
        """Add the scaled branch."""
        branch: Tensor = self.stochastic_depth(self.layer_scale * self.block(input))
        return branch + input


class ConvNeXt(nn.Module):
    """A ConvNeXt image network, or its backbone where no classes are asked for.

    Args:
        size: `tiny`, `small`, `base` or `large`.
        input_channels: Channels of the image; published weights have 3.
        classes: Outputs of the classifier; None ends with the normalized features.
        stochastic_depth: Probability of skipping the last block; it grows from 0 linearly.
    """

    def __init__(
        self,
        size: str,
        input_channels: int = 3,
        classes: int | None = 1000,
        stochastic_depth: float = 0.0,
    ) -> None:
        super().__init__()
        shape = SIZES[size]
        widths, depths = shape.widths, shape.depths
        self.width = widths[-1]
        last_block = max(sum(depths) - 1, 1)
        stages: list[nn.Module] = [
            nn.Sequential(
                nn.Conv2d(input_channels, widths[0], kernel_size=4, stride=4),
                LayerNorm2d(widths[0], eps=_NORM_EPSILON),
            )
        ]
        block_index = 0
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            blocks = []
            for _ in range(depth):
                blocks.append(ConvNeXtBlock(width, stochastic_depth * block_index / last_block))
                block_index += 1
            stages.append(nn.Sequential(*blocks))
            if stage + 1 < len(widths):
                stages.append(
                    nn.Sequential(
                        LayerNorm2d(width, eps=_NORM_EPSILON),
                        nn.Conv2d(width, widths[stage + 1], kernel_size=2, stride=2),
                    )
                )
        self.features = nn.Sequential(*stages)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        head: list[nn.Module] = [LayerNorm2d(self.width, eps=_NORM_EPSILON), nn.Flatten(1)]
        if classes is not None:
            head.append(nn.Linear(self.width, classes))
        self.classifier = nn.Sequential(*head)
        self.apply(_initialize)

    def forward(self, image: Tensor) -> Tensor:
        """Return class scores, or features where the network has no classes.

        Args:
            image: (batch, input_channels, height, width), each side at least 32.

        Returns:
            (batch, classes) or (batch, width).
        """
        output: Tensor = self.classifier(self.avgpool(self.features(image)))
        return output


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
