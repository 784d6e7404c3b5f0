"""One run, readable from top to bottom: data, network, training, judgement, export."""

import logging
import warnings
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning import Callback
from torch import nn

from training_core.contract.checkpoints import checkpoint_folder
from training_core.contract.config_file import load_config
from training_core.contract.errors import (
    CheckpointError,
    DivergedError,
    OutOfMemoryError,
    StoppedError,
)
from training_core.contract.home import ensure_folder
from training_core.contract.resume_request import ResumeRequest
from training_core.contract.run_dir import RunDir, RunInfo
from training_core.contract.run_log import RunLogWriter
from training_core.contract.run_status import RunStatus
from training_core.models.own_module import own_data, own_module
from training_core.models.registry import network_from_spec
from training_core.models.restore import (
    load_checkpoint,
    load_weights,
    network_state,
)
from training_core.training.activity import Activity
from training_core.training.activity_meter import ActivityMeter
from training_core.training.alerts import out_of_memory_alert
from training_core.training.beat import Beat
from training_core.training.checkpoint_io import AtomicCheckpointIO
from training_core.training.checkpoint_keeper import CheckpointKeeper
from training_core.training.control import StopControl
from training_core.training.dataset import LoadedDataset, load_dataset
from training_core.training.devices import lost_rank, refuse_absent_device
from training_core.training.examples import initialize, network_spec_and_examples
from training_core.training.hooks import RunHooks
from training_core.training.inbox import CommandInbox
from training_core.training.judges import early_stopping_reason, validation_judges
from training_core.training.lit_module import PositionModule, refuse_unknown_monitor
from training_core.training.memory import one_step, out_of_memory
from training_core.training.recording import MetricsRecorder
from training_core.training.results import RunResults
from training_core.training.resuming import ResumeAnnouncer, resume_point
from training_core.training.sampling import Place
from training_core.training.seeding import BatchSeeder
from training_core.training.session_data import SessionData
from training_core.training.steering import Steering
from training_core.training.time_left import TrainingTime
from training_core.training.trainer import lightning_trainer


