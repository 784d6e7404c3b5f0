"""Looking at the splits of a dataset: can they be made, and how much do they leak?"""

import math
from typing import Any

from training_core.contract.errors import DatasetError
from training_core.data.findings import Finding, Severity
from training_core.data.leakage import WITHIN_M, WITHIN_S, leakage
from training_core.data.splits import make_split
from training_core.data.store import SessionStore

VALIDATION_SPLIT = 0.2
TEST_SPLIT = 0.15
SEED = 42
"""The shares and the seed of a configuration that says nothing."""

LEAKING_SHARE = 0.5
"""A split of which so much stands beside the training tells little."""


def check_splits(store: SessionStore, name: str = "") -> tuple[list[Finding], dict[str, Any]]:
    """Make every split that the dataset names, or one, and measure its leakage.

    Returns:
        The findings, and by split the sizes of its parts and its leakage.
    """
    names = [name] if name else (list(store.info.splits) or ["place"])
    findings: list[Finding] = []
    described: dict[str, Any] = {}
    close = f"within {WITHIN_M:g} m"
    if store.sessions["time"].null_count < store.sessions.num_rows:
        close += f" and {WITHIN_S:g} s"
    for one in names:
        try:
            split = make_split(
                store, one, validation_split=VALIDATION_SPLIT, test_split=TEST_SPLIT, seed=SEED
            )
        except DatasetError as error:
            findings.append(Finding("error", f"split {one}: {error.what}", 1, (error.why,)))
            continue
        measured = leakage(store, split)
        described[one] = {
            "train": len(split.train),
            "val": len(split.val),
            "test": len(split.test),
            "leaking": split.leaking,
            "note": split.note,
            **{key: None if math.isnan(value) else value for key, value in measured.items()},
        }
        for part in ("val", "test"):
            share = measured[f"{part}_share"]
            if math.isnan(share) or share == 0.0:
                continue
            severity: Severity = "warning" if share > LEAKING_SHARE else "info"
            what = f"split {one}: {share:.0%} of {part} lie {close} of a training session"
            findings.append(
                Finding(severity, what, round(share * len(split.part(part))), (split.note,))
            )
    return findings, described
