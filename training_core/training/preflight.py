"""What a run would meet, tried for real before it starts: the job `preflight`."""

from typing import Any

import torch

from training_core.contract.config import Config
from training_core.contract.home import home_path
from training_core.contract.jobs import PreflightArguments, Report, no_report
from training_core.training.checks import Check, attempt, worst
from training_core.training.devices import accelerator, refuse_absent_device
from training_core.training.scratch import config_of_text, scratch_pipeline
from training_core.training.services import check_storage, check_tracking
from training_core.training.trial import Trial, world_size


def preflight(arguments: PreflightArguments, report: Report = no_report) -> dict[str, Any]:
    """Try everything that a run would need; nothing is left behind.

    Returns:
        `status` of all together, and `checks`: name → status, figures, why and action.

    Raises:
        ConfigError: The arguments hold no configuration.
        StoppedError: A person stopped the job.
    """
    config = config_of_text(arguments.config)
    home = home_path()
    found: dict[str, Check] = {"device": attempt(lambda: _device(config))}
    with scratch_pipeline(config) as pipeline:
        trial = Trial(config, pipeline, report)
        found["dataset"] = attempt(trial.load)
        if found["device"].status == "failed":
            untried = Check("skipped", why="The device cannot be used")
        elif found["dataset"].status == "failed":
            untried = Check("skipped", why="There is nothing to train on")
        else:
            found["training"] = attempt(trial.train)
            untried = Check("skipped", why="The trial of the training failed")
        if found.setdefault("training", untried).status in ("failed", "skipped"):
            found |= dict.fromkeys(("validation", "memory", "duration", "disk"), untried)
        else:
            found["validation"] = trial.validation()
            found["memory"] = trial.memory()
            found["duration"] = trial.duration()
            found["disk"] = attempt(trial.disk)
    found["tracking"] = attempt(lambda: check_tracking(config, home, report))
    found["storage"] = attempt(lambda: check_storage(config, home, report))
    return {
        "status": worst(list(found.values())),
        "checks": {name: check.as_json() for name, check in found.items()},
    }


def _device(config: Config) -> Check:
    refuse_absent_device(config.trainer)
    options = config.trainer
    figures: dict[str, Any] = {"wanted": options.devices, "nodes": options.num_nodes}
    if accelerator(options) == "gpu":
        names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        figures |= {"name": names[0], "present": len(names)}
        if options.devices > len(names):
            return Check(
                "failed",
                figures,
                why=f"{options.devices} GPUs are asked for and {len(names)} can be used",
                action=f"Use --devices {len(names)}, or look at CUDA_VISIBLE_DEVICES",
            )
    else:
        figures |= {"name": "cpu", "threads": torch.get_num_threads()}
    if world_size(config) > 1:
        return Check(
            "warning",
            figures,
            why=f"One of {world_size(config)} processes was tried: what they tell each other takes "
            "more time, and was not measured",
            action="Expect a longer run than is predicted here",
        )
    return Check(figures=figures)
