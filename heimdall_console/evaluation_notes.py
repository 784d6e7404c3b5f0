"""What belongs beside the numbers of an evaluation: split, leakage, warnings."""

from typing import Any, Final

from heimdall_console.checkpoint_text import Pair
from heimdall_console.evaluation_spread import (
    GROUPS,
    calibration_groups,
    comparison_text,
    over_bound_texts,
    resampled_text,
)
from heimdall_console.evaluation_text import METHOD_NAMES
from heimdall_console.evaluations import Evaluation, split_text
from heimdall_console.formatting import age, meters, number, percent, plain

_LEAKAGE: Final = (
    ("test_share", "test sessions near a training one"),
    ("val_share", "validation sessions near one"),
    ("test_nearest_m", "nearest of a test session"),
    ("val_nearest_m", "nearest of a validation one"),
)


def note_sections(evaluation: Evaluation, now: float) -> list[tuple[str, list[Pair]]]:
    """Warnings first, then what was measured, then how near training and judging lie."""
    job, result = evaluation.job, evaluation.result
    sections: list[tuple[str, list[Pair]]] = []
    if job.error is not None:
        error = job.error
        parts = [("error", error.what), ("why", error.why), ("next", error.action)]
        sections.append(("", [(label, plain(text)) for label, text in parts if text]))
    if evaluation.warnings:
        sections.append(("beware", [("!", plain(text)) for text in evaluation.warnings]))
    if comparison := comparison_text(result, METHOD_NAMES):
        pairs = [("", comparison)]
        if resampled := resampled_text(result):
            pairs.append(("", resampled))
        sections.append(("beside the best other", pairs))
    facts = [("model", plain(job.arguments.get("model", "")))]
    if result.get("version"):
        facts.append(("version", plain(result["version"])))
    if result.get("run_id"):
        facts.append(("run", plain(result["run_id"])))
    if said := split_text(evaluation):
        facts.append(("sessions", said))
    if result.get("neighbors"):
        facts.append(("neighbors", f"{plain(result['neighbors'])} nearest ones by power"))
    share = result.get("trained_on_share")
    if isinstance(share, int | float):
        facts.append(("trained on", f"{percent(share)} of these sessions"))
    facts.append(("evaluated", age(now - job.created)))
    sections.append(("", facts))
    leakage = result.get("leakage")
    if isinstance(leakage, dict):
        sections.append(("how near training lies", _leakage_pairs(leakage)))
    metrics = evaluation.methods.get("network", {}).get("metrics", {})
    stated = [(n, metrics.get(f"coverage_{n}")) for n in (50, 90, 95)]
    pairs = [(f"{n} % ellipse", f"holds {percent(v)}") for n, v in stated if v is not None]
    if isinstance(metrics.get("nll"), int | float):
        pairs.append(("likelihood", f"negative log {number(metrics['nll'])}"))
    pairs += over_bound_texts(result)
    sections.append(("uncertainty", pairs))
    for key, title in GROUPS:
        held = [
            (group, f"50 %: {half}, 90 %: {most}, {sessions} sessions")
            for group, sessions, half, most in calibration_groups(result, key)
        ]
        if held:
            sections.append((f"ellipses hold, by {title}", held))
    return sections


def _leakage_pairs(leakage: dict[str, Any]) -> list[Pair]:
    found = []
    for key, label in _LEAKAGE:
        value = leakage.get(key)
        if isinstance(value, int | float):
            found.append((meters(value) if key.endswith("_m") else percent(value), label))
    return found
