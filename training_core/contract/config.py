"""The configuration of a run: one declaration for validation, help, template and schema."""

import difflib
import re
from typing import Self

from pydantic import model_validator

from training_core.contract.metric_directions import KNOWN_DIRECTIONS, known_direction
from training_core.contract.sections import (
    CheckpointSection,
    DataSection,
    EarlyStoppingSection,
    ExportSection,
    ModelSection,
    OptimizerSection,
    RunSection,
    ScheduleSection,
    Section,
    StorageSection,
    TrackingSection,
    TrainerSection,
)

_SECRET_WORDS = re.compile(r"password|secret|token|access_key|api_key|credential", re.IGNORECASE)


class Config(Section):
    """The whole configuration of a run."""

    run: RunSection = RunSection()
    """What the run is called and how it is seeded."""
    data: DataSection = DataSection()
    """What is trained on and how it is split."""
    model: ModelSection = ModelSection()
    """The network that is trained."""
    optimizer: OptimizerSection = OptimizerSection()
    """How weights follow gradients."""
    schedule: ScheduleSection = ScheduleSection()
    """How the learning rate moves."""
    trainer: TrainerSection = TrainerSection()
    """How long, on what and how precisely."""
    checkpoint: CheckpointSection = CheckpointSection()
    """What is kept of the weights."""
    early_stopping: EarlyStoppingSection = EarlyStoppingSection()
    """When to give up."""
    tracking: TrackingSection = TrackingSection()
    """Where the run is published."""
    storage: StorageSection = StorageSection()
    """Where exported models are stored."""
    export: ExportSection = ExportSection()
    """What happens with a checkpoint at the end."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = combination_problems(self)
        if problems:
            raise CombinationError(problems)
        return self


class CombinationError(ValueError):
    """Keys that are each valid and impossible together: (dotted key, message) pairs."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{key}: {message}" for key, message in problems))


def _direction_problems(config: Config) -> list[tuple[str, str]]:
    """Nobody guesses which way a metric is better: the wrong one keeps the worst checkpoints."""
    monitor, mode = config.checkpoint.monitor, config.checkpoint.mode
    is_said = "mode" in config.checkpoint.model_fields_set
    known = known_direction(monitor)
    if known is None and not is_said:
        near = difflib.get_close_matches(monitor, KNOWN_DIRECTIONS, n=1, cutoff=0.8)
        hint = f"; or did you mean {near[0]}?" if near else ""
        said = f"expected min or max: are small or large values of {monitor} good{hint or '?'}"
        return [("checkpoint.mode", said)]
    if known not in (None, mode) and not (is_said and config.model.class_path):
        size = "small" if known == "min" else "large"
        return [("checkpoint.mode", f"{size} values of {monitor} are good; expected {known}")]
    return []


def combination_problems(config: Config) -> list[tuple[str, str]]:
    """What cannot be true together in a configuration whose keys are valid one by one."""
    found: list[tuple[str, str]] = []
    found += _direction_problems(config)
    own_model, own_data = bool(config.model.class_path), bool(config.data.class_path)
    if own_model and not own_data:
        found.append(
            ("data.class", "is needed with model.class: that model cannot read our datasets")
        )
    if own_data and not own_model:
        found.append(
            ("model.class", "is needed with data.class: our networks read our datasets only")
        )
    if own_data and config.data.dataset:
        found.append(("data.dataset", "has no meaning with data.class"))
    if config.data.arguments and not own_data:
        found.append(("data.arguments", "has no meaning without data.class"))
    if config.model.arguments and not own_model:
        found.append(("model.arguments", "has no meaning without model.class"))
    options = config.model.receiver_set_net
    if options.width % options.heads:
        found.append(
            (
                "model.receiver_set_net.heads",
                f"must divide the width, {options.width}; expected 1, 2, 4, …",
            )
        )
    if config.trainer.strategy == "fsdp" and config.trainer.accelerator == "cpu":
        found.append(("trainer.strategy", "fsdp needs GPUs; expected auto or ddp"))
    if config.trainer.validate_every_n_epochs > config.trainer.epochs:
        found.append(
            (
                "trainer.validate_every_n_epochs",
                f"must not exceed trainer.epochs, {config.trainer.epochs}: "
                "checkpoints are saved at validations",
            )
        )
    if config.trainer.precision == "16-mixed" and config.trainer.accelerator == "cpu":
        found.append(("trainer.precision", "16-mixed needs a GPU; expected 32-true or bf16-mixed"))
    if not config.data.signal and config.model.name != "receiver_set_net":
        found.append(("data.signal", "the no-signal control exists for receiver_set_net only"))
    if not own_data and config.data.validation_split == 0.0:
        found.append(
            (
                "data.validation_split",
                "must be above 0: checkpoints are chosen on the validation split",
            )
        )
    if len(set(config.data.channels)) != len(config.data.channels):
        found.append(("data.channels", "names a channel twice"))
    for key in config.run.tags:
        if _SECRET_WORDS.search(key):
            found.append(
                (f"run.tags.{key}", "looks like a secret; tags are published, use the environment")
            )
    for place, uri in (
        ("tracking.uri", config.tracking.uri),
        ("storage.endpoint", config.storage.endpoint),
    ):
        if "@" in uri.partition("://")[2].partition("/")[0]:
            found.append((place, "holds a password; use the environment or the credentials file"))
    if config.storage.endpoint and not config.storage.endpoint.startswith(("http://", "https://")):
        found.append(("storage.endpoint", "expected http:// or https:// before the host"))
    return found
