"""What a run would meet, tried for real before it starts: the job `preflight`."""

from collections.abc import Callable
from typing import Any

import torch

from training_core.contract.config import Config
from training_core.contract.home import home_path
from training_core.contract.jobs import FindingReport, PreflightArguments, no_report
from training_core.training.checks import Check, attempt, worst
from training_core.training.devices import accelerator, refuse_absent_device
from training_core.training.scratch import config_of_text, scratch_pipeline
from training_core.training.services import check_storage, check_tracking
from training_core.training.trial import Trial, world_size


def preflight(arguments: PreflightArguments, report: FindingReport = no_report) -> dict[str, Any]:
    """Try everything that a run would need; nothing is left behind.

    Returns:
        `status` of all together, and `checks`: name → status, figures, why and action.

    Raises:
        ConfigError: The arguments hold no configuration.
        StoppedError: A person stopped the job.
    """
    config = config_of_text(arguments.config)
    home = home_path()
    findings = _Findings(report)
    device = findings.try_it("device", lambda: _device(config))
    with scratch_pipeline(config) as pipeline:
        trial = Trial(config, pipeline, report)
        dataset = findings.try_it("dataset", trial.load)
        if "failed" in (device.status, dataset.status):
            why = "There is nothing to train on"
            if device.status == "failed":
                why = "The device cannot be used"
            training = findings.take("training", Check("skipped", why=why))
        else:
            training = findings.try_it("training", trial.train)
        parts = {
            "validation": trial.validation,
            "memory": trial.memory,
            "duration": trial.duration,
            "disk": trial.disk,
        }
        for name, check in parts.items():
            if training.status == "skipped":
                findings.take(name, training)
            elif training.status == "failed":
                findings.take(name, Check("skipped", why="The trial of the training failed"))
            else:
                findings.try_it(name, check)
    findings.try_it("tracking", lambda: check_tracking(config, home, report))
    findings.try_it("storage", lambda: check_storage(config, home, report))
    checks = findings.checks
    return {
        "status": worst(list(checks.values())),
        "checks": {name: check.as_json() for name, check in checks.items()},
    }


class _Findings:
    """The checks that were made, each told when it begins and when it has ended.

    Args:
        report: Told of them.
    """

    def __init__(self, report: FindingReport) -> None:
        self.checks: dict[str, Check] = {}
        self._report = report

    def try_it(self, name: str, check: Callable[[], Check]) -> Check:
        """Make a check."""
        self._report(name, 0, 1)
        return self.take(name, attempt(check))

    def take(self, name: str, check: Check) -> Check:
        """Keep what a check found."""
        self.checks[name] = check
        found = check.as_json()
        del found["detail"]  # A traceback belongs to the result, not to a line on a screen.
        self._report(name, 1, 1, found)
        return check


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