class TrainingPipeline:
    """Trains what a run directory asks for and leaves its results there.

    Call `run`, or its steps in their order.

    Args:
        run: Directory of the run.
        log: The run's log; the caller holds the run's lock.
        control: What a person asks for while it trains.
        resume: Checkpoint of this run to go on from, and what changes with it.
    """

    def __init__(
        self,
        run: RunDir,
        log: RunLogWriter,
        control: StopControl,
        resume: ResumeRequest | None = None,
    ) -> None:
        self.run_dir = run
        self.info: RunInfo = run.read_info()
        self.config = load_config(run.config_path)
        self.log = log
        self.control = control
        self.resume = resume
        self.dataset: LoadedDataset | None = None
        self.spec: dict[str, Any] | None = None
        self.data: pl.LightningDataModule
        self.module: pl.LightningModule
        self.trainer: pl.Trainer
        self.judges: list[Callback]
        self.recorder: MetricsRecorder
        self.keeper: CheckpointKeeper
        self.inbox = CommandInbox(run, log)
        self.activity = Activity()
        self.has_trained = False
        self.ended_early = ""
        """Why early stopping ended the training; empty where it did not."""

    def run(self) -> None:
        """Do all of it.

        Raises:
            HeimdallError: What a person can do something about; the run directory says more.
        """
        refuse_absent_device(self.config.trainer)
        # What Lightning has to say is in our log; its hints and tips are not for this file.
        logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
        pl.seed_everything(self.config.run.seed, verbose=False)
        self.load_data()
        self.create_lightning_module()
        self.create_trainer()
        self.train()
        if self.trainer.is_global_zero:
            self.export_and_register()

    def load_data(self) -> None:
        """Read the dataset, check it, split it and shape it for the network."""
        if self.config.data.class_path:
            options = self.config.data
            self.data = own_data(options.class_path, options.arguments, options.num_workers)
            return
        refuse_unknown_monitor(self.config.checkpoint.monitor)
        self._report("load data", 0, 1)
        self.dataset = load_dataset(self.config, self.log)
        self.spec, examples = network_spec_and_examples(
            self.config, self.dataset.store, self.dataset.split
        )
        self.data = SessionData(
            examples,
            self.dataset.split,
            self.config.trainer.batch_size,
            self.config.run.seed,
            self._place,
        )
        self._report("load data", 1, 1)

    def create_lightning_module(self) -> None:
        """Make the network, with the weights of another checkpoint where asked for."""
        network: nn.Module
        if self.spec is None:
            network = self.module = own_module(
                self.config.model.class_path, self.config.model.arguments
            )
        else:
            network = ours = network_from_spec(self.spec)
            initialize(ours, self.config)
            self.module = PositionModule(ours, self.config)
        if self.config.checkpoint.init_from:
            path = Path(self.config.checkpoint.init_from)
            checkpoint = load_checkpoint(path)
            is_ours = self.spec is not None
            load_weights(
                network, network_state(checkpoint) if is_ours else checkpoint["state_dict"], path
            )

    def create_trainer(self) -> None:
        """Make Lightning's trainer with our callbacks and checkpoints."""
        config = self.config
        beat = Beat(self.inbox.take, self.control)
        files = AtomicCheckpointIO()
        training_time = TrainingTime(config.trainer.max_minutes)
        self.recorder = recorder = MetricsRecorder(
            self.log, self._session_ids(), beat, self.control, training_time
        )
        ensure_folder(checkpoint_folder(self.run_dir, config.checkpoint.directory))
        self.keeper = CheckpointKeeper(
            self.run_dir, config.checkpoint, self.log, recorder, files, self._origin()
        )
        steering = Steering(
            self.inbox,
            beat,
            self.control,
            self.keeper,
            self.activity,
            self.log,
            training_time,
        )
        # Those that judge a validation come before the one that saves: its checkpoint holds
        # their state.
        self.judges = validation_judges(config, has_own_schedule=self.spec is not None)
        judges = [*self.judges, self.keeper]
        parts: list[Callback] = [BatchSeeder(config.run.seed), recorder, *judges, steering]
        parts.append(ActivityMeter(self.activity, self.keeper.folder))
        epochs = config.trainer.epochs
        if self.resume is not None:
            point = resume_point(self.resume, self._origin())
            parts.insert(0, ResumeAnnouncer(self.run_dir, self.log, point, steering))
            epochs = point.epochs or epochs
        self.trainer = lightning_trainer(
            config.trainer,
            RunHooks(parts, beat, self.control, judges),
            files,
            epochs=epochs,
            folder=self.run_dir.path,
            # A module that steps its optimizers itself also clips and accumulates itself.
            gradient_clip=config.optimizer.gradient_clip if self._is_automatic else None,
            accumulate=config.trainer.accumulate_grad_batches if self._is_automatic else 1,
            # Our own data know their rank; loaders of a module of one's own are given theirs.
            shares_loaders=self.spec is None,
        )
        parameters = sum(parameter.numel() for parameter in self.module.parameters())
        self.log.append(
            "message",
            level="info",
            text=f"{parameters:,} parameters on {self.trainer.strategy.root_device}",
        )

    def train(self) -> None:
        """Fit, from the beginning or from a checkpoint of this run.

        Raises:
            DivergedError: The loss became NaN or infinite.
            StoppedError: A person asked to stop; a checkpoint was saved.
            OutOfMemoryError: The batch does not fit; says which would.
            CheckpointError: The checkpoint is unreadable or of another model.
        """
        try:
            with warnings.catch_warnings():
                if self.spec is not None:
                    # Our sampler goes on inside an epoch; Lightning cannot know.
                    warnings.filterwarnings("ignore", ".*your dataloader is not resumable.*")
                    # Every rank validates on the whole split: there is nothing to average.
                    warnings.filterwarnings("ignore", ".*sync_dist=True.*")
                warnings.filterwarnings("ignore", ".*does not have many workers.*")
                # Lightning's own, of torch: nobody who reads a run's output can act on it.
                warnings.filterwarnings("ignore", ".*LeafSpec.*")
                self.trainer.fit(
                    self.module,
                    datamodule=self.data,
                    ckpt_path=(self.resume.checkpoint or None) if self.resume else None,
                    weights_only=True,
                )
        except DivergedError as error:
            best = self.keeper.chosen()
            error.unharmed = (
                f"The checkpoint {self.keeper.folder / best.file} of step {best.step} is good"
                if best
                else "No checkpoint had been saved yet"
            )
            raise
        except torch.OutOfMemoryError as error:
            # Trying smaller batches is no stall.
            self.activity.end()
            advice = self.batch_that_fits(error)
            out_of_memory_alert(advice).write(self.log, self.trainer.global_step)
            raise advice from error
        except RuntimeError as error:
            lost = lost_rank(error, self.run_dir) if self.trainer.world_size > 1 else None
            if lost is None:
                raise
            raise lost from error
        finally:
            self.activity.end()
        self.has_trained = True
        if self.trainer.is_global_zero and self.keeper.chosen() is None:
            raise CheckpointError(
                "The training ended without a checkpoint",
                why=f"None could be saved in {self.keeper.folder}",
                unharmed="The metrics are in the run's log",
                action="Free some space or make the folder writable, and run again",
            )
        self.ended_early = early_stopping_reason(
            self.judges,
            epochs=self.trainer.max_epochs or 0,
            validate_every_n_epochs=self.config.trainer.validate_every_n_epochs,
            best=self.keeper.chosen(),
        )
        self.log.append(
            "state",
            status=RunStatus.RUNNING,
            reason=self.ended_early or "the training is over",
            summary=self.summary(),
        )

    def batch_that_fits(self, error: torch.OutOfMemoryError) -> OutOfMemoryError:
        """The error for a person after a step that did not fit, with the batch size that does."""
        return out_of_memory(
            error,
            self.config.trainer.batch_size,
            lambda size: one_step(self.trainer, self.module, self.data, size),
        )

    def export_and_register(self) -> None:
        """Judge the chosen checkpoint in meters, export it and ask for its registration.

        Publishing is the publisher's work: a slow server does not hold the run.
        """
        chosen = self.keeper.chosen(self.config.export.checkpoint)
        if chosen is None:
            return
        checkpoint = self.keeper.folder / chosen.file
        results = RunResults(self.run_dir, self.log, checkpoint, chosen, self._report)
        if self.dataset is not None and len(self.dataset.split.test):
            results.evaluate(self.dataset.store.path)
        if self.config.export.enabled:
            results.export(self.config.export, self._proof_rows())

    def summary(self) -> dict[str, Any]:
        """What the run reached, for its last record; empty before there is a trainer."""
        if not hasattr(self, "trainer"):
            return {}
        best = self.keeper.chosen()
        monitor = self.config.checkpoint.monitor
        return {
            "step": self.trainer.global_step,
            "epoch": self.trainer.current_epoch,
            "epochs": self.trainer.max_epochs,
            "total_steps": self.recorder.total_steps,
            "monitor": monitor,
            "best": best.model_dump()["metrics"].get(monitor) if best else None,
            "metrics": best.model_dump()["metrics"] if best else {},
        }

    @property
    def _is_automatic(self) -> bool:
        return self.module.automatic_optimization

    def _proof_rows(self) -> object:
        if isinstance(self.data, SessionData):
            return self.data.proof_inputs()
        return next(iter(self.data.val_dataloader()))

    def _origin(self) -> dict[str, Any]:
        config = self.config
        return {
            "network": self.spec,
            "model_class": config.model.class_path,
            "model_arguments": config.model.arguments,
            "data_class": config.data.class_path,
            "data_arguments": config.data.arguments,
            "run_id": self.info.id,
            "config_hash": self.info.config_hash,
            "dataset": config.data.dataset,
            "dataset_fingerprint": self.dataset.store.fingerprint if self.dataset else "",
            "split": self.dataset.split_origin(config) if self.dataset else {},
            "signal": config.data.signal,
        }

    def _report(self, name: str, done: int, total: int | None) -> None:
        """Record the progress of a task beside the training, and stop there if asked to."""
        self.log.append("task", name=name, done=done, total=total)
        if self.has_trained:
            self.inbox.obey_stop_only(self.control)
        if self.control.stop_requested and not self.has_trained:
            raise StoppedError(
                f"The run was stopped at the task {name}, as asked",
                unharmed="Nothing had been trained in this session",
                action=f"Let it train: `heimdall-console run --resume {self.info.id}`",
            )
        if self.control.stop_requested:
            raise StoppedError(
                f"The run was stopped at the task {name}, as asked",
                unharmed="Its checkpoints are unharmed",
                action=f"Export one: `heimdall-console export {self.info.id}`; or go on: "
                f"`heimdall-console run --resume {self.info.id}`",
            )

    def _session_ids(self) -> list[str]:
        return self.data.examples.session_ids if isinstance(self.data, SessionData) else []

    def _place(self) -> Place:
        trainer = self.trainer
        done = int(trainer.fit_loop.epoch_loop.batch_progress.total.ready)
        return Place(done, trainer.global_rank, trainer.world_size)
