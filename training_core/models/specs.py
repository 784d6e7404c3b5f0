"""Specs of networks from a dataset: its receivers, its noise floors, its spread."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training_core.contract.errors import DatasetError
from training_core.data.features import ObservationArrays, observation_arrays
from training_core.data.tables import float_column
from training_core.models.noise_floor import (
    FLOOR_PERCENTILE,
    MIN_READINGS_OF_A_FLOOR,
    days_of,
    noise_floor,
)
from training_core.models.observation_encoder import LEVEL_CHANNEL
from training_core.models.registry import LOCALIZATION_NET, RECEIVER_SET_NET, Spec

if TYPE_CHECKING:
    from training_core.data.mel import MelParameters
    from training_core.data.splits import Split
    from training_core.data.store import SessionStore
    from training_core.radio.geo import LocalFrame


@dataclass(frozen=True)
class ReceiverSetOptions:
    """What a user chooses about a ReceiverSetNet; the dataset says the rest."""

    channels: tuple[str, ...] = (LEVEL_CHANNEL,)
    detection_margin_db: float = 4.0
    """How far above its noise floor a receiver counts as hearing; 0: every reading does."""
    use_mobile_receivers: bool = True
    width: int = 64
    depth: int = 2
    heads: int = 4
    dropout: float = 0.0
    has_identity: bool = True
    fingerprint_width: int = 256
    fingerprint_depth: int = 2
    receiver_dropout: float = 0.15
    gain_noise_db: float = 3.0
    sigma_floor_m: float = 10.0


def receiver_set_spec(
    store: "SessionStore", split: "Split", frame: "LocalFrame", options: ReceiverSetOptions
) -> Spec:
    """Describe a ReceiverSetNet for a dataset, from its training sessions alone.

    Raises:
        DatasetError: No training session has a label, or nothing was observed in any.
    """
    everyone = store.receiver_ids
    arrays = observation_arrays(store, frame, everyone, options.channels)
    rows = split.train[~np.isnan(arrays.target_m[split.train]).any(axis=1)]
    arrays = arrays.take(rows)
    _refuse_silence(arrays)
    is_mobile = store.receivers["mobile"].to_numpy(zero_copy_only=False).astype(bool)
    is_observed = ~np.isnan(arrays.observation)
    is_present = is_observed.any(axis=2)
    seen = np.zeros(len(everyone), dtype=bool)
    seen[np.unique(arrays.receiver[is_present])] = True
    if not options.use_mobile_receivers:
        seen &= ~is_mobile
    kept = np.flatnonzero(seen)
    new_index = np.full(len(everyone) + 1, -1)
    new_index[kept] = np.arange(len(kept))
    receiver = new_index[arrays.receiver]

    floor, threshold = _floors(arrays, receiver, days_of(store, rows), store, kept, options)
    offset, scale = _normalization(arrays, receiver, floor, threshold)
    places = arrays.position_m[is_present]
    places = places[~np.isnan(places).any(axis=1)]
    center, spread = _center_and_spread(arrays.target_m)
    return {
        "kind": RECEIVER_SET_NET,
        "receiver_ids": [everyone[index] for index in kept],
        "channels": list(options.channels),
        "origin": {"latitude_deg": frame.latitude_deg, "longitude_deg": frame.longitude_deg},
        "receiver_dropout": options.receiver_dropout,
        "gain_noise_db": options.gain_noise_db,
        "encoder": {
            "floor": floor,
            "threshold": threshold,
            "offset": offset,
            "scale": scale,
            "shared_identity": np.flatnonzero(is_mobile[kept]).tolist(),
            "ignore_unknown": not options.use_mobile_receivers,
            "center_m": center,
            "scale_m": _spread(places, center) if len(places) else spread,
        },
        "gaussian": {
            "center_m": center,
            "scale_m": spread,
            "sigma_floor_m": options.sigma_floor_m,
        },
        "sizes": {
            "width": options.width,
            "depth": options.depth,
            "heads": options.heads,
            "dropout": options.dropout,
            "has_identity": options.has_identity,
            "fingerprint_width": options.fingerprint_width,
            "fingerprint_depth": options.fingerprint_depth,
        },
    }


@dataclass(frozen=True)
class LocalizationOptions:
    """What a user chooses about a LocalizationNet."""

    size: str = "tiny"
    freeze_backbone: bool = False
    stochastic_depth: float = 0.1
    dropout: float = 0.0
    head_width: int = 128
    sigma_floor_m: float = 5.0


def localization_spec(
    receiver_ids: list[str],
    mel: "MelParameters",
    spectrograms: NDArray[np.float32],
    target_m: NDArray[np.float32],
    frame: "LocalFrame",
    options: LocalizationOptions,
) -> Spec:
    """Describe a LocalizationNet from its training spectrograms.

    Args:
        receiver_ids: Receivers in the order of the spectrograms" second axis.
        mel: How the spectrograms were computed.
        spectrograms: (sessions, receivers, 128, 32) in dB, NaN where nothing was received.
        target_m: (sessions, 2).
        frame: Where the targets" zero lies.
        options: Size and regularization.

    Raises:
        DatasetError: No session has a label.
    """
    if not len(target_m) or np.isnan(target_m).all():
        raise _no_labels()
    mean, std = _moments(spectrograms.transpose(1, 0, 2, 3).reshape(len(receiver_ids), -1))
    center, spread = _center_and_spread(target_m[~np.isnan(target_m).any(axis=1)])
    sizes: dict[str, Any] = asdict(options)
    sigma_floor_m = sizes.pop("sigma_floor_m")
    return {
        "kind": LOCALIZATION_NET,
        "receiver_ids": list(receiver_ids),
        "receivers": len(receiver_ids),
        "origin": {"latitude_deg": frame.latitude_deg, "longitude_deg": frame.longitude_deg},
        "mel": asdict(mel),
        "mean_db": mean,
        "std_db": std,
        "gaussian": {"center_m": center, "scale_m": spread, "sigma_floor_m": sigma_floor_m},
        "sizes": sizes,
    }


def _floors(
    arrays: ObservationArrays,
    receiver: NDArray[np.int64],
    day: NDArray[np.int64],
    store: "SessionStore",
    kept: NDArray[np.int64],
    options: ReceiverSetOptions,
) -> tuple[list[float], list[float | None]]:
    """Noise floor and hearing threshold of every known receiver, and last of unknown ones.

    The floor is what the dataset states, or else estimated. A receiver with few readings gets
    the highest floor of its kind, fixed or mobile: rather deaf than hearing its own noise.
    """
    if LEVEL_CHANNEL not in arrays.channels:
        return [0.0] * (len(kept) + 1), [None] * (len(kept) + 1)
    level = arrays.observation[:, :, arrays.channels.index(LEVEL_CHANNEL)]
    stated = float_column(store.receivers, "floor_dbm")[kept]
    is_mobile = store.receivers["mobile"].to_numpy(zero_copy_only=False).astype(bool)[kept]
    floor = np.full(len(kept), np.nan)
    for index in range(len(kept)):
        is_reading = (receiver == index) & ~np.isnan(level)
        if not np.isnan(stated[index]):
            floor[index] = stated[index]
        elif is_reading.sum() >= MIN_READINGS_OF_A_FLOOR:
            floor[index] = noise_floor(level[is_reading], day[np.nonzero(is_reading)[0]])
    all_levels = level[~np.isnan(level)]
    overall = float(np.percentile(all_levels, FLOOR_PERCENTILE)) if len(all_levels) else 0.0
    for kind in (is_mobile, ~is_mobile):
        highest = np.nanmax(floor[kind]) if not np.isnan(floor[kind]).all() else overall
        floor[kind & np.isnan(floor)] = highest
    floors = [float(value) for value in floor]
    floors.append(max(floors, default=overall))
    if options.detection_margin_db <= 0.0:
        return floors, [None] * len(floors)
    return floors, [value + options.detection_margin_db for value in floors]


def _normalization(
    arrays: ObservationArrays,
    receiver: NDArray[np.int64],
    floor: list[float],
    threshold: list[float | None],
) -> tuple[list[float], list[float]]:
    offsets, scales = [], []
    for column, name in enumerate(arrays.channels):
        values = arrays.observation[:, :, column].astype(np.float64)
        if name == LEVEL_CHANNEL:
            limits = np.array([-np.inf if limit is None else limit for limit in threshold])
            values = np.where(
                values >= limits[receiver], values - np.array(floor)[receiver], np.nan
            )
        values = values[~np.isnan(values)]
        # Silence is zero, so a level counts from the floor and is never centered.
        offsets.append(0.0 if name == LEVEL_CHANNEL or not len(values) else float(values.mean()))
        spread = float(np.sqrt(np.mean((values - offsets[-1]) ** 2))) if len(values) else 1.0
        scales.append(spread if spread > 0.0 else 1.0)
    return offsets, scales


def _refuse_silence(arrays: ObservationArrays) -> None:
    if not len(arrays):
        raise _no_labels()
    if np.isnan(arrays.observation).all():
        raise DatasetError(
            f"No training session has an observation of {', '.join(arrays.channels)}",
            unharmed="The dataset is unchanged",
            action="Choose channels in data.channels that the dataset has (`data info` lists them)",
        )


def _no_labels() -> DatasetError:
    return DatasetError(
        "No training session has a known position",
        unharmed="The dataset is unchanged",
        action="Import labels, or choose a split whose training part has them",
    )


def _center_and_spread(target_m: NDArray[np.float32]) -> tuple[list[float], float]:
    center = target_m.astype(np.float64).mean(axis=0)
    values = [float(value) for value in center]
    return values, _spread(target_m, values)


def _spread(points: NDArray[np.float32], center: list[float]) -> float:
    squared = np.square(points.astype(np.float64) - np.array(center)).mean()
    return float(max(np.sqrt(squared), 1.0))


def _moments(rows: NDArray[np.float32]) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each row over what is not NaN; 0 and 1 without values."""
    is_known = ~np.isnan(rows)
    counts = np.maximum(is_known.sum(axis=1), 1)
    mean = np.where(is_known, rows, 0.0).sum(axis=1, dtype=np.float64) / counts
    centered = np.where(is_known, rows - mean[:, None], 0.0)
    std = np.sqrt(np.square(centered).sum(axis=1, dtype=np.float64) / counts)
    return mean.tolist(), np.where(std > 0.0, std, 1.0).tolist()
