"""One receiver's IQ as a SigMF recording: written by the specification, read whole."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from training_core.contract.errors import DatasetError

SIGMF_VERSION = "1.2.0"
META_SUFFIX = ".sigmf-meta"
DATA_SUFFIX = ".sigmf-data"

_DATATYPE = "cf32_le"
_EXTENSIONS = [
    {"name": "signal", "version": "1.0.0", "optional": True},
    {"name": "heimdall", "version": "1.0.0", "optional": True},
]


@dataclass(frozen=True)
class GeoPoint:
    """A position in WGS-84."""

    latitude_deg: float
    longitude_deg: float
    altitude_m: float | None = None

    def as_geojson(self) -> dict[str, Any]:
        """GeoJSON Point: longitude comes first."""
        coordinates = [self.longitude_deg, self.latitude_deg]
        if self.altitude_m is not None:
            coordinates.append(self.altitude_m)
        return {"type": "Point", "coordinates": coordinates}


@dataclass(frozen=True)
class RecordingFacts:
    """What is known about a recording beside its samples."""

    session_id: str
    receiver_id: str
    sample_rate_hz: float
    center_frequency_hz: float | None = None
    time_ns: int | None = None
    """First sample, nanoseconds since 1970 UTC."""
    receiver: GeoPoint | None = None
    emitter: GeoPoint | None = None


def write_recording(meta_path: Path, iq: NDArray[np.complex64], facts: RecordingFacts) -> None:
    """Write `<name>.sigmf-meta` and `<name>.sigmf-data`.

    Args:
        meta_path: Path of the metadata; the samples lie beside it.
        iq: (samples,) complex baseband.
        facts: Where, when and how it was recorded; the emitter goes into the
            `signal` extension.
    """
    content = np.ascontiguousarray(iq, dtype="<c8").tobytes()
    capture: dict[str, Any] = {"core:sample_start": 0}
    if facts.center_frequency_hz is not None:
        capture["core:frequency"] = facts.center_frequency_hz
    if facts.time_ns is not None:
        capture["core:datetime"] = _rfc3339(facts.time_ns)
    if facts.receiver is not None:
        capture["core:geolocation"] = facts.receiver.as_geojson()
    annotations = []
    if facts.emitter is not None:
        annotations.append(
            {
                "core:sample_start": 0,
                "core:sample_count": len(iq),
                "signal:emitter": {"geolocation": facts.emitter.as_geojson()},
            }
        )
    meta = {
        "global": {
            "core:datatype": _DATATYPE,
            "core:version": SIGMF_VERSION,
            "core:sample_rate": facts.sample_rate_hz,
            "core:num_channels": 1,
            "core:sha512": hashlib.sha512(content).hexdigest(),
            "core:recorder": "heimdall-console data import",
            "core:extensions": _EXTENSIONS,
            "heimdall:session_id": facts.session_id,
            "heimdall:receiver_id": facts.receiver_id,
        },
        "captures": [capture],
        "annotations": annotations,
    }
    meta_path.parent.mkdir(parents=True, exist_ok=True)
    meta_path.with_suffix(DATA_SUFFIX).write_bytes(content)
    meta_path.write_bytes(orjson.dumps(meta, option=orjson.OPT_INDENT_2))


def read_recording(meta_path: Path) -> tuple[NDArray[np.complex64], float]:
    """Samples (samples,) and sample rate in hertz of a recording that was imported.

    Raises:
        DatasetError: A file is missing or damaged, or of a datatype that imports never write.
    """
    try:
        meta = orjson.loads(meta_path.read_bytes())
        datatype = meta["global"]["core:datatype"]
        rate = float(meta["global"]["core:sample_rate"])
        content = meta_path.with_suffix(DATA_SUFFIX).read_bytes()
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise _unreadable(meta_path, f"{type(error).__name__}: {error}") from error
    if datatype != _DATATYPE:
        raise _unreadable(meta_path, f"Its datatype is {datatype}, not {_DATATYPE}")
    expected = meta["global"].get("core:sha512")
    if expected and hashlib.sha512(content).hexdigest() != expected:
        raise _unreadable(meta_path, "The samples are not those that were recorded (SHA-512)")
    return np.frombuffer(content, dtype="<c8").astype(np.complex64), rate


def _rfc3339(time_ns: int) -> str:
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    # As integers: a float64 second has no nanoseconds left.
    moment = datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{nanoseconds:09d}Z"


def _unreadable(path: Path, why: str) -> DatasetError:
    return DatasetError(
        f"The recording {path} cannot be read",
        why=why,
        unharmed="Nothing was changed",
        action="Import the recordings again",
    )
