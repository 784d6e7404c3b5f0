"""The mappings under examples/ on the real sets; skipped, with the reason, where these are absent."""

from pathlib import Path

import pytest

from training_core.contract.jobs import DatasetArguments, ImportTableArguments
from training_core.data.jobs import check, import_long_csv, import_wide_csv
from training_core.data.leakage import leakage
from training_core.data.splits import make_split
from training_core.data.store import open_store


def arguments(source: Path, repository: Path, name: str, target: Path) -> ImportTableArguments:
    if not source.is_dir():
        pytest.skip(f"no measured data in {source}")
    mapping = repository / "examples" / "mappings" / f"{name}.toml"
    return ImportTableArguments(source=source, mapping=mapping, target=target)


def test_powder(shared_data: Path, repository: Path, tmp_path: Path) -> None:
    source = shared_data / "powder_frs_rss"
    result = import_wide_csv(arguments(source, repository, "powder", tmp_path / "set"))
    assert (result["sessions"], result["receivers"]) == (4655, 40)
    assert result["counts"]["impossible_mobile_positions"] == 165
    store = open_store(tmp_path / "set")
    assert sum(store.receivers["mobile"].to_pylist()) == 11
    split = make_split(store, "grid", validation_split=0.2, test_split=0.15, seed=42)
    assert len(split.test) == 666
    assert len(split.train) + len(split.val) == 3989
    # Validation is about as far from the training as the published test.
    close = leakage(store, split)
    assert abs(close["val_share"] - close["test_share"]) < 0.1
    result = check(DatasetArguments(dataset=tmp_path / "set"))
    assert result["errors"] == 0


def test_lorawan(shared_data: Path, repository: Path, tmp_path: Path) -> None:
    source = shared_data / "lorawan_antwerp_rssi"
    result = import_wide_csv(arguments(source, repository, "lorawan", tmp_path / "set"))
    assert (result["sessions"], result["receivers"]) == (8306, 72)
    store = open_store(tmp_path / "set")
    assert store.receivers["latitude_deg"].null_count == 72
    assert min(store.observations["rssi_dbm"].to_pylist()) > -200
    assert check(DatasetArguments(dataset=tmp_path / "set"))["errors"] == 0


def test_locards(shared_data: Path, repository: Path, tmp_path: Path) -> None:
    source = shared_data / "locards_adsb_toa"
    result = import_long_csv(arguments(source, repository, "locards", tmp_path / "set"))
    assert (result["sessions"], result["observations"]) == (997, 5 * 997)
    store = open_store(tmp_path / "set")
    assert store.observations["toa_ns"].null_count == 0
    assert store.receivers["latitude_deg"].null_count == 0
    assert check(DatasetArguments(dataset=tmp_path / "set", split="track"))["errors"] == 0
