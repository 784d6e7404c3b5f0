"""How a preflight and the learning of one batch read."""

from typing import Any

import pytest

from heimdall_console.formatting import cell_width
from heimdall_console.overfit_text import overfit_lines
from heimdall_console.preflight_text import preflight_lines
from heimdall_console.terminal import Terminal


def check(status: str = "ok", why: str = "", action: str = "", **figures: Any) -> dict[str, Any]:
    return {"status": status, "figures": figures, "why": why, "action": action}


RESULT: dict[str, Any] = {
    "status": "failed",
    "checks": {
        "device": check(name="NVIDIA H100", present=2, wanted=2, nodes=1),
        "training": check(
            parameters=1200,
            trained_parameters=1000,
            device="cuda:0",
            precision="bf16-mixed",
            step_s=0.0042,
            step_low_s=0.004,
            step_high_s=0.005,
            steps_measured=40,
            data_wait_share=0.02,
        ),
        "memory": check(
            kind="torch",
            peak_bytes=3_000_000_000,
            reserved_bytes=4_000_000_000,
            available_bytes=80_000_000_000,
            total_bytes=85_000_000_000,
        ),
        "duration": check(
            "warning",
            why="The loaders do not say how many batches an epoch has",
            epochs=10,
            predicted_s=None,
        ),
        "tracking": check("failed", "MLflow\x1b[2J does not answer", "Start it", uri="http://x"),
        "storage": check("skipped", "The run registers no model"),
    },
}


@pytest.mark.parametrize("width", [60, 100, 160])
def test_checks_are_aligned_and_fit_the_terminal(width: int) -> None:
    lines = preflight_lines(RESULT, Terminal(width=width))
    assert all(cell_width(line) < width for line in lines)
    text = "\n".join(lines)
    starts = {
        line.index(name) for name in RESULT["checks"] for line in lines if f" {name} " in line[:22]
    }
    assert starts == {10}
    assert "\x1b" not in text
    assert "not ready: tracking" in text


def test_figures_stand_with_their_units() -> None:
    text = " ".join(" ".join(preflight_lines(RESULT, Terminal(width=100))).split())
    assert "1,000 parameters and 200 frozen on cuda:0, bf16-mixed" in text
    assert "a step takes 4.2 ms (4.0 ms to 5.0 ms" in text
    assert "2.8 GiB of the GPU at most, 3.7 GiB reserved" in text
    assert "skipped storage The run registers no model." in text
    assert "Start it." in text


def overfit(**changes: Any) -> dict[str, Any]:
    return {
        "learned": False,
        "verdict": "It stayed where it was",
        "look_at": ["one thing", "another"],
        "judged": "loss",
        "losses": [2.0, 1.5, None],
        "errors_m": [],
        "examples": None,
        "device": "cpu",
        "own_model": True,
    } | changes


def test_a_broken_loss_is_drawn_up_to_there() -> None:
    text = "\n".join(overfit_lines(overfit(), Terminal(width=80)))
    assert "2.000 to NaN" in text
    assert "not learned: It stayed where it was" in text
    assert "- another" in text


def test_a_curve_without_unicode_is_ascii() -> None:
    result = overfit(losses=[2.0, 1.0], learned=True, verdict="The model learned the batch")
    assert "\n".join(overfit_lines(result, Terminal(width=80, unicode=False))).isascii()


def test_nothing_finite_is_said() -> None:
    assert " no finite value" in overfit_lines(overfit(losses=[None]), Terminal(width=80))
