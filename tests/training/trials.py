"""Configurations of trials, as a job is given them."""

from pathlib import Path

from tests.training.conftest import BASE
from training_core.contract.config_file import apply_overrides, read_source, validate
from training_core.contract.config_template import render_resolved

OWN = """
[data]
class = "tests.training.own_classes:Numbers"
[model]
class = "tests.training.own_classes:Line"
[trainer]
epochs = 4
accelerator = "cpu"
[tracking]
enabled = false
"""


def config_text(folder: Path, *overrides: str, base: str = BASE) -> str:
    """The resolved configuration, with `section.key=value` changes."""
    path = folder / "trial.toml"
    path.write_text(base)
    return render_resolved(validate(apply_overrides(read_source(path), overrides)))
