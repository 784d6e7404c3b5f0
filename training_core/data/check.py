"""Looking for what makes a dataset unfit for training, or is at least odd."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from training_core.contract.errors import DatasetError
from training_core.data.findings import MAX_EXAMPLES, Finding, finding
from training_core.data.store import SessionStore
from training_core.data.summary import measured
from training_core.data.tables import MEASUREMENTS, float_column, index_of
from training_core.radio.geo import is_position

FAR_KM = 5000.0
"""A label farther than this from every receiver was not heard by them on VHF or above."""
MAGIC_SHARE = 0.2
"""A smallest value that so many observations share is a word for "nothing", not a measurement."""

MAX_NAMED_RECEIVERS = 200

_EARTH_RADIUS_KM = 6371.0

Mask = NDArray[np.bool_]


def check_tables(store: SessionStore) -> list[Finding]:
    """Everything that is wrong or odd about the tables, the worst first."""
    found = [item for check in (*_ERRORS, *_ODDITIES) for item in check(store)]
    rank = {"error": 0, "warning": 1, "info": 2}
    return sorted(found, key=lambda item: rank[item.severity])


def refuse_unusable(store: SessionStore) -> None:
    """Refuse a dataset on which nothing can be trained or evaluated.

    Raises:
        DatasetError: It has errors; `data check` lists them all.
    """
    errors = [item for check in _ERRORS for item in check(store)]
    if not errors:
        return
    first = errors[0]
    raise DatasetError(
        f"The dataset {store.info.name} is unfit for training: {first.what} ({first.count})",
        why=f"For example {', '.join(first.examples)}" if first.examples else "",
        unharmed="Nothing was started and the dataset is unchanged",
        action=f"See all with `heimdall-console data check {store.path}`"
        + (f"; {len(errors) - 1} more kinds of error were found" if len(errors) > 1 else ""),
    )


def _ids(store: SessionStore) -> list[Finding]:
    found = []
    for name, table, columns in (
        ("sessions", store.sessions, ("session_id",)),
        ("receivers", store.receivers, ("receiver_id",)),
        ("observations", store.observations, ("session_id", "receiver_id")),
    ):
        for column in columns:
            null = pc.is_null(table[column]).to_numpy(zero_copy_only=False)
            rows = [f"row {row}" for row in np.flatnonzero(null).tolist()]
            found += finding("error", f"{name} without a {column}", rows)
    for name, ids in (
        ("session", store.sessions["session_id"]),
        ("receiver", store.receivers["receiver_id"]),
    ):
        counts = pc.value_counts(ids)
        repeated = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
        found += finding("error", f"{name} ids that stand more than once", repeated.to_pylist())
    for column, ids in (
        ("session_id", store.sessions["session_id"]),
        ("receiver_id", store.receivers["receiver_id"]),
    ):
        unknown = index_of(store.observations[column], ids) < 0
        names = pc.unique(store.observations[column].filter(pa.array(unknown)))
        found += finding("error", f"{column}s of observations that no table has", names.to_pylist())
    return found


def _labels(store: SessionStore) -> list[Finding]:
    latitude = float_column(store.sessions, "latitude_deg")
    longitude = float_column(store.sessions, "longitude_deg")
    ids = _names(store.sessions, "session_id")
    null = [
        pc.is_null(store.sessions[name]).to_numpy(zero_copy_only=False)
        for name in ("latitude_deg", "longitude_deg")
    ]
    known = ~null[0] & ~null[1]
    impossible = known & ~is_position(latitude, longitude)
    what = "labels that are not on Earth"
    if impossible.any() and is_position(longitude[impossible], latitude[impossible]).all():
        what += " (latitude and longitude look exchanged)"
    pairs = [
        f"{name}: {a:g}, {b:g}"
        for name, a, b in zip(
            ids[impossible], latitude[impossible], longitude[impossible], strict=True
        )
    ]
    found = finding("error", what, pairs)
    found += finding("error", "labels of which one half is missing", ids[null[0] != null[1]])
    if not known.any():
        found += [Finding("error", "no session is labeled", store.sessions.num_rows)]
    return found


def _positions(store: SessionStore) -> list[Finding]:
    found: list[Finding] = []
    for name, table in (("receivers", store.receivers), ("observations", store.observations)):
        latitude = float_column(table, "latitude_deg")
        longitude = float_column(table, "longitude_deg")
        given = _given(table, "latitude_deg") | _given(table, "longitude_deg")
        nowhere = (latitude == 0.0) & (longitude == 0.0)
        bad = given & (nowhere | ~is_position(latitude, longitude))
        names = _names(table, "receiver_id")[bad]
        pairs = [
            f"{one}: {a:g}, {b:g}"
            for one, a, b in zip(names, latitude[bad], longitude[bad], strict=True)
        ]
        found += finding("error", f"impossible positions of receivers in {name}", pairs)
    return found


def _not_finite(store: SessionStore) -> list[Finding]:
    found: list[Finding] = []
    for name, key, table in (
        ("receivers", "receiver_id", store.receivers),
        ("sessions", "session_id", store.sessions),
        ("observations", "session_id", store.observations),
    ):
        for field in table.schema:
            if not pa.types.is_floating(field.type):
                continue
            bad = _given(table, field.name) & ~np.isfinite(float_column(table, field.name))
            found += finding(
                "error", f"{field.name} of {name} that is NaN or infinite", _names(table, key)[bad]
            )
    return found


def _nothing_measured(store: SessionStore) -> list[Finding]:
    if measured(store.observations).any():
        return []
    return [Finding("error", "no observation holds a measurement", store.observations.num_rows)]


def _recordings(store: SessionStore) -> list[Finding]:
    references = pc.unique(store.observations["iq"].drop_null()).to_pylist()
    return finding(
        "error",
        "IQ recordings that are not there",
        [name for name in references if not (store.path / name).is_file()],
    )


def _unheard(store: SessionStore) -> list[Finding]:
    heard = measured(store.observations)
    receiver = index_of(store.observations["receiver_id"], store.receivers["receiver_id"])
    session = index_of(store.observations["session_id"], store.sessions["session_id"])
    found: list[Finding] = []
    for what, table, key, index in (
        ("receivers that were never heard from", store.receivers, "receiver_id", receiver),
        ("sessions that no receiver heard", store.sessions, "session_id", session),
    ):
        silent = np.ones(table.num_rows, dtype=np.bool_)
        silent[index[heard & (index >= 0)]] = False
        # Every silent receiver is named: a person may be able to switch it on.
        most = MAX_NAMED_RECEIVERS if key == "receiver_id" else MAX_EXAMPLES
        found += finding("warning", what, _names(table, key)[silent], most)
    return found


def _duplicates(store: SessionStore) -> list[Finding]:
    observations = store.observations
    repeated = _repeated(observations.select(["session_id", "receiver_id"]))
    pairs = [
        f"{session} at {receiver}"
        for session, receiver in zip(
            _names(observations, "session_id")[repeated],
            _names(observations, "receiver_id")[repeated],
            strict=True,
        )
    ]
    found = finding("warning", "further observations of a session by the same receiver", pairs)
    timed = store.sessions.filter(pc.is_valid(store.sessions["time"]))
    twice = _repeated(timed.select(["time", "latitude_deg", "longitude_deg"]))
    found += finding(
        "warning",
        "sessions at the time and place of another",
        _names(timed, "session_id")[twice],
    )
    return found


def _repeated(table: pa.Table) -> Mask:
    """Rows that equal an earlier row."""
    if table.num_rows == 0:
        return np.zeros(0, dtype=np.bool_)
    numbered = table.append_column("row", pa.array(np.arange(table.num_rows)))
    first = numbered.group_by(table.column_names).aggregate([("row", "min")])["row_min"]
    repeated = np.ones(table.num_rows, dtype=np.bool_)
    repeated[first.to_numpy()] = False
    return repeated


def _far_labels(store: SessionStore) -> list[Finding]:
    latitude = float_column(store.sessions, "latitude_deg")
    longitude = float_column(store.sessions, "longitude_deg")
    labeled = is_position(latitude, longitude)
    ids = _names(store.sessions, "session_id")
    found = finding(
        "warning",
        "labels at 0, 0",
        ids[labeled & (latitude == 0.0) & (longitude == 0.0)],
    )
    found += finding(
        "info", "sessions without a label", ids[~_given(store.sessions, "latitude_deg")]
    )
    stations = [
        np.stack(
            [float_column(table, "latitude_deg"), float_column(table, "longitude_deg")], axis=1
        )
        for table in (store.receivers, store.observations)
    ]
    points = np.concatenate(stations)
    points = points[is_position(points[:, 0], points[:, 1])]
    if len(points) == 0:
        return [*found, Finding("info", "no receiver has a position", store.receivers.num_rows)]
    # The chord through the Earth orders distances as the arc does.
    nearest = np.zeros(len(ids))
    nearest[labeled], _ = cKDTree(_on_sphere(points)).query(
        _on_sphere(np.stack([latitude[labeled], longitude[labeled]], axis=1))
    )
    chord = 2.0 * np.sin(FAR_KM / _EARTH_RADIUS_KM / 2.0)
    what = f"labels more than {FAR_KM:,.0f} km from every receiver"
    return found + finding("warning", what, ids[nearest > chord])


def _on_sphere(points: NDArray[np.float64]) -> NDArray[np.float64]:
    north, east = np.radians(points.T)
    return np.stack(
        [np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)], axis=1
    )


def _magic_numbers(store: SessionStore) -> list[Finding]:
    found: list[Finding] = []
    for name in MEASUREMENTS:
        values = store.observations[name].drop_null()
        if name == "iq" or len(values) < 100:
            continue
        numbers = float_column(pa.table({name: values}), name)
        low = numbers.min()
        share = float((numbers == low).mean())
        if MAGIC_SHARE < share < 1.0:
            found.append(
                Finding(
                    "warning",
                    f'{name} of {low:g} looks like a word for "not observed" ({share:.0%})',
                    int((numbers == low).sum()),
                )
            )
    return found


def _given(table: pa.Table, column: str) -> Mask:
    given: Mask = pc.is_valid(table[column]).to_numpy(zero_copy_only=False)
    return given


def _names(table: pa.Table, column: str) -> NDArray[np.object_]:
    names: NDArray[np.object_] = np.array(table[column].to_pylist(), dtype=object)
    return names


_Check = Callable[[SessionStore], list[Finding]]
_ERRORS: tuple[_Check, ...] = (
    _ids,
    _labels,
    _positions,
    _not_finite,
    _nothing_measured,
    _recordings,
)
_ODDITIES: tuple[_Check, ...] = (_unheard, _duplicates, _far_labels, _magic_numbers)
