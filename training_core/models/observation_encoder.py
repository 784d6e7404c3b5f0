"""What a receiver heard, normalized, with everything else about it hidden.

Which receivers were running, and where silent mobile ones were, tells a recording session
from another and with it the place; the network must not learn that. So a receiver that was
not running and one that ran and heard only its own noise leave here as the same zeros.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

LEVEL_CHANNEL = "rssi_dbm"


@dataclass(frozen=True)
class EncodedObservations:
    """One row of numbers for each receiver slot."""

    is_heard: Tensor
    """Bool (batch, slots)."""
    receiver: Tensor
    """Int64 (batch, slots): index of a known receiver, or the count of known ones."""
    values: Tensor
    """(batch, slots, channels): normalized, zero where not observed."""
    is_observed: Tensor
    """(batch, slots, channels): 1 where observed, else 0."""
    place: Tensor
    """(batch, slots, 3): normalized east and north, then whether they are known."""


class ObservationEncoder(nn.Module):
    """Decides who heard something and normalizes what.

    Args:
        channels: Names of the observation's channels.
        floor: For each known receiver and last for unknown ones, the level in dBm of its
            own noise; the level is counted from there.
        threshold: Likewise, the level from which it counts as hearing; minus infinity where
            every reading is a detection.
        offset: Subtracted from each channel (not used for the level).
        scale: Divides each channel.
        shared_identity: Known receivers that pass for unknown ones, mobile ones mostly: who
            of them was around is no evidence.
        ignore_unknown: Unknown receivers are never heard.
        center_m: Local east and north that normalized positions count from.
        scale_m: Unit of normalized positions.
        receiver_dropout: Mean share of hearing receivers that a training example loses.
        gain_noise_db: Standard deviation of a gain error added in training.
    """

    floor: Tensor
    threshold: Tensor
    offset: Tensor
    scale: Tensor
    identity: Tensor
    center_m: Tensor
    scale_m: Tensor

    def __init__(
        self,
        *,
        channels: list[str],
        floor: list[float],
        threshold: list[float | None],
        offset: list[float],
        scale: list[float],
        shared_identity: list[int],
        ignore_unknown: bool,
        center_m: list[float],
        scale_m: float,
        receiver_dropout: float,
        gain_noise_db: float,
    ) -> None:
        super().__init__()
        self.receiver_dropout = receiver_dropout
        self.gain_noise_db = gain_noise_db
        self.level_index = channels.index(LEVEL_CHANNEL) if LEVEL_CHANNEL in channels else None
        self.known_receivers = len(floor) - 1
        self.is_unknown_ignored = ignore_unknown
        limits = [float("-inf") if value is None else value for value in threshold]
        identity = torch.arange(len(floor))
        identity[shared_identity] = self.known_receivers
        self.register_buffer("floor", torch.tensor(floor, dtype=torch.float32))
        self.register_buffer("threshold", torch.tensor(limits, dtype=torch.float32))
        self.register_buffer("offset", torch.tensor(offset, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))
        self.register_buffer("identity", identity)
        self.register_buffer("center_m", torch.tensor(center_m, dtype=torch.float32))
        self.register_buffer("scale_m", torch.tensor(scale_m, dtype=torch.float32))

    def forward(
        self, receiver: Tensor, position_m: Tensor, observation: Tensor
    ) -> EncodedObservations:
        """Encode padded observations; in training mode, augment them.

        Args:
            receiver: Int64 (batch, slots), -1 for padding and unknown receivers.
            position_m: (batch, slots, 2), NaN where unknown.
            observation: (batch, slots, channels), NaN where not observed.
        """
        known = torch.where(receiver < 0, torch.full_like(receiver, self.known_receivers), receiver)
        is_observed = ~torch.isnan(observation)
        values = torch.where(is_observed, observation, torch.zeros_like(observation))
        is_heard = is_observed.any(dim=-1)
        if self.is_unknown_ignored:
            is_heard = is_heard & (receiver >= 0)
        offset: Tensor = self.offset
        if self.level_index is not None:
            floor, threshold = self.floor[known], self.threshold[known]
            level = values[..., self.level_index]
            has_level = is_observed[..., self.level_index]
            is_heard = is_heard & (~has_level | (level >= threshold))
            if self.training and self.gain_noise_db > 0.0:
                level = level + self.gain_noise_db * torch.randn_like(level)
                is_heard = is_heard & (~has_level | (level >= threshold))
            columns = list(values.unbind(dim=-1))
            columns[self.level_index] = level - floor
            values = torch.stack(columns, dim=-1)
        if self.training and self.receiver_dropout > 0.0:
            is_heard = is_heard & self._survivors(is_heard)
        is_kept = is_observed & is_heard.unsqueeze(-1)
        values = torch.where(is_kept, (values - offset) / self.scale, torch.zeros_like(values))
        place = self._place(position_m, is_heard)
        return EncodedObservations(
            is_heard=is_heard,
            receiver=self.identity[known],
            values=values,
            is_observed=is_kept.to(values.dtype),
            place=place,
        )

    def _survivors(self, is_heard: Tensor) -> Tensor:
        # Every example draws its own share, from none up to twice the mean: the network sees
        # complete sets as well as poor ones.
        share = torch.rand(is_heard.shape[0], 1, device=is_heard.device)
        lost = (2.0 * self.receiver_dropout * share).clamp(max=1.0)
        return torch.rand(is_heard.shape, device=is_heard.device) >= lost

    def _place(self, position_m: Tensor, is_heard: Tensor) -> Tensor:
        is_known = ~torch.isnan(position_m).any(dim=-1, keepdim=True) & is_heard.unsqueeze(-1)
        normalized = (position_m - self.center_m) / self.scale_m
        normalized = torch.where(is_known, normalized, torch.zeros_like(normalized))
        return torch.cat((normalized, is_known.to(normalized.dtype)), dim=-1)
