"""The sections of a configuration: types, ranges, defaults and what each key means."""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from training_core.contract.metric_directions import Direction

_NAME = r"^[^\x00-\x1f\x7f/\\.][^\x00-\x1f\x7f/\\]*$"
_CLASS_PATH = r"^$|^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"
_BUCKET = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
_ALIAS = r"^[\w-]*$"
_RESERVED_ALIAS = re.compile(r"latest|v\d+", re.IGNORECASE)

PATTERN_TEXTS: Final = {
    _NAME: "one line without slashes that does not begin with a dot",
    _CLASS_PATH: "package.module:Class",
    _ALIAS: "letters, digits, underscores and hyphens",
    _BUCKET: "3 to 63 lower-case letters, digits, dots and hyphens",
}
"""What a pattern asks for, in words."""

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=_NAME)]
"""One line that can also be the name of a folder."""
ClassPath = Annotated[str, Field(pattern=_CLASS_PATH)]


def _not_reserved(alias: str) -> str:
    """Refuse what MLflow gives a meaning of its own."""
    if _RESERVED_ALIAS.fullmatch(alias):
        raise PydanticCustomError("reserved", "another word: latest and v3 mean versions already")
    return alias


Alias = Annotated[str, Field(max_length=255, pattern=_ALIAS), AfterValidator(_not_reserved)]
"""An alias of a registered model; empty for none."""
Share = Annotated[float, Field(ge=0.0, lt=1.0)]


class Section(BaseModel):
    """Base of every section: unknown keys are errors, values never change."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class RunSection(Section):
    """What the run is called and how it is seeded."""

    experiment: Name = "heimdall-localization"
    """Experiment that the run belongs to, also in MLflow."""
    name_prefix: Name = "rf-localization"
    """Start of the run's name; the time of its start follows."""
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 42
    """Seed of the weights, the order of examples, augmentation and splits."""
    tags: dict[str, str] = {}
    """Tags of the run, also in MLflow; never a secret."""


class DataSection(Section):
    """What is trained on and how it is split."""

    dataset: str = ""
    """Directory of the dataset, or its name under `datasets/` of the home."""
    split: Name = "place"
    """Split by name: one of the dataset's own, or place, track, date or random."""
    validation_split: Share = 0.2
    """Share of the sessions outside the test split that validate."""
    test_split: Share = 0.15
    """Share of the sessions kept for the test, where the split does not list them."""
    channels: Annotated[
        list[Literal["rssi_dbm", "snr_db", "toa_m", "cfo_hz"]], Field(min_length=1)
    ] = ["rssi_dbm"]
    """What of an observation the network is given."""
    detection_margin_db: Annotated[float, Field(ge=0.0, le=40.0)] = 4.0
    """A receiver counts as hearing this far above its noise floor, decibels."""
    signal: bool = True
    """False trains the no-signal control: every receiver is silent."""
    num_workers: Annotated[int, Field(ge=0, le=256)] = 4
    """Passed to a data.class that takes it; our datasets are held in memory and need no loaders."""
    class_path: ClassPath = Field(default="", alias="class")
    """LightningDataModule of your own, as `package.module:Class`; replaces the dataset."""
    arguments: dict[str, Any] = {}
    """Keyword arguments of that class."""


class ReceiverSetSection(Section):
    """ReceiverSetNet: attention over the receivers that heard the emitter."""

    width: Annotated[int, Field(ge=8, le=2048)] = 64
    """Width of a receiver token."""
    depth: Annotated[int, Field(ge=1, le=24)] = 2
    """Attention blocks."""
    heads: Annotated[int, Field(ge=1, le=32)] = 4
    """Attention heads; they divide the width."""
    dropout: Share = 0.1
    """Dropout inside blocks, fingerprint path and head."""
    has_identity: bool = True
    """Whether every known receiver has a learned embedding."""
    fingerprint_width: Annotated[int, Field(ge=0, le=4096)] = 256
    """Width of the dense path beside the attention; 0 leaves it out."""
    fingerprint_depth: Annotated[int, Field(ge=1, le=8)] = 2
    """Hidden layers of that path."""
    use_mobile_receivers: bool = True
    """Whether receivers that move take part, where they hear something."""
    receiver_dropout: Share = 0.15
    """Share of receivers hidden at random from a training example."""
    gain_noise_db: Annotated[float, Field(ge=0.0, le=30.0)] = 3.0
    """Standard deviation of the gain error added to a receiver in training, decibels."""
    sigma_floor_m: Annotated[float, Field(gt=0.0, le=1e5)] = 10.0
    """Smallest standard deviation that the network may state before calibration, meters."""


class LocalizationNetSection(Section):
    """LocalizationNet: ConvNeXt over a stack of spectrograms."""

    size: Literal["tiny", "small", "base", "large"] = "tiny"
    """ConvNeXt variant."""
    weights: str = ""
    """Published ConvNeXt weight file to start the backbone from."""
    freeze_backbone: bool = False
    """Train the heads only."""
    stochastic_depth: Share = 0.1
    """Share of residual branches skipped in training."""
    sigma_floor_m: Annotated[float, Field(gt=0.0, le=1e5)] = 5.0
    """Smallest standard deviation that the network may state before calibration, meters."""


