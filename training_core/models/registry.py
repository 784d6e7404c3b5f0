"""From a stored description back to the network it describes."""

from typing import TYPE_CHECKING, Any

from training_core.contract.errors import CheckpointError
from training_core.models.gaussian_head import GaussianHead
from training_core.models.localization_net import LocalizationNet
from training_core.models.observation_encoder import ObservationEncoder
from training_core.models.receiver_set_net import ReceiverSetNet

if TYPE_CHECKING:
    from collections.abc import Callable

Spec = dict[str, Any]
"""JSON-able description of a network: kind, sizes, receivers, channels, normalization."""

RECEIVER_SET_NET = "receiver_set_net"
LOCALIZATION_NET = "localization_net"


def network_from_spec(spec: Spec) -> ReceiverSetNet | LocalizationNet:
    """Build the network that a spec describes, freshly initialized.

    Raises:
        CheckpointError: The spec is of another version or not of a network of ours.
    """
    builders: dict[str, Callable[[Spec], ReceiverSetNet | LocalizationNet]] = {
        RECEIVER_SET_NET: _receiver_set_net,
        LOCALIZATION_NET: _localization_net,
    }
    kind = spec.get("kind")
    if kind not in builders:
        raise CheckpointError(
            f"There is no network of kind {kind!r}",
            why="The checkpoint was made by another program or a newer release",
            unharmed="The checkpoint is unchanged",
            action=f"This release builds {', '.join(builders)}",
        )
    try:
        return builders[kind](spec)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"The description of this {kind} is incomplete or damaged",
            why=f"{type(error).__name__}: {error}",
            unharmed="The checkpoint is unchanged",
            action="Use a checkpoint that this release wrote",
        ) from error


def _receiver_set_net(spec: Spec) -> ReceiverSetNet:
    encoder = ObservationEncoder(
        channels=spec["channels"],
        **spec["encoder"],
        receiver_dropout=spec["receiver_dropout"],
        gain_noise_db=spec["gain_noise_db"],
    )
    return ReceiverSetNet(
        encoder=encoder,
        gaussian=GaussianHead(**spec["gaussian"]),
        channels=len(spec["channels"]),
        **spec["sizes"],
    )


def _localization_net(spec: Spec) -> LocalizationNet:
    return LocalizationNet(
        receivers=spec["receivers"],
        mean_db=spec["mean_db"],
        std_db=spec["std_db"],
        **spec["gaussian"],
        **spec["sizes"],
    )
