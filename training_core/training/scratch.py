"""A training that leaves nothing behind: the pipeline of a run in a folder that is removed."""

import logging
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytorch_lightning as pl

from training_core.contract.config import Config
from training_core.contract.config_file import ConfigSource, validate
from training_core.contract.config_template import render_resolved
from training_core.contract.run_dir import RunInfo, create_run
from training_core.contract.run_log import RunLogWriter
from training_core.contract.toml_text import parse_toml
from training_core.training.control import StopControl
from training_core.training.pipeline import TrainingPipeline


def config_of_text(text: str) -> Config:
    """The configuration of a job's arguments.

    Raises:
        ConfigError: It is none.
    """
    return validate(ConfigSource(parse_toml(text)))


@contextmanager
def scratch_pipeline(config: Config) -> Iterator[TrainingPipeline]:
    """A pipeline in a temporary folder, on one device, with the run's seed.

    Several devices would be several processes of this job; what is tried here, each of them
    does the same.
    """
    checkpoint = config.checkpoint.model_copy(update={"directory": ""})
    alone = {"devices": 1, "num_nodes": 1, "strategy": "auto"}
    trainer = config.trainer.model_copy(update=alone)
    config = config.model_copy(update={"checkpoint": checkpoint, "trainer": trainer})
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    pl.seed_everything(config.run.seed, verbose=False)
    info = RunInfo(id="scratch", name="scratch", experiment="scratch", created=time.time())
    with tempfile.TemporaryDirectory(prefix="heimdall-") as folder:
        run = create_run(Path(folder), info, render_resolved(config))
        with RunLogWriter(run.log_path) as log, warnings.catch_warnings():
            # Advice that depends on the machine; Lightning cannot know our sampler.
            warnings.filterwarnings("ignore", ".*does not have many workers.*")
            warnings.filterwarnings("ignore", ".*your dataloader is not resumable.*")
            yield TrainingPipeline(run, log, StopControl())
