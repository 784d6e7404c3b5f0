"""ReceiverSetNet: attention over whichever receivers heard the emitter."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training_core.models.gaussian_head import RAW_OUTPUTS, GaussianHead
from training_core.models.observation_encoder import EncodedObservations, ObservationEncoder


class AttentionBlock(nn.Module):
    """Pre-norm self-attention and a feed-forward layer over masked tokens."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.feed_norm = nn.LayerNorm(width)
        self.feed_in = nn.Linear(width, 2 * width)
        self.feed_out = nn.Linear(2 * width, width)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return new tokens.

        Args:
            tokens: (batch, tokens, width).
            mask: Bool (batch, 1, 1, tokens), True where a token may be attended to; at least
                one is in every row.
        """
        batch, count, width = tokens.shape
        mixed = self.query_key_value(self.attention_norm(tokens))
        # (batch, tokens, 3 x width) -> 3 of (batch, heads, tokens, width / heads)
        parts = mixed.reshape(batch, count, 3, self.heads, width // self.heads).permute(
            2, 0, 3, 1, 4
        )
        attended = F.scaled_dot_product_attention(parts[0], parts[1], parts[2], attn_mask=mask)
        attended = self.attention_out(attended.transpose(1, 2).flatten(2))
        tokens = tokens + F.dropout(attended, self.dropout, self.training)
        fed = self.feed_out(F.gelu(self.feed_in(self.feed_norm(tokens))))
        return tokens + F.dropout(fed, self.dropout, self.training)


class FingerprintPath(nn.Module):
    """The values of the known receivers side by side, zero where nothing was heard.

    It memorizes how a place looks to this very set of receivers, which attention over
    interchangeable tokens learns slowly. Receivers it does not know are invisible to it.

    Args:
        known_receivers: Columns of the fingerprint.
        channels: Values of each.
        flagged: Channels whose zero can be a value too: whether they were observed is told
            apart. A level counts from silence and needs none.
        width: Width of the hidden layers.
        depth: Their number.
        dropout: Dropout after each.
    """

    def __init__(
        self,
        known_receivers: int,
        channels: int,
        flagged: list[int],
        width: int,
        depth: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.known_receivers = known_receivers
        self.flagged = flagged
        layers: list[nn.Module] = []
        inputs = known_receivers * (channels + len(flagged))
        for _ in range(depth):
            layers += [_linear(inputs, width), nn.GELU(), nn.Dropout(dropout)]
            inputs = width
        self.layers = nn.Sequential(*layers)

    def forward(self, encoded: EncodedObservations) -> Tensor:
        """Return (batch, width)."""
        columns = torch.arange(self.known_receivers, device=encoded.receiver.device)
        # Which slot stands in which column, (batch, slots, known); a product rather than a
        # scatter, because every exporter and runtime has it.
        column_of = (encoded.receiver.unsqueeze(-1) == columns).to(encoded.values.dtype)
        told = torch.cat((encoded.values, encoded.is_observed[..., self.flagged]), dim=-1)
        fingerprint = column_of.transpose(1, 2) @ told
        output: Tensor = self.layers(fingerprint.flatten(1))
        return output


class ReceiverSetNet(nn.Module):
    """Position and uncertainty from any number of receivers.

    Every receiver that heard something is a token of its place, its normalized values and,
    where it is known, a learned identity; silent and absent ones are hidden alike. A summary
    token attends to them all, so a row without any token still has an answer: that of the
    prior.

    Args:
        encoder: How observations are normalized and augmented.
        gaussian: How outputs become meters.
        channels: Number of observation channels.
        width: Width of a token.
        depth: Attention blocks, at least one.
        heads: Attention heads; they divide the width.
        dropout: Dropout inside blocks, fingerprint path and head.
        has_identity: Learn an embedding for each known receiver.
        fingerprint_width: Width of the parallel dense path; 0 leaves it out.
        fingerprint_depth: Its hidden layers.
    """

    input_names = ("receiver", "position_m", "observation")

    def __init__(
        self,
        *,
        encoder: ObservationEncoder,
        gaussian: GaussianHead,
        channels: int,
        width: int = 64,
        depth: int = 2,
        heads: int = 4,
        dropout: float = 0.0,
        has_identity: bool = True,
        fingerprint_width: int = 256,
        fingerprint_depth: int = 2,
    ) -> None:
        super().__init__()
        if depth < 1:
            raise ValueError(f"depth is {depth}; a ReceiverSetNet has at least one block")
        self.encoder = encoder
        self.gaussian = gaussian
        self.token_in = nn.Linear(2 * channels + 3, width)
        self.identity: nn.Embedding | None = None
        if has_identity:
            self.identity = nn.Embedding(encoder.known_receivers + 1, width)
            nn.init.normal_(self.identity.weight, std=0.5)
        self.summary = nn.Parameter(torch.zeros(1, 1, width))
        self.blocks = nn.ModuleList(AttentionBlock(width, heads, dropout) for _ in range(depth))
        self.summary_norm = nn.LayerNorm(width)
        features = width
        self.fingerprint: FingerprintPath | None = None
        if fingerprint_width:
            self.fingerprint = FingerprintPath(
                encoder.known_receivers,
                channels,
                [channel for channel in range(channels) if channel != encoder.level_index],
                fingerprint_width,
                fingerprint_depth,
                dropout,
            )
            features += fingerprint_width
        hidden = max(width, fingerprint_width)
        last = nn.Linear(hidden, RAW_OUTPUTS)
        # A small start states the center and spread of the targets, whatever the input.
        nn.init.normal_(last.weight, std=0.01)
        nn.init.zeros_(last.bias)
        self.head = nn.Sequential(_linear(features, hidden), nn.GELU(), nn.Dropout(dropout), last)

    def forward(
        self, receiver: Tensor, position_m: Tensor, observation: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the position's distribution in local meters.

        Args:
            receiver: Int64 (batch, slots), -1 for padding and unknown receivers.
            position_m: (batch, slots, 2) local east and north, NaN where unknown.
            observation: (batch, slots, channels), NaN where not observed.

        Returns:
            Mean (batch, 2) and Cholesky factor (batch, 2, 2).
        """
        encoded: EncodedObservations = self.encoder(receiver, position_m, observation)
        features = [self._attend(encoded)]
        if self.fingerprint is not None:
            features.append(self.fingerprint(encoded))
        mean, cholesky = self.gaussian(self.head(torch.cat(features, dim=-1)))
        return mean, cholesky

    def _attend(self, encoded: EncodedObservations) -> Tensor:
        tokens = self.token_in(
            torch.cat((encoded.values, encoded.is_observed, encoded.place), dim=-1)
        )
        if self.identity is not None:
            tokens = tokens + self.identity(encoded.receiver)
        summary = self.summary.expand(tokens.shape[0], -1, -1)
        tokens = torch.cat((summary, tokens), dim=1)
        is_always = torch.ones_like(encoded.is_heard[:, :1])
        mask = torch.cat((is_always, encoded.is_heard), dim=1)[:, None, None, :]
        for block in self.blocks:
            tokens = block(tokens, mask)
        output: Tensor = self.summary_norm(tokens[:, 0])
        return output


def _linear(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    # Unit variance is kept from layer to layer; torch's default shrinks it to a third, and
    # a deep path then needs several times the epochs.
    nn.init.kaiming_uniform_(layer.weight, nonlinearity="linear")
    nn.init.zeros_(layer.bias)
    return layer
