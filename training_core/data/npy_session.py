"""One session of the layout `{split}/{session}_iq.npy`: arrays and JSON, never a pickle."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from training_core.contract.errors import DatasetError
from training_core.data.sigmf_recording import GeoPoint
from training_core.radio.geo import is_position

IQ_ENDING = "_iq.npy"

_PICKLED = ("_meta.npy", "_meta.npz", "_meta.pkl", "_meta.pickle", "_metadata.npy", "_metadata.pkl")
_MEASURED = ("rssi_dbm", "snr_db", "time_sd_ns", "cfo_hz")


@dataclass(frozen=True)
class NpyReceiver:
    """One row of the IQ array."""

    receiver_id: str
    position: GeoPoint | None = None
    measured: dict[str, float] = field(default_factory=dict)
    toa_ns: int | None = None


@dataclass(frozen=True)
class NpySession:
    """Everything the files of one session say."""

    iq: NDArray[np.complex64]
    """(receivers, samples)"""
    receivers: list[NpyReceiver]
    emitter: GeoPoint | None
    sample_rate_hz: float
    center_frequency_hz: float | None
    time_ns: int | None
    track: str | None


def read_npy_session(iq_path: Path, sample_rate_hz: float | None) -> NpySession:
    """Read `<session>_iq.npy` and what lies beside it.

    Args:
        iq_path: The IQ: complex (receivers, samples) or real (receivers, 2, samples).
        sample_rate_hz: For metadata that do not say.

    Raises:
        DatasetError: An array or the metadata are not as described, hold NaN, or would
            have to be unpickled.
    """
    stem = iq_path.name.removesuffix(IQ_ENDING)
    iq = _iq(iq_path)
    meta_path = iq_path.with_name(f"{stem}_meta.json")
    meta = _meta(meta_path, iq_path, stem)
    rate = _first(meta, "sample_rate_hz", "sample_rate", "fs") or sample_rate_hz
    if rate is None:
        raise _refusal(
            f"The sample rate of {iq_path} is not known",
            f"{meta_path.name} does not say" if meta else f"There is no {meta_path.name}",
            "Write sample_rate_hz into the metadata, or give --sample-rate-hz",
        )
    try:
        return NpySession(
            iq=iq,
            receivers=_receivers(meta, len(iq), meta_path),
            emitter=_label(iq_path.with_name(f"{stem}_label.npy")),
            sample_rate_hz=_positive(rate, "sample_rate_hz"),
            center_frequency_hz=_number(
                _first(meta, "center_frequency_hz", "center_frequency", "frequency")
            ),
            time_ns=_time(_first(meta, "time", "timestamp", "datetime")),
            track=None if meta.get("track") is None else str(meta["track"]),
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise _refusal(
            f"{meta_path} is not as described in docs/data.md", str(error), "Correct the file"
        ) from error


def _array(path: Path) -> NDArray[Any]:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        pickled = "pickle" in str(error).lower()
        raise _refusal(
            f"{path} cannot be read",
            "It holds pickled objects, and unpickling runs whatever code they name"
            if pickled
            else f"It is damaged or not a .npy file ({error})",
            "Save a plain array of numbers: numpy.save(file, array, allow_pickle=False)",
        ) from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fciu":
        raise _refusal(f"{path} holds no numbers", "", "Save a plain array of numbers")
    return array


def _iq(path: Path) -> NDArray[np.complex64]:
    array = _array(path)
    if array.dtype.kind != "c" and array.ndim == 3 and array.shape[1] == 2:
        array = array[:, 0] + np.complex64(1j) * array[:, 1]
    if array.dtype.kind != "c" or array.ndim != 2:
        raise _refusal(
            f"{path} has the shape {array.shape} and the type {array.dtype}",
            "IQ is complex (receivers, samples) or real (receivers, 2, samples)",
            "Save it in one of these forms",
        )
    if 0 in array.shape:
        raise _refusal(f"{path} is empty", f"Its shape is {array.shape}", "Leave the session out")
    iq = array.astype(np.complex64)
    bad = ~np.isfinite(iq)
    if bad.any():
        row, sample = np.unravel_index(int(np.argmax(bad)), bad.shape)
        raise _refusal(
            f"{path} holds NaN or infinity",
            f"{int(bad.sum())} samples, the first is sample {sample} of receiver {row}",
            "Leave the session out, or set a receiver that was silent to zeros",
        )
    return iq


def _label(path: Path) -> GeoPoint | None:
    if not path.exists():
        return None
    values = _array(path).astype(np.float64).ravel()
    if len(values) not in (2, 3) or not np.isfinite(values).all():
        raise _refusal(
            f"{path} is no position",
            f"It holds {values.tolist()!r:.80}",
            "A label is latitude, longitude and perhaps altitude, without NaN",
        )
    latitude, longitude = float(values[0]), float(values[1])
    if not bool(is_position(latitude, longitude)):
        exchanged = bool(is_position(longitude, latitude))
        raise _refusal(
            f"{path} is not on Earth: latitude {latitude:g}, longitude {longitude:g}",
            "Latitude and longitude look exchanged" if exchanged else "It is out of range",
            "A label is latitude, longitude in this order",
        )
    return GeoPoint(latitude, longitude, float(values[2]) if len(values) == 3 else None)


def _meta(path: Path, iq_path: Path, stem: str) -> dict[str, Any]:
    if path.exists():
        try:
            meta = orjson.loads(path.read_bytes())
        except (OSError, orjson.JSONDecodeError) as error:
            raise _refusal(f"{path} cannot be read as JSON", str(error), "Correct it") from error
        if not isinstance(meta, dict):
            raise _refusal(f"{path} is not an object", "", "See docs/data.md for its keys")
        return meta
    for ending in _PICKLED:
        pickled = iq_path.with_name(f"{stem}{ending}")
        if pickled.exists():
            raise _refusal(
                f"The metadata {pickled} are refused",
                "They are pickled, and unpickling runs whatever code they name",
                f"Write them as JSON to {path.name}, on the machine that you trust them on",
            )
    return {}


def _receivers(meta: dict[str, Any], rows: int, path: Path) -> list[NpyReceiver]:
    listed = _first(meta, "receivers", "stations", "websdrs")
    if listed is None:
        return [NpyReceiver(f"rx{row}") for row in range(rows)]
    if not isinstance(listed, list) or len(listed) != rows:
        count = len(listed) if isinstance(listed, list) else "no list of"
        raise _refusal(
            f"{path} describes {count} receivers and the IQ has {rows}",
            "They belong together row by row",
            "Describe every row of the IQ, in its order",
        )
    receivers = [_receiver(entry, row) for row, entry in enumerate(listed)]
    names = [receiver.receiver_id for receiver in receivers]
    if len(set(names)) < rows:
        raise ValueError(f"two receivers of one session have the same id: {sorted(names)}")
    return receivers


def _receiver(entry: Any, row: int) -> NpyReceiver:
    if not isinstance(entry, dict):
        raise ValueError(f"receiver {row} is {entry!r:.40}, not an object")
    name = _first(entry, "receiver_id", "id", "name")
    latitude = _number(_first(entry, "latitude_deg", "latitude", "lat"))
    longitude = _number(_first(entry, "longitude_deg", "longitude", "lon"))
    position = None
    if latitude is not None and longitude is not None:
        if not bool(is_position(latitude, longitude)):
            raise ValueError(f"receiver {row} is not on Earth: {latitude:g}, {longitude:g}")
        altitude = _number(_first(entry, "altitude_m", "altitude", "alt"))
        position = GeoPoint(latitude, longitude, altitude)
    toa = entry.get("toa_ns")
    measured = {key: value for key in _MEASURED if (value := _number(entry.get(key))) is not None}
    return NpyReceiver(
        receiver_id=f"rx{row}" if name is None else str(name),
        position=position,
        measured=measured,
        toa_ns=None if toa is None else round(toa),
    )


def _first(values: dict[str, Any], *keys: str) -> Any:
    return next((values[key] for key in keys if values.get(key) is not None), None)


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise ValueError(f"{value!r:.40} is no number")
    return float(value)


def _positive(value: Any, name: str) -> float:
    number = _number(value)
    if number is None or number <= 0:
        raise ValueError(f"{name} is {value!r}, not a positive number")
    return number


def _time(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, str):
        moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        since = moment - datetime(1970, 1, 1, tzinfo=UTC)
        return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000
    number = _number(value)
    return None if number is None else round(number * 1e9)


def _refusal(what: str, why: str, action: str) -> DatasetError:
    return DatasetError(what, why=why, unharmed="Nothing was written", action=action)
