"""On the measured campus data, who was running is invisible to the network.

The published split leaks the recording session through it: a network that sees no signal
strength at all, only who was running, beats the centroid by a third.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from training_core.data.features import observation_arrays
from training_core.data.import_wide import import_wide
from training_core.data.mapping import WideMapping, load_mapping
from training_core.data.splits import Split, make_split
from training_core.data.store import SessionStore
from training_core.models.noise_floor import days_of
from training_core.models.observation_encoder import ObservationEncoder
from training_core.models.registry import network_from_spec
from training_core.models.specs import ReceiverSetOptions, receiver_set_spec


@pytest.fixture(scope="module")
def campus(
    shared_data: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> SessionStore:
    source = shared_data / "powder_frs_rss"
    if not source.is_dir():
        pytest.skip(f"no measured campus data in {shared_data}")
    mapping = load_mapping(repository / "examples" / "mappings" / "powder.toml")
    assert isinstance(mapping, WideMapping)
    return import_wide(source, tmp_path_factory.mktemp("campus") / "powder", mapping)


@pytest.fixture(scope="module")
def grid(campus: SessionStore) -> Split:
    return make_split(campus, "grid", validation_split=0.1, test_split=0.15, seed=0)


@pytest.mark.parametrize("use_mobile_receivers", [False, True])
def test_noise_of_any_day_is_never_heard(
    campus: SessionStore, grid: Split, use_mobile_receivers: bool
) -> None:
    options = ReceiverSetOptions(use_mobile_receivers=use_mobile_receivers)
    spec = receiver_set_spec(campus, grid, campus.frame, options)
    arrays = observation_arrays(campus, campus.frame, spec["receiver_ids"], spec["channels"])
    day = days_of(campus, np.arange(len(arrays)))
    noise = arrays.observation[:, :, 0].copy()
    # Replay the noise of each receiver and day in place of its readings: its weakest ones,
    # where they lie as close together as noise does. Who runs when stays as it was.
    for receiver in range(len(spec["receiver_ids"])):
        for one in np.unique(day):
            here = (arrays.receiver == receiver) & (day == one)[:, None] & ~np.isnan(noise)
            if here.sum() < 20:
                noise[here] = np.nan
                continue
            low, above = np.percentile(noise[here], [5, 30])
            if above - low >= 2.5:
                noise[here] = np.nan
                continue
            weakest = noise[here][noise[here] <= above]
            noise[here] = np.resize(weakest, int(here.sum()))
    assert (~np.isnan(noise)).sum() > 10_000
    replayed = replace(arrays, observation=noise[:, :, None])
    network = network_from_spec(spec).eval()
    encoder = network.encoder
    assert isinstance(encoder, ObservationEncoder)
    heard = encoder(*map(torch.from_numpy, replayed.inputs().values())).is_heard
    assert heard.sum().item() <= 0.002 * (~np.isnan(noise)).sum()
    real = encoder(*map(torch.from_numpy, arrays.inputs().values())).is_heard
    assert real.sum(dim=1).float().mean().item() > 5


def test_no_signal_control_answers_one_point_for_everybody(
    campus: SessionStore, grid: Split
) -> None:
    spec = receiver_set_spec(campus, grid, campus.frame, ReceiverSetOptions())
    arrays = observation_arrays(campus, campus.frame, spec["receiver_ids"], spec["channels"])
    network = network_from_spec(spec).eval()
    silent = arrays.without_signal().inputs().values()
    mean, cholesky = network(*map(torch.from_numpy, silent))
    assert (mean - mean[0]).abs().max().item() < 1e-2
    assert (cholesky - cholesky[0]).abs().max().item() < 1e-2
