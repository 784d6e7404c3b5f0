"""What is left of a run: its chosen checkpoint evaluated on the test split, and exported."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from training_core.contract.checkpoints import CheckpointSidecar, mark_exported
from training_core.contract.files import sha256_file, write_atomic
from training_core.contract.jobs import EvaluateArguments, Report
from training_core.contract.records import encode_values
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogWriter
from training_core.contract.sections import ExportSection
from training_core.models.restore import load_network
from training_core.publishing.evaluate import evaluate
from training_core.publishing.export_folder import MODEL_FILE, export_folder

EVALUATION_FILE = "evaluation.json"
"""In the run directory: the chosen checkpoint beside methods without a network."""

_SHOWN = ("median_m", "mean_m", "p90_m")


@dataclass
class RunResults:
    """Makes the results of a run and announces them in its log.

    Publishing is the publisher's work: a slow server does not hold the run.
    """

    run: RunDir
    log: RunLogWriter
    checkpoint: Path
    """The chosen one."""
    sidecar: CheckpointSidecar
    """Its sidecar."""
    report: Report
    """Told what is done; stops the run there if that was asked for."""
    test: dict[str, float] = field(default_factory=dict)
    """Test metrics, once evaluated."""

    def evaluate(self, dataset: Path) -> None:
        """Evaluate on the test split, beside methods without a network on the same rows.

        Raises:
            DatasetError: The dataset changed under the run.
        """
        arguments = EvaluateArguments(model=str(self.checkpoint), dataset=dataset)
        result = evaluate(arguments, self.report)
        path = self.run.path / EVALUATION_FILE
        write_atomic(path, orjson.dumps(result, option=orjson.OPT_INDENT_2))
        methods = {name: method["metrics"] for name, method in result["methods"].items()}
        self.test = {
            f"test/{name}": float(value)
            for name, value in methods["network"].items()
            if value is not None
        }
        self.log.append(
            "metrics",
            step=self.sidecar.step,
            epoch=self.sidecar.epoch,
            values=encode_values(self.test),
        )
        self.log.append(
            "artifact",
            name=EVALUATION_FILE,
            path=EVALUATION_FILE,
            size_bytes=path.stat().st_size,
            sha256=sha256_file(path),
            register=None,
            summary={
                name: {metric: metrics[metric] for metric in _SHOWN}
                for name, metrics in methods.items()
            },
        )

        self._warn_of_better_methods(methods)

    def _warn_of_better_methods(self, methods: Mapping[str, Mapping[str, float | None]]) -> None:
        """Say so where a method without a network does better on the same rows."""
        medians = {
            name: median
            for name, metrics in methods.items()
            if (median := metrics.get("median_m")) is not None
        }
        best = min(medians, key=lambda name: medians[name], default="network")
        if medians.get(best) != medians.get("network"):
            self.log.append(
                "message",
                level="warning",
                text=f"The network's median error on the test rows, {medians['network']:.0f} m, is "
                f"worse than that of {best.replace('_', ' ')}, {medians[best]:.0f} m: train longer, "
                "or look at the data, before this model is used.",
            )

    def export(self, options: ExportSection, rows: object) -> None:
        """Export to ONNX with a proof; the record asks the publisher for the registration.

        Args:
            options: Opset, registered model and alias.
            rows: Validation rows: tensors by input name, or a batch for a model of one's own.

        Raises:
            ExportError: The network cannot be exported, or the file does not agree with it.
        """
        network, origin = load_network(self.checkpoint)
        self.report("export", 0, 1)
        folder = self.run.exports / options.model_name
        report = export_folder(
            network,
            origin,
            rows,
            folder,
            opset=options.opset,
            checkpoint_sha256=self.sidecar.sha256,
            step=self.sidecar.step,
            config=self.run.config_path,
            metrics={**self.sidecar.metrics, **self.test},
        )
        # The export stands without it; the run may be trained on.
        with contextlib.suppress(OSError):
            mark_exported(self.checkpoint)
        self.report("export", 1, 1)
        registration = {"name": options.model_name, "alias": options.alias}
        self.log.append(
            "artifact",
            name=MODEL_FILE,
            path=str(folder.relative_to(self.run.path)),
            size_bytes=report.proof.size_bytes,
            sha256=report.proof.sha256,
            register=registration if options.register_model else None,
            summary=report.proof.summary(),
        )
