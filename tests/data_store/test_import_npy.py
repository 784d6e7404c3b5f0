import hashlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import sigmf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from training_core.contract.errors import DatasetError
from training_core.contract.jobs import ImportNpyArguments
from training_core.data import jobs
from training_core.data.import_npy import import_npy
from training_core.data.sigmf_recording import read_recording
from training_core.data.splits import make_split

RECEIVERS = [
    {"id": "roof", "latitude": 45.0, "longitude": 7.0, "altitude": 300.0, "snr_db": 12.5},
    {"id": "mast", "lat": 45.1, "lon": 7.1, "toa_ns": 1_657_131_022_123_456_789},
]


def noise(seed: int, receivers: int = 2, samples: int = 64) -> NDArray[np.complex64]:
    random = np.random.default_rng(seed)
    values = random.normal(size=(receivers, samples)) + 1j * random.normal(
        size=(receivers, samples)
    )
    return values.astype(np.complex64)


def write_session(
    folder: Path,
    name: str,
    iq: NDArray[Any],
    label: Any = (45.05, 7.05, 250.0),
    **meta: Any,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{name}_iq.npy", iq)
    if label is not None:
        np.save(folder / f"{name}_label.npy", np.asarray(label))
    described = {"sample_rate_hz": 200_000, "receivers": RECEIVERS, **meta}
    (folder / f"{name}_meta.json").write_bytes(orjson.dumps(described))


def test_arrays_become_recordings(tmp_path: Path) -> None:
    source = tmp_path / "source"
    first, second = noise(1), noise(2)
    second[1] = 0
    as_real = np.stack([second.real, second.imag], axis=1)
    write_session(
        source / "train",
        "0001",
        first,
        frequency=145.5e6,
        time="2026-01-01T00:00:00.123456Z",
        track="walk",
    )
    write_session(source / "validation", "0001", as_real, label=(45.06, 7.06))
    write_session(source / "test", "0001", noise(3), label=None)
    write_session(source / "test", "0002", noise(4))
    store = import_npy(source, tmp_path / "set", name="iq")
    assert store.session_ids == ["test-0001", "test-0002", "train-0001", "validation-0001"]
    assert store.receivers.select(["receiver_id", "latitude_deg", "mobile"]).to_pylist() == [
        {"receiver_id": "roof", "latitude_deg": 45.0, "mobile": False},
        {"receiver_id": "mast", "latitude_deg": 45.1, "mobile": False},
    ]
    assert store.info.notes == {"silent_receivers": 1}
    assert store.sessions["altitude_m"].to_pylist() == [None, 250.0, 250.0, None]
    assert store.sessions["time"].cast("int64").to_pylist()[2] == 1_767_225_600_123_456_000
    rows = {(r["session_id"], r["receiver_id"]): r for r in store.observations.to_pylist()}
    assert len(rows) == 7
    assert ("validation-0001", "mast") not in rows
    assert rows["train-0001", "roof"]["snr_db"] == 12.5
    assert rows["train-0001", "mast"]["toa_ns"] == 1_657_131_022_123_456_789
    iq, rate = read_recording(store.path / rows["train-0001", "mast"]["iq"])
    assert rate == 200_000.0
    assert np.array_equal(iq, first[1])
    iq, _ = read_recording(store.path / rows["validation-0001", "roof"]["iq"])
    assert np.array_equal(iq, second[0])
    split = make_split(store, "imported", validation_split=0.2, test_split=0.2, seed=0)
    assert [part.tolist() for part in (split.train, split.val, split.test)] == [[2], [3], [1]]


def test_the_package_sigmf_reads_and_validates_every_recording(tmp_path: Path) -> None:
    iq = noise(1)
    write_session(
        tmp_path / "source" / "train", "a b", iq, center_frequency_hz=145.5e6, time=1767225600.5
    )
    store = import_npy(tmp_path / "source", tmp_path / "set")
    references = store.observations["iq"].to_pylist()
    assert references == ["iq/train-a_b/00-roof.sigmf-meta", "iq/train-a_b/01-mast.sigmf-meta"]
    for row, reference in enumerate(references):
        recording = sigmf.fromfile(store.path / reference)
        recording.validate()
        assert np.array_equal(recording.read_samples(), iq[row])
        assert recording.sample_rate == 200_000
        capture = recording.get_captures()[0]
        assert capture["core:geolocation"]["coordinates"][:2] == [7.0 + row * 0.1, 45.0 + row * 0.1]
        assert capture["core:datetime"] == "2026-01-01T00:00:00.500000000Z"
        emitter = recording.get_annotations()[0]["signal:emitter"]
        assert emitter["geolocation"] == {"type": "Point", "coordinates": [7.05, 45.05, 250.0]}


def test_a_damaged_recording_is_noticed(tmp_path: Path) -> None:
    write_session(tmp_path / "source", "a", noise(1))
    store = import_npy(tmp_path / "source", tmp_path / "set")
    meta = store.path / store.observations["iq"][0].as_py()
    data = meta.with_suffix(".sigmf-data")
    data.write_bytes(data.read_bytes()[:-8])
    with pytest.raises(DatasetError, match="SHA-512"):
        read_recording(meta)
    data.unlink()
    with pytest.raises(DatasetError, match="cannot be read"):
        read_recording(meta)


def test_a_receiver_that_moves_keeps_its_positions(tmp_path: Path) -> None:
    for number in range(2):
        place = [{"id": "car", "lat": 45.0 + number, "lon": 7.0}, RECEIVERS[0]]
        write_session(tmp_path / "source", str(number), noise(number), receivers=place)
    store = import_npy(tmp_path / "source", tmp_path / "set")
    assert store.receivers["mobile"].to_pylist() == [True, False]
    assert store.observations["latitude_deg"].to_pylist() == [45.0, None, 46.0, None]
    assert store.session_ids == ["0", "1"]
    assert not store.info.splits


class Trap:
    """Leaves a mark where somebody unpickles it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("ending", ["_meta.npy", "_meta.pkl", "_label.npy", "_iq.npy"])
def test_pickles_are_refused_and_never_opened(tmp_path: Path, ending: str) -> None:
    source, mark = tmp_path / "source", tmp_path / "mark"
    write_session(source, "a", noise(1))
    trap = np.array([Trap(mark)], dtype=object)
    if ending.startswith("_meta"):
        (source / "a_meta.json").unlink()
    if ending.endswith(".npy"):
        np.save(source / f"a{ending}", trap, allow_pickle=True)
    else:
        (source / f"a{ending}").write_bytes(pickle.dumps(Trap(mark)))
    with pytest.raises(DatasetError, match="unpickling runs whatever code they name"):
        import_npy(source, tmp_path / "set", sample_rate_hz=1e6)
    assert not mark.exists()
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".partial") == []


def test_json_is_read_and_a_pickle_beside_it_is_left_alone(tmp_path: Path) -> None:
    source, mark = tmp_path / "source", tmp_path / "mark"
    write_session(source, "a", noise(1))
    np.save(source / "a_meta.npy", np.array([Trap(mark)], dtype=object), allow_pickle=True)
    store = import_npy(source, tmp_path / "set")
    assert store.receiver_ids == ["roof", "mast"]
    assert not mark.exists()


def test_without_metadata_receivers_are_numbered(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_session(source, "a", noise(1))
    (source / "a_meta.json").unlink()
    with pytest.raises(DatasetError, match="sample rate of"):
        import_npy(source, tmp_path / "set")
    store = import_npy(source, tmp_path / "set", sample_rate_hz=48_000.0)
    assert store.receiver_ids == ["rx0", "rx1"]
    assert read_recording(store.path / store.observations["iq"][0].as_py())[1] == 48_000.0


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"iq": np.full((2, 8), np.nan + 0j)}, "NaN or infinity"),
        ({"iq": np.zeros((2, 3, 8))}, "complex .receivers, samples. or real"),
        ({"iq": np.zeros((0, 8), dtype=complex)}, "is empty"),
        ({"iq": np.array(["a", "b"])}, "holds no numbers"),
        ({"label": (111.8, 40.7)}, "look exchanged"),
        ({"label": (95.0, 200.0)}, "not on Earth"),
        ({"label": (45.0, np.nan)}, "is no position"),
        ({"label": (45.0,)}, "is no position"),
        ({"receivers": RECEIVERS[:1]}, "describes 1 receivers and the IQ has 2"),
        ({"receivers": [RECEIVERS[0], RECEIVERS[0]]}, "have the same id"),
        ({"receivers": [RECEIVERS[0], {"lat": 99, "lon": 7}]}, "not on Earth"),
        ({"sample_rate_hz": -1}, "not a positive number"),
        ({"time": "noon"}, "not as described"),
    ],
)
def test_what_is_not_as_described_is_refused(
    tmp_path: Path, change: dict[str, Any], match: str
) -> None:
    write_session(tmp_path / "source", "a", **{"iq": noise(1), **change})
    with pytest.raises(DatasetError, match=match):
        import_npy(tmp_path / "source", tmp_path / "set")
    assert not (tmp_path / "set").exists()


@pytest.mark.faults
def test_truncated_and_absent_files_are_named(tmp_path: Path) -> None:
    source = tmp_path / "source"
    with pytest.raises(DatasetError, match="There is no folder"):
        import_npy(source, tmp_path / "set")
    source.mkdir()
    with pytest.raises(DatasetError, match="it is empty"):
        import_npy(source, tmp_path / "set")
    write_session(source, "a", noise(1))
    file = source / "a_iq.npy"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(DatasetError, match="damaged or not"):
        import_npy(source, tmp_path / "set")


def test_the_job_says_what_was_made(tmp_path: Path) -> None:
    write_session(tmp_path / "source", "a", noise(1))
    arguments = ImportNpyArguments(source=tmp_path / "source", target=tmp_path / "set")
    result = jobs.import_npy(arguments)
    assert (result["sessions"], result["receivers"], result["observations"]) == (1, 2, 2)


def test_the_fingerprint_covers_the_samples(tmp_path: Path) -> None:
    found = set()
    for seed in range(2):
        write_session(tmp_path / f"source{seed}", "a", noise(seed))
        found.add(
            import_npy(tmp_path / f"source{seed}", tmp_path / f"{seed}", name="x").fingerprint
        )
    assert len(found) == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(st.integers(1, 4), st.integers(1, 50), st.booleans(), st.integers(0, 2**32 - 1))
def test_any_array_comes_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, receivers: int, samples: int, real: bool, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("npy")
    iq = noise(seed, receivers, samples)
    given_array = np.stack([iq.real, iq.imag], axis=1) if real else iq
    meta = [{"id": f"r{row}"} for row in range(receivers)]
    write_session(folder / "source", "a", given_array, receivers=meta)
    store = import_npy(folder / "source", folder / "set")
    for row, reference in enumerate(store.observations["iq"].to_pylist()):
        found, _ = read_recording(store.path / reference)
        assert np.array_equal(found, iq[row])
        described = orjson.loads((store.path / reference).read_bytes())["global"]
        assert described["core:sha512"] == hashlib.sha512(iq[row].tobytes()).hexdigest()
