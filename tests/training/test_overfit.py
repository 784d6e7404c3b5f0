"""Learning one batch by heart: networks of ours, a model of one's own, and what cannot learn."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.training.own_classes import Line, Pair
from tests.training.trials import OWN, config_text
from training_core.contract.errors import HeimdallError
from training_core.contract.jobs import OverfitArguments
from training_core.training.overfit import overfit_batch
from training_core.training.verdict import judge

pytestmark = pytest.mark.slow


def learned(text: str, steps: int = 150) -> dict[str, Any]:
    return overfit_batch(OverfitArguments(config=text, steps=steps))


def test_a_network_of_ours_learns_a_batch_in_meters(
    campus: Path, tmp_path: Path, isolated_home: Path
) -> None:
    result = learned(
        config_text(
            tmp_path,
            f"data.dataset={campus}",
            "model.receiver_set_net.width=64",
            "optimizer.learning_rate=3e-3",
        )
    )
    assert result["learned"], result["verdict"]
    assert result["judged"] == "position_error_m"
    assert result["examples"] == 32
    assert len(result["losses"]) == len(result["errors_m"]) == result["steps"] == 150
    assert result["last"] < 0.1 * result["first"]
    assert not isolated_home.exists()


def test_the_same_batch_is_learned_in_the_same_way_twice(campus: Path, tmp_path: Path) -> None:
    text = config_text(tmp_path, f"data.dataset={campus}")
    assert learned(text, 20)["losses"] == learned(text, 20)["losses"]


def test_silence_cannot_be_learned(campus: Path, tmp_path: Path) -> None:
    result = learned(config_text(tmp_path, f"data.dataset={campus}", "data.signal=false"))
    assert not result["learned"]
    assert result["look_at"]


def test_a_model_of_ones_own_learns_by_its_loss(tmp_path: Path) -> None:
    result = learned(config_text(tmp_path, base=OWN), 400)
    assert result["judged"] == "loss"
    assert result["examples"] == 8
    assert result["own_model"]
    assert result["learned"], result["verdict"]


class Frozen(Line):
    """A layer takes part in nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = torch.nn.Linear(2, 2)
        self.shift = torch.nn.Parameter(torch.zeros(()))

    def training_step(self, batch: Pair, batch_idx: int) -> Tensor:
        answer: Tensor = self.layer(batch[0]).detach()
        return answer.square().mean() + 0.0 * self.shift


class Silent(Line):
    """Returns no loss."""

    def training_step(self, batch: Pair, batch_idx: int) -> None:  # type: ignore[override]
        return None


def test_parameters_without_a_gradient_are_named(tmp_path: Path) -> None:
    text = config_text(tmp_path, "model.class=tests.training.test_overfit:Frozen", base=OWN)
    result = learned(text, 20)
    assert not result["learned"]
    assert "layer.weight" in result["without_gradient"]
    assert "no gradient" in result["look_at"][0]


@pytest.mark.filterwarnings("ignore:`training_step` returned `None`:UserWarning")
def test_a_step_without_a_loss_is_an_error(tmp_path: Path) -> None:
    text = config_text(tmp_path, "model.class=tests.training.test_overfit:Silent", base=OWN)
    with pytest.raises(HeimdallError, match="no loss"):
        learned(text, 20)


def test_a_loss_that_breaks_ends_the_trial(tmp_path: Path) -> None:
    result = learned(config_text(tmp_path, "model.arguments={nan_at=5}", base=OWN), 50)
    assert not result["learned"]
    assert "nan at step 6" in result["verdict"]
    assert result["last"] is None
    assert len(result["losses"]) == 6


@pytest.mark.parametrize(
    ("values", "is_learned", "said"),
    [
        ([10.0 * 0.9**step for step in range(100)], True, "learned"),
        ([10.0 - step * 0.01 for step in range(100)], False, "still falling"),
        ([10.0] * 100, False, "stayed where it was"),
        ([10.0 + step for step in range(100)], False, "rose"),
        ([10.0 if step < 10 else 5.0 for step in range(100)], False, "fell and then stayed"),
        ([-1.0 - 0.1 * step for step in range(100)], True, "learned"),
    ],
)
def test_the_course_of_a_loss_is_judged(values: list[float], is_learned: bool, said: str) -> None:
    verdict = judge(values, [], None, [])
    assert verdict.learned == is_learned
    assert said in verdict.verdict
    assert bool(verdict.look_at) == (not is_learned)


def test_an_error_below_what_the_network_may_state_is_as_good_as_none() -> None:
    assert judge([1.0] * 20, [50.0] + [9.0] * 19, 10.0, []).learned
    assert not judge([1.0] * 20, [50.0] + [9.0] * 19, 1.0, []).learned