class ModelSection(Section):
    """The network that is trained."""

    name: Literal["receiver_set_net", "localization_net"] = "receiver_set_net"
    """Network of ours."""
    receiver_set_net: ReceiverSetSection = ReceiverSetSection()
    """Options of ReceiverSetNet."""
    localization_net: LocalizationNetSection = LocalizationNetSection()
    """Options of LocalizationNet."""
    nll_beta: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """Weight of an example by its own standard deviation in the loss (beta-NLL); 0 is the likelihood."""
    class_path: ClassPath = Field(default="", alias="class")
    """LightningModule of your own, as `package.module:Class`; replaces the network."""
    arguments: dict[str, Any] = {}
    """Keyword arguments of that class: plain values, they are stored in checkpoints."""


class OptimizerSection(Section):
    """How weights follow gradients (AdamW)."""

    learning_rate: Annotated[float, Field(gt=0.0, le=10.0)] = 1e-3
    """Learning rate after the warm-up."""
    weight_decay: Annotated[float, Field(ge=0.0, le=10.0)] = 1e-2
    """Decoupled weight decay; biases, norms and embeddings are spared."""
    beta1: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    """Decay of the gradient's mean."""
    beta2: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.999
    """Decay of the gradient's second moment."""
    gradient_clip: Annotated[float, Field(ge=0.0)] = 1.0
    """Largest norm of the gradient; 0 does not clip."""


class ScheduleSection(Section):
    """How the learning rate moves."""

    name: Literal["cosine", "plateau", "constant"] = "cosine"
    """Shape after the warm-up."""
    warmup_share: Share = 0.05
    """Share of all steps over which the learning rate rises from 0."""
    final_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.01
    """Cosine: the last learning rate as a share of the first."""
    plateau_factor: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5
    """Plateau: what the learning rate is multiplied by."""
    plateau_patience: Annotated[int, Field(ge=0)] = 5
    """Plateau: validations without improvement before that."""


class TrainerSection(Section):
    """How long, on what and how precisely."""

    epochs: Annotated[int, Field(ge=1, le=1_000_000_000)] = 100
    """Passes over the training split."""
    max_minutes: Annotated[float, Field(ge=0.0)] = 0.0
    """Training ends after this time, with a checkpoint; 0 has no limit."""
    batch_size: Annotated[int, Field(ge=1, le=1_000_000_000)] = 32
    """Examples a batch and device."""
    accumulate_grad_batches: Annotated[int, Field(ge=1)] = 1
    """Batches an optimizer step."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to train; auto takes a GPU where there is one."""
    devices: Annotated[int, Field(ge=1, le=1024)] = 1
    """How many of them on this machine, one process each; on the CPU, how many processes."""
    num_nodes: Annotated[int, Field(ge=1, le=1024)] = 1
    """How many machines train together; each is started by torchrun."""
    strategy: Literal["auto", "ddp", "ddp_unused_parameters", "fsdp"] = "auto"
    """How several devices share the work; auto takes ddp, fsdp needs GPUs."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    """Number format of the forward and backward pass."""
    validate_every_n_epochs: Annotated[int, Field(ge=1)] = 1
    """Epochs between validations."""


class CheckpointSection(Section):
    """What is kept of the weights."""

    monitor: str = "val/loss"
    """Metric that chooses the best checkpoint."""
    mode: Direction = "min"
    """Whether a small or a large value is good; of a metric of your own it has to be said."""
    keep_best: Annotated[int, Field(ge=1)] = 3
    """Best checkpoints kept, beside the last one, those exported or asked for, and those being read."""
    every_n_minutes: Annotated[float, Field(ge=0.0)] = 10.0
    """Also save when this long has passed, in the middle of an epoch too; 0 does not."""
    directory: str = ""
    """Folder for the checkpoints, in which each run has one of its own; empty means the run's."""
    init_from: str = ""
    """Checkpoint whose weights a new run starts from."""


class EarlyStoppingSection(Section):
    """When to give up."""

    enabled: bool = True
    """Whether to end when the monitored metric no longer improves."""
    patience: Annotated[int, Field(ge=1)] = 10
    """Validations without improvement before that."""
    min_delta: Annotated[float, Field(ge=0.0)] = 0.0
    """Smallest change that counts as one."""


class TrackingSection(Section):
    """Where the run is published (MLflow)."""

    enabled: bool = True
    """Whether the run is published at all."""
    uri: str = ""
    """MLflow server or database; empty means the database of the home."""
    max_points_per_s: Annotated[float, Field(gt=0.0)] = 100.0
    """Points of all metrics together are thinned to this rate; first, last and extremes are kept."""
    log_checkpoints: bool = True
    """Whether the best and the last checkpoint become artifacts."""
    give_up_after_minutes: Annotated[float, Field(gt=0.0)] = 30.0
    """How long after the end of a run its publisher tries to reach a server that is down."""


class StorageSection(Section):
    """Where exported models are stored."""

    endpoint: str = ""
    """Host and port of MinIO or S3, `http://` or `https://` before it; empty means the home."""
    bucket: Annotated[str, Field(pattern=_BUCKET)] = "heimdall-models"
    """Bucket; made when missing."""
    region: str = "us-east-1"
    """Region of the bucket."""


class ExportSection(Section):
    """What happens with a checkpoint at the end."""

    enabled: bool = True
    """Whether it is exported to ONNX and proved."""
    checkpoint: Literal["best", "last"] = "best"
    """Which one is tested and exported; last suits a schedule that anneals on a small validation."""
    opset: Annotated[int, Field(ge=17, le=21)] = 17
    """ONNX operator set."""
    register_model: bool = Field(default=True, alias="register")
    """Whether the export becomes a version of the registered model."""
    model_name: Name = "heimdall-localization"
    """Registered model."""
    alias: Alias = "challenger"
    """Alias that moves to the new version; empty moves none."""
